from datetime import timedelta

import pytest
from pydantic import ValidationError

from deployer.pki.keys import KeyType
from deployer.spec.supplied import ClientAuthority
from deployer.spec.vhost import VhostSpec


def vhost(**fields: object) -> VhostSpec:
    return VhostSpec.model_validate({"server_name": "a.lab", "document_root": "/srv"} | fields)


def why(**fields: object) -> str:
    with pytest.raises(ValidationError) as caught:
        vhost(**fields)
    return str(caught.value)


def test_a_name_and_a_directory_are_enough() -> None:
    site = vhost()

    assert (site.address, site.port, site.ip, site.slug) == ("*:443", 443, None, "a.lab")
    assert site.client_auth.verify == "require"
    assert site.client_auth.depth is None
    assert site.client_auth.authorities == (ClientAuthority(),)
    assert site.client_auth.revocation == "chain"
    assert (site.tls, site.certificate.is_issued) == ("intermediate", True)
    assert (site.key_type, site.lifetime) == (KeyType.P256, timedelta(days=90))


def test_names_are_lower_case_a_labels_and_each_is_there_once() -> None:
    site = vhost(server_name="Bücher.Example", server_aliases=["*.Lab.test", "BÜCHER.example"])

    assert site.names == ("xn--bcher-kva.example", "*.lab.test")


@pytest.mark.parametrize(
    ("listen", "address", "port", "slug"),
    [
        (8443, "*:8443", 8443, "a.lab_8443"),
        ("8443", "*:8443", 8443, "a.lab_8443"),
        ("*:443", "*:443", 443, "a.lab"),
        ("192.0.2.1:443", "192.0.2.1:443", 443, "a.lab_192.0.2.1"),
        ("[2001:DB8::1]:8443", "[2001:db8::1]:8443", 8443, "a.lab_2001-db8--1_8443"),
    ],
)
def test_it_listens_on_a_port_or_on_an_address_with_a_port(
    listen: object, address: str, port: int, slug: str
) -> None:
    site = vhost(listen=listen)

    assert (site.address, site.port, site.slug) == (address, port, slug)


@pytest.mark.parametrize(
    "listen",
    [True, 0, 65536, "443x", "host.lab:443", "2001:db8::1:443", "[10.0.0.1]:443", "[::1]", "",
     "10.0.0.1:443\nListen 1", "[fe80::1%eth0]:443", 1.5, None, "٤٤٣"],
)  # fmt: skip
def test_anything_else_is_nothing_to_listen_on(listen: object) -> None:
    assert "listen" in why(listen=listen)


@pytest.mark.parametrize(
    "name",
    ["a b", "a.lab\nListen 1", "a.lab>", "${PATH}", "a_b.lab", "*.lab.test", "a/b", "https://a",
     "a.lab.", "-a.lab", "10.0.0.1", "", 'a"', "%{HTTP_HOST}", "a" * 64, "a;b", 5, True],
)  # fmt: skip
def test_a_server_name_is_a_host_name(name: object) -> None:
    assert "server_name" in why(server_name=name)


@pytest.mark.parametrize(
    "path",
    ["srv", "", "/srv/../etc", "/srv\nListen 1", "/srv/${PATH}", '/srv"', "/srv/*", "/s>", "/s\\",
     "/s\0", "//srv", "/s\u202e", "/srv/\x7f", 5],
)  # fmt: skip
def test_a_document_root_is_an_absolute_path_that_apache_can_say(path: object) -> None:
    assert "document_root" in why(document_root=path)


def test_a_document_root_may_have_spaces_and_letters_of_any_language() -> None:
    assert vhost(document_root="/srv/Größe 1/").document_root == "/srv/Größe 1"


@pytest.mark.parametrize(
    ("path", "to", "target"),
    [
        ("/", "http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
        ("/app", "http://app.lab:8080/", "http://app.lab:8080"),
        ("/app/", "http://[::1]:8443/x", "http://[::1]:8443/x/"),
        ("/app", "http://app.lab/x", "http://app.lab/x"),
    ],
)
def test_both_ends_of_a_route_agree_on_the_slash_at_the_end(
    path: str, to: str, target: str
) -> None:
    (route,) = vhost(proxy=[{"path": path, "to": to}]).proxy

    assert (route.path, route.to) == (path, target)


@pytest.mark.parametrize(
    "to",
    ["ftp://a", "http://", "http://a b", "http://a:0", "http://a:99999", "http://u:p@a", "!x",
     "http://a/\nListen 1", "http://a/?q", "http://a/#f", "http://${X}/", "http://a/$1",
     "http://a/%{X}", "unix:/run/a|http://a/", "http://[::1", "//a", "http://a/../b"],
)  # fmt: skip
def test_a_backend_is_an_http_url_without_surprises(to: str) -> None:
    assert "proxy" in why(proxy=[{"path": "/", "to": to}])


@pytest.mark.parametrize("path", ["x", "", "/a b", "/a\n", "/%2e", "/../", "/${X}", "/a?b"])
def test_a_proxied_path_is_the_path_of_a_url(path: str) -> None:
    assert "proxy" in why(proxy=[{"path": path, "to": "http://a"}])


def test_one_path_has_one_backend() -> None:
    assert "proxy has /a twice" in why(proxy=[{"path": "/a", "to": "http://a"}] * 2)


def test_a_site_serves_something() -> None:
    assert "document_root or proxy is needed" in why(document_root=None)


@pytest.mark.parametrize(
    ("value", "advice"),
    [(False, "YAML reads this as false: write none"), (True, "write require"), ("on", "require")],
)
def test_yaml_booleans_are_no_way_to_verify(value: object, advice: str) -> None:
    assert advice in why(client_auth={"verify": value})


@pytest.mark.parametrize(
    "client_auth",
    [
        {"depth": 0},
        {"depth": True},
        {"depth": "deep"},
        {"authorities": []},
        {"authorities": ["strangers"]},
        {"revocation": False},
        {"verify": "optional_no_ca"},
        {"allow": [{}]},
        "require",
    ],
)
def test_what_would_not_protect_is_refused(client_auth: object) -> None:
    assert "client_auth" in why(client_auth=client_auth)


@pytest.mark.parametrize(
    ("written", "lifetime"), [("90d", timedelta(days=90)), ("12h", timedelta(hours=12))]
)
def test_a_lifetime_is_days_or_hours(written: str, lifetime: timedelta) -> None:
    assert vhost(lifetime=written).lifetime == lifetime


@pytest.mark.parametrize("lifetime", ["0d", "398d", "90", 90, True, "forever", "-1d", "999999d"])
def test_a_lifetime_is_one_that_clients_accept(lifetime: object) -> None:
    assert "lifetime" in why(lifetime=lifetime)


def test_the_schema_of_a_site_can_be_printed() -> None:
    schema = VhostSpec.model_json_schema()

    assert schema["additionalProperties"] is False
    assert schema["properties"]["lifetime"]["type"] == "string"


FILES = {"certificate": "a.pem", "private_key": "a.key"}
ON_HOST = {"certificate": "/etc/le/fullchain.pem", "private_key": "/etc/le/privkey.pem"}


def test_a_certificate_is_issued_or_comes_from_files_or_is_on_the_host() -> None:
    files = vhost(certificate={"files": FILES}).certificate
    there = vhost(certificate={"on_host": ON_HOST}).certificate

    assert vhost(certificate="issued").certificate.is_issued
    assert not files.is_issued
    assert files.files is not None
    assert files.files.chain is None
    assert there.on_host is not None
    assert there.on_host.paths == ("/etc/le/fullchain.pem", "/etc/le/privkey.pem")


@pytest.mark.parametrize(
    "certificate",
    [
        *("isued", None, 1, [], {"files": {"certificate": "a.pem"}}),
        {},
        {"files": None},
        {"files": None, "on_host": None},
        {"files": FILES, "on_host": ON_HOST},
        {"on_host": ON_HOST | {"private_key": "relative.key"}},
        {"on_host": ON_HOST | {"certificate": '/a"b'}},
        {"files": FILES | {"certificate": "a\nb"}},
        {"files": FILES | {"key": "a.key"}},
    ],
)
def test_a_certificate_that_says_something_else_is_refused(certificate: object) -> None:
    assert "certificate" in why(certificate=certificate)


def test_client_authorities_are_ours_or_in_files() -> None:
    site = vhost(client_auth={"authorities": ["clients", {"file": "a.pem", "crl": "a.crl"}]})

    ours, theirs = site.client_auth.authorities
    assert (ours.file, theirs.file, theirs.crl) == (None, "a.pem", "a.crl")
    wrongs: list[list[object]] = [["cleints"], [{"crl": "a.crl"}], [{"fil": "a.pem"}], [None]]
    for wrong in wrongs:
        assert "authorities" in why(client_auth={"authorities": wrong})


@pytest.mark.parametrize(
    ("authorities", "words"),
    [
        ([], "is empty: name one at least"),
        (["client"], "did you mean clients?"),
        ([{"file": None}], "file is empty: must be clients, or {file"),
        ([{}], "it is empty: must be clients"),
        ([{"fil": None}], "authorities.0.fil\n"),
    ],
)
def test_what_is_wrong_with_authorities_is_said_in_words(authorities: object, words: str) -> None:
    assert words in why(client_auth={"authorities": authorities})


def test_an_empty_path_never_means_ours() -> None:
    assert "files is empty: must be issued" in why(certificate={"files": None})
    assert "did you mean issued?" in why(certificate="isued")
