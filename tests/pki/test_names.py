import ipaddress

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from deployer.pki.general_names import upn_name, upn_text
from deployer.pki.issue import authority_subject
from deployer.pki.names import (
    InvalidName,
    dns_name,
    email_address,
    host_name,
    identity_alternative_names,
    identity_name,
    subject_alternative_names,
    upn,
    uri,
)
from deployer.pki.profiles import SERVERS


@pytest.mark.parametrize(
    ("written", "certified"),
    [
        ("api.example.com", "api.example.com"),
        ("API.Example.COM", "api.example.com"),
        ("localhost", "localhost"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("xn--strae-oqa.example", "xn--strae-oqa.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("1.example.com", "1.example.com"),
        ("r3---sn.example.com", "r3---sn.example.com"),
    ],
)
def test_a_dns_name_becomes_lower_case_a_labels(written: str, certified: str) -> None:
    assert dns_name(written) == certified


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a b.example.com",
        " api.example.com",
        "api.example.com.",
        "api..example.com",
        ".example.com",
        "http://example.com",
        "example.com:443",
        "example.com/path",
        "under_score.example.com",
        "-a.example.com",
        "a-.example.com",
        "10.0.0.256",
        "a" * 64 + ".example.com",
        "a." * 127 + "com",
        "ex\nample.com",
        "example.com\x00.evil.com",
        "straße.example",
        "xn--\u0661.example",
        "xn--99999999.example",
        "*.example.com",
        "${HOST}",
    ],
)
def test_what_is_no_dns_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidName, match="not a DNS name"):
        dns_name(text)


@pytest.mark.parametrize(
    "text", ["*", "*.", "*.com", "a.*.com", "*a.example.com", "**.example.com"]
)
def test_a_wildcard_is_the_whole_left_most_label(text: str) -> None:
    with pytest.raises(InvalidName):
        dns_name(text, wildcard=True)


def test_a_wildcard_passes_where_it_is_allowed() -> None:
    assert dns_name("*.Example.com", wildcard=True) == "*.example.com"


@given(st.text(max_size=80))
def test_a_dns_name_is_refused_or_stable_and_plain(text: str) -> None:
    try:
        name = dns_name(text, wildcard=True)
    except InvalidName:
        return
    assert dns_name(name, wildcard=True) == name
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.*")
    assert x509.DNSName(name).value == name


def test_an_address_is_never_certified_as_a_name() -> None:
    assert host_name("10.0.0.1") == x509.IPAddress(ipaddress.ip_address("10.0.0.1"))
    assert host_name("::1") == x509.IPAddress(ipaddress.ip_address("::1"))
    with pytest.raises(InvalidName):
        host_name("fe80::1%eth0")


@pytest.mark.parametrize(
    "text", ["alice", "John Smith", "alice@example.com", "Zoë", "ci:deploy", "a.b"]
)
def test_an_identity_may_be_called_as_people_and_machines_are(text: str) -> None:
    assert identity_name(text) == text


def test_an_identity_typed_on_a_mac_is_the_same_identity() -> None:
    assert identity_name("Zoe\u0308") == "Zoë"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        " alice",
        "alice ",
        "a/b",
        "a\\b",
        "..",
        ".hidden",
        "-o",
        "--help",
        "a\nb",
        "a\x00b",
        "a\u202eb",
        "x" * 65,
    ],
)
def test_an_identity_is_not_called_like_a_path_an_option_or_nothing(text: str) -> None:
    with pytest.raises(InvalidName, match="not an identity's name"):
        identity_name(text)


@pytest.mark.parametrize(
    "text", ["alice", "@b.c", "a@", "a b@c.d", ".a@c.d", "a..b@c.d", "A <a@c.d>"]
)
def test_what_is_no_mailbox_is_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        email_address(text)


@pytest.mark.parametrize("text", ["example.com", "//x", "urn:a b", "http://bücher.example", ""])
def test_what_is_no_absolute_uri_is_refused(text: str) -> None:
    with pytest.raises(InvalidName):
        uri(text)


def test_every_name_is_certified_once() -> None:
    names = subject_alternative_names(
        hosts=["a.example", "A.example", "::1"], emails=["a@b.example"], uris=["spiffe://x/y"]
    )

    assert names == (
        x509.DNSName("a.example"),
        x509.IPAddress(ipaddress.ip_address("::1")),
        x509.RFC822Name("a@b.example"),
        x509.UniformResourceIdentifier("spiffe://x/y"),
    )


def test_an_identity_without_another_name_repeats_its_subject() -> None:
    (name,) = identity_alternative_names("alice")

    assert isinstance(name, x509.DirectoryName)
    assert name.value.rfc4514_string() == "CN=alice"


def test_an_identity_called_like_a_mailbox_has_one() -> None:
    mailbox = x509.RFC822Name("a@b.example")

    assert identity_alternative_names("a@b.example") == (mailbox,)
    assert identity_alternative_names("alice", emails=["a@b.example"]) == (mailbox,)


@pytest.mark.parametrize("organization", ["", " ", "x ", "a\nb", "x" * 60])
def test_an_organization_must_fit_into_its_authorities_names(organization: str) -> None:
    with pytest.raises(InvalidName, match="organization"):
        authority_subject(SERVERS, organization, 1)


@pytest.mark.parametrize(
    "text", ["alice@CORP.LOCAL", "alice@CORP", "j.o'neill@corp.example", "zoë@corp.example"]
)
def test_a_user_principal_name_keeps_its_case_and_becomes_a_utf8_string(text: str) -> None:
    (name,) = identity_alternative_names("alice", upns=[text])

    assert isinstance(name, x509.OtherName)
    assert name.type_id.dotted_string == "1.3.6.1.4.1.311.20.2.3"
    assert name.value == b"\x0c" + bytes([len(text.encode())]) + text.encode()


@pytest.mark.parametrize("size", [1, 127, 128, 255, 256, 1000])
def test_a_user_principal_name_of_any_length_is_read_back(size: int) -> None:
    name = upn_name("x" * size)

    assert upn_text(name) == "x" * size
    assert upn_text(x509.OtherName(name.type_id, name.value + b"y")) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alice",
        "@corp",
        "alice@",
        "a b@corp",
        "a@b@corp",
        "corp\\alice@corp",
        ".a@corp",
        "a..b@corp",
        "a@corp..local",
        "a@-corp",
        "a@corp.",
        "a\nb@corp",
        "a" * 1024 + "@corp",
    ],
)
def test_what_is_no_user_principal_name_is_refused(text: str) -> None:
    with pytest.raises(InvalidName, match="not a user principal name"):
        upn(text)


def test_a_name_is_measured_as_verifiers_do() -> None:
    assert identity_name("é" * 32) == "é" * 32
    with pytest.raises(InvalidName, match="longer than 64") as refusal:
        identity_name("é" * 33)
    assert "accents" in refusal.value.hint
