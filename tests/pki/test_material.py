"""What is refused before it is sent to a host, in words that say what to do."""

import ssl
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from deployer.pki.keys import KeyType, private_key_pem
from deployer.pki.material import Problem, check_server
from deployer.pki.pem import write_certificates
from tests.pki.examples import NOW, client_leaf, key_of, pki, server_leaf

LEAF = server_leaf(pki().servers, "api.example.com", "10.0.0.1", "*.web.example.com")
ISSUER = pki().servers.authority.certificate
ROOT = pki().root.authority.certificate
KEY = private_key_pem(key_of(KeyType.P256, "server"))
GOOD = write_certificates([LEAF, ISSUER])

# The library reads serial numbers of zero and below, which old authorities have, with a warning.
UNSIGHTLY = pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")


def check(
    fullchain: bytes = GOOD,
    private_key: bytes | None = KEY,
    names: tuple[str, ...] = ("api.example.com",),
    *,
    days: int = 0,
) -> tuple[Problem, ...]:
    return check_server(
        "web1: api.example.com",
        fullchain=fullchain,
        private_key=private_key,
        names=names,
        now=NOW + timedelta(days=days),
    )


def messages(problems: tuple[Problem, ...]) -> str:
    assert all(problem.subject == "web1: api.example.com" for problem in problems)
    return "; ".join(problem.message for problem in problems)


@pytest.mark.parametrize("fullchain", [GOOD, GOOD + ROOT.public_bytes(Encoding.PEM)])
def test_good_material_has_no_problems(fullchain: bytes) -> None:
    names = ("api.example.com", "API.example.com", "10.0.0.1", "a.web.example.com")

    assert check(fullchain, names=names) == ()


def test_a_key_that_stayed_on_its_host_is_not_asked_for() -> None:
    assert check(private_key=None) == ()


def test_another_ones_key_is_found() -> None:
    other = private_key_pem(key_of(KeyType.P256, "other"))

    assert "private key does not belong to CN=api.example.com" in messages(check(private_key=other))


def test_a_key_of_another_type_is_found() -> None:
    other = private_key_pem(key_of(KeyType.RSA2048, "other"))

    assert "does not belong" in messages(check(private_key=other))


def test_a_key_with_a_passphrase_is_found() -> None:
    locked = key_of(KeyType.P256, "server").private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x")
    )

    assert messages(check(private_key=locked)) == "the private key is encrypted"


@pytest.mark.parametrize(
    "garbage", [b"", b"\x00\xff", b"hello", KEY[:-60], KEY.replace(b"M", b"!")]
)
def test_a_key_that_cannot_be_read_is_found(garbage: bytes) -> None:
    assert messages(check(private_key=garbage)) == "the private key cannot be read"


@pytest.mark.parametrize(
    ("fullchain", "why"),
    [
        (b"", "there is no certificate in it"),
        (b"\x00\xff\xfe", "there is no certificate in it"),
        (GOOD[: len(GOOD) // 3], "cut off inside a CERTIFICATE"),
        (GOOD.replace(b"-----END CERTIFICATE-----\n", b"", 1), "BEGIN CERTIFICATE stands where"),
        (GOOD[30:], "END CERTIFICATE stands where"),
        (GOOD.replace(b"MII", b"M!I", 1), "not valid Base64"),
        (GOOD.replace(b"MII", b"MIA", 1), "a certificate cannot be read"),
        (GOOD + KEY, "holds a PRIVATE KEY where only certificates belong"),
    ],
)
def test_a_chain_that_cannot_be_read_is_found(fullchain: bytes, why: str) -> None:
    assert why in messages(check(fullchain))


def test_text_around_certificates_is_a_comment() -> None:
    commented = b"Issuer: somebody\n" + GOOD.replace(b"\n", b"\r\n") + b"\n# the end\n"

    assert check(commented) == ()


def test_a_chain_in_the_wrong_order_is_found() -> None:
    found = messages(check(write_certificates([ISSUER, LEAF])))

    assert "CN=Example Server CA G1,O=Example comes first, and is an authority" in found


def test_a_chain_out_of_order_further_up_is_found() -> None:
    found = messages(check(write_certificates([LEAF, ROOT, ISSUER])))

    assert "CN=api.example.com was not issued by CN=Example Root CA G1,O=Example" in found


def test_a_missing_issuer_is_found() -> None:
    (problem,) = check(write_certificates([LEAF]))

    assert problem.message == "no certificate of its issuer follows CN=api.example.com"
    assert problem.hint == "add that of CN=Example Server CA G1,O=Example"


def test_an_issuer_of_the_same_name_and_another_key_is_found() -> None:
    impostor = pki(KeyType.P384).servers.authority.certificate
    assert impostor.subject == ISSUER.subject

    assert "was not issued by" in messages(check(write_certificates([LEAF, impostor])))


def test_a_stranger_in_the_chain_is_found() -> None:
    found = messages(check(write_certificates([LEAF, client_leaf(pki().clients, "alice")])))

    assert "CN=alice stands in the chain and is no authority" in found


@pytest.mark.parametrize(
    "name",
    ["www.example.com", "example.com", "10.0.0.2", "a.b.web.example.com", "web.example.com", "a b"],
)
def test_a_name_that_is_not_covered_is_found(name: str) -> None:
    (problem,) = check(names=("api.example.com", name))

    assert problem.message == f"CN=api.example.com does not cover {name}"
    assert problem.hint == "it covers api.example.com, 10.0.0.1, *.web.example.com"


def test_dates_are_those_of_the_hosts_clock() -> None:
    assert "CN=api.example.com expired on 2026-05-30" in messages(check(days=90))
    early = check(days=-1)
    assert "CN=api.example.com is not valid before 2026-03-01 11:00 UTC" in messages(early)
    assert early[0].hint == "is the clock right? It reads 2026-02-28 12:00 UTC"


def test_an_expired_issuer_is_found() -> None:
    assert "CN=Example Server CA G1,O=Example expired" in messages(check(days=5 * 365))


def test_a_clients_certificate_is_no_servers() -> None:
    leaf = client_leaf(pki().clients, "alice")
    fullchain = write_certificates([leaf, pki().clients.authority.certificate])

    assert "CN=alice is not for servers" in messages(check(fullchain, private_key=None))


def self_signed(key: rsa.RSAPrivateKey, *extensions: x509.ExtensionType) -> bytes:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "old.example.com")])
    builder = x509.CertificateBuilder(
        issuer_name=name,
        subject_name=name,
        public_key=key.public_key(),
        serial_number=1,
        not_valid_before=NOW,
        not_valid_after=NOW + timedelta(days=9),
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return write_certificates([builder.sign(key, hashes.SHA256())])


def test_a_self_signed_certificate_is_its_own_chain_and_its_short_key_is_found() -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    names = x509.SubjectAlternativeName([x509.DNSName("old.example.com")])

    found = check(self_signed(key, names), private_key_pem(key), ("old.example.com",))

    assert messages(found) == "CN=old.example.com: its RSA key has 1024 bits, fewer than 2048"


def test_a_cn_is_not_a_name_that_counts_and_any_usage_is_not_serverauth() -> None:
    key = key_of(KeyType.RSA2048, "old")
    assert isinstance(key, rsa.RSAPrivateKey)
    anything = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])

    found = messages(check(self_signed(key, anything), None, ("old.example.com",)))

    assert "is not for servers" in found
    assert "does not cover old.example.com" in found


def test_all_problems_are_found_at_once() -> None:
    other = private_key_pem(key_of(KeyType.P256, "other"))

    found = check(write_certificates([LEAF]), other, ("www.example.com",), days=200)

    assert len(found) == 4


@UNSIGHTLY
@settings(deadline=None, max_examples=150)
@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_damage_anywhere_is_a_problem_or_harmless_but_never_an_exception(
    position: int, byte: int
) -> None:
    damaged = bytearray(GOOD)
    damaged[position] = byte

    assert isinstance(check(bytes(damaged)), tuple)


@UNSIGHTLY
@settings(deadline=None, max_examples=150)
@given(st.integers(0, len(LEAF.public_bytes(Encoding.DER)) - 1), st.integers(0, 255))
def test_damage_inside_a_certificate_is_never_an_exception(position: int, byte: int) -> None:
    damaged = bytearray(LEAF.public_bytes(Encoding.DER))
    damaged[position] = byte
    wrapped = ssl.DER_cert_to_PEM_cert(bytes(damaged)).encode() + ISSUER.public_bytes(Encoding.PEM)

    assert isinstance(check(wrapped), tuple)
