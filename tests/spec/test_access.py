"""What an inventory may say about who comes in where, and what it must not."""

from typing import Any

import pytest
from pydantic import ValidationError

from deployer.spec.access import HEADERS
from deployer.spec.vhost import VhostSpec

OPTIONAL = {"client_auth": {"verify": "optional"}}
HASH = "$2y$10$" + "a" * 53
PASSWORDS = {"passwords": {"users": {"alice": HASH}}}


def site(**fields: Any) -> VhostSpec:
    return VhostSpec.model_validate({"server_name": "a.lab", "document_root": "/srv/a"} | fields)


def path(path: str, **fields: Any) -> dict[str, Any]:
    return {"path": path} | fields


@pytest.mark.parametrize("written", ["/admin", "/admin/"])
def test_a_path_speaks_for_itself_and_all_below(written: str) -> None:
    (rule,) = site(**OPTIONAL, paths=[path(written)]).paths

    assert rule.path == "/admin"
    assert rule.covers("/admin/users")
    assert not rule.covers("/administration")


def test_the_whole_site_is_a_path_as_well() -> None:
    root, health = site(**OPTIONAL, paths=[path("/"), path("/health", auth="public")]).paths

    assert root.covers(health.path)
    assert not root.covers("/")


@pytest.mark.parametrize(
    ("serial", "compared"),
    [("0a:1B", "0A1B"), ("a", "0A"), ("0x00ff", "FF"), ("00 01", "01")],
)
def test_a_serial_number_is_written_as_apache_writes_it(serial: str, compared: str) -> None:
    (rule,) = site(client_auth={"allow": [{"serial": serial}]}).client_auth.allow

    assert rule.given == {"serial": compared}


def test_headers_true_means_ours() -> None:
    told = site(client_auth={"identity": {"headers": True}}).client_auth.identity

    assert told.headers == HEADERS


def test_hashes_of_passwords_are_not_shown() -> None:
    assert HASH not in repr(site(**PASSWORDS))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"paths": [path("/a//b")]}, "is not a path of a URL"),
        ({"paths": [path("/a/../b")]}, "is not a path of a URL"),
        ({"paths": [path("admin")]}, "is not a path of a URL"),
        ({"paths": [path("/a"), path("/a/")]}, "has /a twice"),
        ({"paths": [path("/", allow=[{"cn": "a"}])]}, "is client_auth.allow"),
        ({"paths": [path("/a", auth="public", allow=[{"cn": "a"}])]}, "allow has no meaning"),
        ({"paths": [path("/a", auth="public")]}, "set client_auth.verify: optional"),
        (OPTIONAL | {"paths": [path("/a", auth="public")]}, "nothing around it is closed"),
        (OPTIONAL | {"paths": [path("/", auth="public")]}, "nothing around it is closed"),
        (PASSWORDS | {"paths": [path("/a", auth="certificate_or_password")]}, "verify: optional"),
        ({"paths": [path("/a", auth="certificate_and_password")]}, "passwords is missing"),
        ({"client_auth": {"verify": "none"}, "paths": [path("/a")]}, "/a needs certificates"),
        ({"client_auth": {"verify": "none", "allow": [{"cn": "a"}]}}, "allow needs certificates"),
        ({"client_auth": {"verify": "optional", "allow": [{"cn": "a"}]}}, "everybody comes in"),
        ({"client_auth": {"allow": [{}]}}, "says nothing"),
        ({"client_auth": {"allow": [{"cn": "*"}]}}, "matches everything"),
        ({"client_auth": {"allow": [{"cn": "a[bc]"}]}}, "globs know"),
        ({"client_auth": {"allow": [{"serial": 1234}]}}, "put it in quotes"),
        ({"client_auth": {"allow": [{"serial": "xyz"}]}}, "is not a serial number"),
        ({"client_auth": {"identity": {"headers": {"User-Agent": "cn"}}}}, "has a meaning"),
        ({"client_auth": {"identity": {"headers": {"Name": "cn"}}}}, "one to three dashes"),
        (
            {"client_auth": {"identity": {"headers": {"X-Name": "cn", "x-name": "ou"}}}},
            "one header twice",
        ),
        ({"passwords": {"users": {"alice": "secret"}}}, "is not a bcrypt hash"),
        ({"passwords": {"users": {"al ice": HASH}}}, "is not a user name"),
        ({"passwords": {}}, "users or a file"),
        (
            PASSWORDS
            | {
                "client_auth": {"identity": {"remote_user": "cn"}},
                "paths": [path("/", auth="certificate_and_password")],
            },
            "switches passwords off",
        ),
    ],
)
def test_what_would_open_or_lock_more_than_meant_is_refused(
    fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        site(**fields)

    assert said in str(refused.value)
