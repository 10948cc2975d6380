"""How a site is divided into areas, and what each of them requires."""

import re
from typing import Any

from deployer.apache.access import Area, Group, areas
from deployer.spec.vhost import VhostSpec

ISSUER = "CN=Clients"
VERIFIED = "expr %{SSL_CLIENT_VERIFY} == 'SUCCESS'"
OURS = f"expr %{{SSL_CLIENT_I_DN}} == '{ISSUER}'"
STAFF, ADMINS = ({"cn": name} for name in ("staff", "admins"))
PASSWORDS = {"passwords": {"users": {"alice": "$2y$10$" + "a" * 53}}}


def divided(client_auth: dict[str, Any], *paths: dict[str, Any], **fields: Any) -> list[Area]:
    site = {"server_name": "a.lab", "document_root": "/srv/a", "client_auth": client_auth}
    spec = VhostSpec.model_validate(site | fields | {"paths": paths})
    return list(areas(spec, (ISSUER,)))


def named(name: str) -> str:
    return f"expr %{{SSL_CLIENT_S_DN_CN}} == '{name}'"


def test_a_strict_site_is_one_area() -> None:
    (area,) = divided({"verify": "require", "allow": [STAFF]})

    assert (area.path, area.requires) == ("/", (VERIFIED, OURS, named("staff")))


def test_any_of_several_rules_lets_in() -> None:
    (area,) = divided({"verify": "require", "allow": [STAFF, ADMINS]})

    assert area.requires[2:] == (Group("RequireAny", (named("staff"), named("admins"))),)


def test_an_optional_site_is_open_but_for_its_paths() -> None:
    (area,) = divided({"verify": "optional"}, {"path": "/admin"})

    assert (area.path, area.without, area.requires) == ("/admin", (), (VERIFIED, OURS))


def test_a_closed_site_leaves_out_what_is_public() -> None:
    (area,) = divided(
        {"verify": "optional", "allow": [STAFF]},
        {"path": "/"},
        {"path": "/health", "auth": "public"},
    )

    assert area.without == ("/health",)
    assert area.requires == (VERIFIED, OURS, named("staff"))
    for closed in ("/", "/healthy", "/x/health", "/HEALTH"):
        assert re.search(area.pattern, closed)
    for public in ("/health", "/health/live"):
        assert not re.search(area.pattern, public)


def test_what_is_closed_below_the_public_is_closed() -> None:
    site, deep = divided(
        {"verify": "optional"},
        {"path": "/"},
        {"path": "/pub", "auth": "public"},
        {"path": "/pub/keys", "allow": [ADMINS]},
    )

    assert site.without == ("/pub",)
    assert (deep.path, deep.requires) == ("/pub/keys", (VERIFIED, OURS, named("admins")))


def test_a_second_factor_for_the_whole_site_is_one_section() -> None:
    (area,) = divided(
        {"verify": "require", "allow": [STAFF]},
        {"path": "/", "auth": "certificate_and_password"},
        **PASSWORDS,
    )

    assert area.asks_for_password
    assert area.requires == (VERIFIED, OURS, named("staff"), "valid-user")


def test_a_paths_own_allow_list_replaces_the_sites() -> None:
    everywhere, around, admin = divided(
        {"verify": "require", "allow": [STAFF]}, {"path": "/admin", "allow": [ADMINS]}
    )

    assert everywhere.requires == (VERIFIED, OURS)
    assert (around.without, around.requires) == (("/admin",), (named("staff"),))
    assert admin.requires == (named("admins"),)


def test_either_proof_is_the_whole_of_it() -> None:
    (area,) = divided(
        {"verify": "optional"}, {"path": "/a", "auth": "certificate_or_password"}, **PASSWORDS
    )

    client = Group("RequireAll", (VERIFIED, OURS))
    assert area.requires == (Group("RequireAny", (client, "valid-user")),)
