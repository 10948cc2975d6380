"""Advice on whom sites let in and whom they tell; on keys, passwords, and names."""

import pytest

from deployer.advice.context import Context, Seen
from deployer.spec.vhost import VhostSpec
from tests.advice.examples import context, host, of, site

ALLOW = [{"cn": "alice"}]
TWO = ["clients", {"file": "partner.pem", "crl": "partner.crl"}]
APP = [{"path": "/", "to": "http://127.0.0.1:8080"}]
FAR = [{"path": "/", "to": "http://10.0.0.9:8080"}]
ON_HOST = {"on_host": {"certificate": "/etc/le/a.pem", "private_key": "/etc/le/a.key"}}
PASSWORDS = [{"path": "/a", "auth": "certificate_and_password"}]


def asking(*paths: dict[str, object], **told: object) -> Context:
    """A site with `client_auth` and paths."""
    return context(site(client_auth=told, paths=paths))


def telling(proxy: object = APP, *, verify: str = "require", **identity: object) -> Context:
    told = {"verify": verify, "identity": identity}
    return context(site(client_auth=told, proxy=proxy))


def passing(
    to: str, *others: dict[str, object], seen: Seen | None = None, **told: object
) -> Context:
    """A site with a backend."""
    return context(site(proxy=[{"path": "/", "to": to}, *others], **told), seen=seen)


def users(hashed: str, *, asked: bool = True) -> Context:
    paths = PASSWORDS if asked else []
    return context(site(passwords={"users": {"alice": hashed}}, paths=paths))


def bcrypt(cost: int) -> str:
    return f"$2y${cost:02}${'a' * 53}"


def in_a_file(line: str) -> Context:
    one = site(passwords={"file": "users.htpasswd"}, paths=PASSWORDS)
    return context(one, passwords={"users.htpasswd": f"{line}\n"})


def elsewhere(here: VhostSpec, there: VhostSpec, *, on: str = "web2") -> Context:
    return context(here, elsewhere={"a.lab": (("web1", here), (on, there))})


def settings(*sites: VhostSpec, **fields: object) -> Context:
    return Context(spec=host(*sites, **fields), now=context().now)


FIRES: list[tuple[str, Context]] = [
    ("MTLS-124", context(site(template="mine.conf.j2"))),
    ("MTLS-401", asking(revocation="none")),
    ("MTLS-402", asking(revocation="leaf")),
    ("MTLS-403", asking()),
    ("MTLS-403", asking({"path": "/a"}, verify="optional")),
    ("MTLS-404", asking(authorities=TWO, allow=ALLOW)),
    ("MTLS-404", asking(authorities=TWO, identity={"remote_user": "cn"})),
    ("MTLS-405", asking(allow=[{"serial": "0A1B"}])),
    ("MTLS-405", asking({"path": "/a", "allow": [{"serial": "0A1B", "cn": "a"}]})),
    ("MTLS-406", asking(allow=[{"email": "*corp.lab"}])),
    ("MTLS-406", asking({"path": "/a", "allow": [{"dns": "*corp.lab"}]})),
    ("MTLS-407", asking(verify="optional")),
    ("MTLS-408", telling(verify="none", headers=True)),
    ("MTLS-409", telling(verify="optional", headers={"X-User": "cn"})),
    ("MTLS-410", telling(FAR, headers=True)),
    ("MTLS-410", telling([{"path": "/", "to": "http://app.lab"}], headers=True)),
    ("MTLS-411", context(site(client_auth={"identity": {"headers": True}}))),
    ("MTLS-412", telling(remote_user="ou")),
    ("MTLS-412", asking(authorities=TWO, identity={"remote_user": "cn"})),
    ("MTLS-413", passing("http://127.0.0.1/")),
    ("MTLS-413", passing("http://localhost:80/app")),
    ("MTLS-413", passing("http://a.lab:8080", listen=8443, redirect_http=8080)),
    ("MTLS-413", passing("http://10.0.0.1", listen="10.0.0.1:443")),
    ("MTLS-413", passing("http://10.0.0.1", seen=Seen(addresses=frozenset({"10.0.0.1"})))),
    ("MTLS-413", passing("http://a.lab", {"path": "/b", "to": "https://b.lab"})),
    ("MTLS-501", context(site(server_aliases=["*.corp.lab"]), site(server_name="b.corp.lab"))),
    ("MTLS-501", context(site(server_aliases=["*.corp.lab"]),
                         site(server_name="b.c.corp.lab", server_aliases=["*.c.corp.lab"]))),
    ("MTLS-502", context(site(), site(server_name="b.lab", listen="10.0.0.1:443"))),
    ("MTLS-503", context(site(), site(listen="10.0.0.1:443"))),
    ("MTLS-504", elsewhere(site(), site(client_auth={"verify": "none"}))),
    ("MTLS-505", settings(site(), default_vhost="leave")),
    ("MTLS-506", context(site(hsts=True))),
    ("MTLS-506", context(site(extra='Header always set Strict-Transport-Security "max-age=1"'))),
    ("MTLS-507", context(site(certificate=ON_HOST, document_root=None, proxy=APP))),
    ("MTLS-508", context(site(document_root="/etc"))),
    ("MTLS-601", context(site(tls="modern", key_type="rsa-2048"))),
    ("MTLS-602", context(site(tls="modern", lifetime="91d"))),
    ("MTLS-602", context(site(lifetime="367d"))),
    ("MTLS-603", context(site(key_type="ed25519"))),
    ("MTLS-604", context(site(lifetime="36h"))),
    ("MTLS-605", settings(confirm_timeout=14)),
    ("MTLS-606", users(bcrypt(9))),
    ("MTLS-606", in_a_file("bob:$apr1$abcdefgh$aaaaaaaaaaaaaaaaaaaaaa")),
    ("MTLS-607", users(bcrypt(15))),
]  # fmt: skip
MISSES: list[tuple[str, Context]] = [
    ("MTLS-124", context(site())),
    ("MTLS-401", asking()),
    ("MTLS-401", asking(verify="none", revocation="none")),
    ("MTLS-402", asking()),
    ("MTLS-403", asking(allow=ALLOW)),
    ("MTLS-403", asking(verify="none")),
    ("MTLS-403", asking({"path": "/a", "allow": ALLOW}, verify="optional")),
    ("MTLS-404", asking(allow=ALLOW, identity={"remote_user": "cn"})),
    ("MTLS-404", asking(authorities=TWO)),
    ("MTLS-404", asking(authorities=TWO, allow=[{"cn": "alice", "o": "Partner"}])),
    ("MTLS-405", asking(allow=ALLOW)),
    ("MTLS-406", asking(allow=[{"email": "*@corp.lab"}, {"dns": "*.corp.lab"}, {"cn": "*x"}])),
    ("MTLS-406", asking(allow=[{"email": "ops-*@corp.lab"}])),
    ("MTLS-407", asking({"path": "/a"}, verify="optional")),
    ("MTLS-407", telling(verify="optional", environment=True)),
    ("MTLS-408", telling(verify="none")),
    ("MTLS-409", telling(headers=True)),
    ("MTLS-410", telling(headers=True)),
    ("MTLS-410", telling([{"path": "/", "to": "http://[::1]:8080"},
                          {"path": "/b", "to": "http://localhost/b"}], headers=True)),
    ("MTLS-410", telling(FAR, remote_user="cn")),
    ("MTLS-410", telling([{"path": "/", "to": "https://app.lab"}], headers=True)),
    ("MTLS-411", telling(headers=True)),
    ("MTLS-412", telling(remote_user="cn")),
    ("MTLS-413", passing("http://127.0.0.1:8080")),
    ("MTLS-413", passing("http://127.0.0.1", redirect_http=False)),
    ("MTLS-413", passing("http://b.lab")),
    ("MTLS-413", passing("http://127.0.0.1", listen="10.0.0.1:443")),
    ("MTLS-413", passing("http://127.0.0.1", {"path": "/b", "to": "https://b.lab"})),
    ("MTLS-413", passing("https://a.lab")),
    ("MTLS-501", context(site(server_name="z.lab", server_aliases=["*.corp.lab"]),
                         site(server_name="b.corp.lab"))),
    ("MTLS-501", context(site(server_aliases=["*.corp.lab"]),
                         site(server_name="b.corp.lab", listen=8443))),
    ("MTLS-501", context(site(server_aliases=["*.corp.lab"]), site(server_name="b.test"))),
    ("MTLS-502", context(site(), site(server_name="b.lab", listen="10.0.0.1:8443"))),
    ("MTLS-502", context(site(), site(listen="10.0.0.1:443"))),
    ("MTLS-503", context(site(), site(server_name="b.lab", listen="10.0.0.1:443"))),
    ("MTLS-503", context(site(), site(listen=8443))),
    ("MTLS-504", elsewhere(site(), site(document_root="/srv/other"))),
    ("MTLS-504", elsewhere(site(), site(listen=8443, client_auth={"verify": "none"}))),
    ("MTLS-504", elsewhere(site(), site(client_auth={"verify": "none"}), on="web1")),
    ("MTLS-505", settings(site())),
    ("MTLS-505", settings(default_vhost="leave")),
    ("MTLS-506", context(site(hsts=0))),
    ("MTLS-506", context(site(extra="# no Strict-Transport-Security here"))),
    ("MTLS-506", context(site(hsts=True, certificate=ON_HOST))),
    ("MTLS-507", context(site(certificate=ON_HOST))),
    ("MTLS-507", context(site(certificate=ON_HOST, document_root=None, proxy=APP,
                              client_auth={"verify": "optional"}))),
    ("MTLS-508", context(site(document_root="/etc/www"))),
    ("MTLS-601", context(site(key_type="rsa-2048"))),
    ("MTLS-601", context(site(tls="modern", key_type="rsa-2048", certificate=ON_HOST))),
    ("MTLS-602", context(site(tls="modern", lifetime="90d"))),
    ("MTLS-602", context(site(lifetime="366d"))),
    ("MTLS-603", context(site(key_type="p-384"))),
    ("MTLS-604", context(site(lifetime="7d"))),
    ("MTLS-605", settings(confirm_timeout=15)),
    ("MTLS-606", users(bcrypt(10))),
    ("MTLS-606", users(bcrypt(9), asked=False)),
    ("MTLS-606", in_a_file(f"bob:{bcrypt(12)}")),
    ("MTLS-607", users(bcrypt(14))),
]  # fmt: skip


@pytest.mark.parametrize(("number", "about"), FIRES)
def test_what_may_not_be_meant_is_pointed_out(number: str, about: Context) -> None:
    assert of(number, about)


@pytest.mark.parametrize(("number", "about"), MISSES)
def test_what_is_meant_is_not(number: str, about: Context) -> None:
    assert not of(number, about)


def test_a_finding_about_a_password_names_its_user_and_nothing_of_its_hash() -> None:
    (found,) = of("MTLS-606", users(bcrypt(5)))

    assert found.message == "the password of alice has bcrypt cost 5"
