"""Names as Apache writes them, judged by OpenSSL with the flags that mod_ssl uses."""

import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from deployer.apache.names import Unspeakable, distinguished_name
from deployer.pki.keys import KeyType
from tests.pki.examples import NOW, key_of

AWKWARD = (
    'ACME, Inc. "Q" + <x>;', "#first", " around ", " ", "a#b", "Rích Üser 中", "a=b", "back\\slash",
    "O'Neil", "a/b", "\\",
)  # fmt: skip


def issuer(name: x509.Name) -> tuple[x509.Name, str]:
    """Put a name into a certificate, and return it as read from there and as OpenSSL prints it."""
    key = key_of(KeyType.P256, "names")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW.replace(year=2027))
        .sign(key, hashes.SHA256())
    )
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-issuer", "-nameopt", "RFC2253,-esc_msb"],
        input=certificate.public_bytes(Encoding.PEM),
        capture_output=True,
        check=True,
    ).stdout.decode()
    return certificate.issuer, shown.removeprefix("issuer=").rstrip("\n")


@pytest.mark.parametrize("value", AWKWARD)
def test_every_letter_is_written_as_openssl_does(value: str) -> None:
    name, shown = issuer(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, value)]))

    assert distinguished_name(name) == shown


def test_every_attribute_has_the_short_name_that_openssl_gives_it() -> None:
    kinds = [
        getattr(NameOID, kind)
        for kind in vars(NameOID)
        if kind.isupper() and kind not in {"INN", "OGRN", "SNILS", "UNSTRUCTURED_NAME"}
    ]
    attributes = []
    for kind in kinds:
        try:
            attributes.append(x509.NameAttribute(kind, "DE"))
        except TypeError:
            continue  # x500UniqueIdentifier is no text
        try:
            distinguished_name(x509.Name(attributes[-1:]))
        except Unspeakable:
            attributes.pop()
    name, shown = issuer(x509.Name(attributes))

    assert len(attributes) >= 20
    assert distinguished_name(name) == shown


def test_several_attributes_in_one_part_keep_their_order() -> None:
    parts = [
        x509.RelativeDistinguishedName(
            [
                x509.NameAttribute(NameOID.COMMON_NAME, "b"),
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "a"),
            ]
        ),
        x509.RelativeDistinguishedName([x509.NameAttribute(NameOID.COUNTRY_NAME, "DE")]),
    ]
    name, shown = issuer(x509.Name(parts))

    assert distinguished_name(name) == shown


def test_an_attribute_that_versions_write_differently_is_refused() -> None:
    kind = x509.ObjectIdentifier("1.2.3.4")

    with pytest.raises(Unspeakable, match=r"1\.2\.3\.4"):
        distinguished_name(x509.Name([x509.NameAttribute(kind, "x")]))


def test_letters_in_an_encoding_that_programs_read_differently_are_refused() -> None:
    def t61(value: str) -> x509.Name:
        attribute = x509.NameAttribute(NameOID.COMMON_NAME, value, _type=_ASN1Type.T61String)
        return issuer(x509.Name([attribute]))[0]

    with pytest.raises(Unspeakable, match="CN as a T61String"):
        distinguished_name(t61("Müller"))
    assert distinguished_name(t61("Mueller")) == "CN=Mueller"
