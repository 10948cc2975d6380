"""Advice on what a host itself has, by what it said when it was observed."""

from dataclasses import replace
from typing import Any

import pytest

from deployer.advice.context import Context, Seen
from deployer.existing import Existing, Scoreboard, Site
from tests.advice.examples import NOW, context, host, of, site

ROOT = "/etc/apache2/deployer"
VHOSTS = "/etc/apache2/sites-enabled"
OTHERS = [{"file": "partner.pem", "crl": "partner.crl"}]
MODERN = site(tls="modern")
CHAT = site(proxy=[{"path": "/", "to": "http://127.0.0.1:8080", "websocket": True}])


def there(file: str, *, address: str = "*:443", name: str = "x.lab", default: bool = True) -> Site:
    return Site(address=address, server_name=name, file=file, line=1, default=default, tls=True)


def apache(
    *sites: Site, limit: int = 16, processes: int = 2, mpm: str = "mpm_event"
) -> dict[str, Any]:
    board = Scoreboard(
        processes=processes, server_limit=limit, threads_per_child=25, max_request_workers=150
    )
    return {
        "root": ROOT,
        "vhost_dir": VHOSTS,
        "existing": Existing(sites=sites, modules=frozenset({mpm}), scoreboard=board),
    }


def seen(*sites: Any, **fields: Any) -> Context:
    return context(*(sites or [site()]), seen=Seen(**fields))


MADE_BY_A_PACKAGE = replace(
    there(f"{VHOSTS}/ssl.conf"), certificate="/etc/localhost.crt", nameless=True
)
OURS = there(f"{ROOT}/current/sites/a.lab.conf", default=False)
TWO_TRUSTS = (site(), site(server_name="b.lab", client_auth={"authorities": OTHERS}))
ALIKE = (site(), site(server_name="b.lab"))

FIRES = [
    ("MTLS-701", seen(MODERN, apache=(2, 4, 35), openssl=(3, 0))),
    ("MTLS-701", seen(MODERN, apache=(2, 4, 66), openssl=(1, 1, 0))),
    ("MTLS-702", seen(CHAT, apache=(2, 4, 46))),
    ("MTLS-703", seen(*TWO_TRUSTS, apache=(2, 4, 63))),
    ("MTLS-703", seen(ALIKE[0], site(server_name="b.lab", client_auth={"verify": "none"}),
                      apache=(2, 4, 63))),
    ("MTLS-704", seen(site(http2=True), **apache(mpm="mpm_prefork"))),
    ("MTLS-705", seen(**apache(there(f"{VHOSTS}/000-aaa.conf")))),
    ("MTLS-705", seen(**apache(there("/etc/apache2/conf-enabled/x.conf")))),
    ("MTLS-705", seen(**apache(there(f"{VHOSTS}/zzz.conf"), OURS))),
    ("MTLS-706", seen(**apache(there(f"{VHOSTS}/000-default.conf", address="*:80")))),
    ("MTLS-707", seen(**apache(limit=5))),
    ("MTLS-707", seen(**apache(limit=16, processes=16))),
    ("MTLS-708", seen(site(listen="192.0.2.9:443"), addresses=frozenset({"192.0.2.1"}))),
    ("MTLS-709", seen(**apache(there(f"{VHOSTS}/old.conf", name="a.lab")))),
    ("MTLS-710", seen(**apache(there(f"{VHOSTS}/default-ssl.conf")))),
    ("MTLS-710", seen(**apache(there(f"{VHOSTS}/old.conf", address="*:80")))),
    ("MTLS-710", seen(site(listen="192.0.2.1:443"), **apache(there(f"{VHOSTS}/000-a.conf")))),
]  # fmt: skip
MISSES = [
    ("MTLS-701", seen(MODERN, apache=(2, 4, 36), openssl=(1, 1, 1))),
    ("MTLS-701", seen(MODERN)),
    ("MTLS-701", seen(apache=(2, 4, 35))),
    ("MTLS-702", seen(CHAT, apache=(2, 4, 47))),
    ("MTLS-702", seen(CHAT)),
    ("MTLS-703", seen(*TWO_TRUSTS, apache=(2, 4, 64))),
    ("MTLS-703", seen(*ALIKE, apache=(2, 4, 63))),
    ("MTLS-703", seen(ALIKE[0], site(server_name="b.lab", listen=8443,
                                     client_auth={"authorities": OTHERS}), apache=(2, 4, 63))),
    ("MTLS-704", seen(site(http2=True), **apache())),
    ("MTLS-704", seen(**apache(mpm="mpm_prefork"))),
    ("MTLS-705", seen(**apache(there(f"{VHOSTS}/default-ssl.conf")))),
    ("MTLS-705", seen(**apache(there(f"{VHOSTS}/000-aaa.conf", address="*:8443")))),
    ("MTLS-705", seen(**apache(there(f"{ROOT}/current/sites/000-server.conf"), OURS))),
    ("MTLS-706", seen(site(redirect_http=False),
                      **apache(there(f"{VHOSTS}/000-default.conf", address="*:80")))),
    ("MTLS-707", seen(**apache(limit=6))),
    ("MTLS-707", seen(**apache(limit=5, mpm="mpm_prefork"))),
    ("MTLS-708", seen(site(listen="192.0.2.1:443"), addresses=frozenset({"192.0.2.1"}))),
    ("MTLS-708", seen(site(listen="0.0.0.0:443"), addresses=frozenset({"192.0.2.1"}))),
    ("MTLS-708", seen(site(listen="192.0.2.9:443"))),
    ("MTLS-709", seen(**apache(OURS, there(f"{VHOSTS}/old.conf", name="b.lab")))),
    ("MTLS-709", seen(**apache(there(f"{VHOSTS}/old.conf", name="a.lab", address="*:80")))),
    ("MTLS-710", seen(**apache(there(f"{VHOSTS}/000-default.conf", address="*:80")))),
    ("MTLS-710", seen(**apache(there(f"{VHOSTS}/default-ssl.conf", address="192.0.2.1:443")))),
    ("MTLS-710", seen(**apache(there(f"{ROOT}/current/sites/000-server.conf")))),
    ("MTLS-710", seen(**apache(MADE_BY_A_PACKAGE), placeholder="/etc/localhost.crt")),
    ("MTLS-710", Context(spec=host(site(), default_vhost="leave"), now=NOW,
                         seen=Seen(**apache(there(f"{VHOSTS}/default-ssl.conf"))))),
]  # fmt: skip


@pytest.mark.parametrize(("number", "about"), FIRES)
def test_a_host_that_does_not_fit_is_pointed_out(number: str, about: Context) -> None:
    assert of(number, about)


@pytest.mark.parametrize(("number", "about"), MISSES)
def test_a_host_that_fits_is_not(number: str, about: Context) -> None:
    assert not of(number, about)


def test_the_default_of_somebody_else_is_named_with_its_file() -> None:
    (found,) = of("MTLS-705", seen(**apache(there("/etc/apache2/conf-enabled/x.conf"))))

    assert found.subject == "*:443"
    assert found.message == "x.lab in /etc/apache2/conf-enabled/x.conf is the default there"


def test_the_room_for_reloads_is_told_as_a_number() -> None:
    (found,) = of("MTLS-707", seen(**apache(limit=4)))

    assert found.message == "4: after 4 reloads during long requests none can start"
