"""Certificates, keys and lists as other people keep them, brought into one form."""

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from deployer.pki.keys import KeyType, private_key_pem
from deployer.pki.pem import write_certificates, write_crls
from deployer.pki.supplied import (
    Document,
    SuppliedCertificate,
    Unusable,
    read_authorities,
    read_certificate,
    read_lists,
)
from tests.pki.examples import key_of, pki, server_leaf

LEAF = server_leaf(pki().servers, "api.example.com")
ISSUER = pki().servers.authority.certificate
ROOT = pki().root.authority.certificate
OTHER = pki(organization="Other")
KEY = key_of(KeyType.P256, "server")
PEM = private_key_pem(KEY)
WHOLE = write_certificates([LEAF, ISSUER, ROOT])


def read(certificate: bytes, chain: bytes | None = None, key: bytes = PEM) -> SuppliedCertificate:
    return read_certificate(
        Document(name="api.pem", content=certificate),
        None if chain is None else Document(name="chain.pem", content=chain),
        Document(name="api.key", content=key),
    )


@pytest.mark.parametrize(
    ("certificate", "chain"),
    [
        (WHOLE, None),
        (write_certificates([ROOT, ISSUER, LEAF]), None),
        (write_certificates([LEAF]), write_certificates([ROOT, ISSUER])),
        (write_certificates([LEAF, ISSUER]), write_certificates([ISSUER, ROOT])),
        (b"subject=CN = api\n" + PEM + WHOLE, None),
        (WHOLE.replace(b"\n", b"\r\n"), None),
    ],
)
def test_whatever_order_they_come_in_there_is_one_that_apache_gets(
    certificate: bytes, chain: bytes | None
) -> None:
    assert read(certificate, chain) == SuppliedCertificate(fullchain=WHOLE, private_key=PEM)


def test_a_key_has_one_text_in_whatever_form_it_came() -> None:
    traditional = KEY.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())

    assert read(WHOLE, key=b"comment\n" + traditional + WHOLE).private_key == PEM


def test_no_key_shows_in_a_repr() -> None:
    assert "PRIVATE" not in repr(read(WHOLE)) + repr(Document(name="x", content=PEM))


LOCKED = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))


@pytest.mark.parametrize(
    ("certificate", "key", "words"),
    [
        (WHOLE, private_key_pem(key_of(KeyType.P256, "x")), "api.key is not the key of api.pem"),
        (WHOLE, LOCKED, "api.key is encrypted"),
        (WHOLE, WHOLE, "api.key holds no private key"),
        (WHOLE, PEM + PEM, "api.key holds 2 private keys"),
        (LEAF.public_bytes(Encoding.DER), PEM, "api.pem holds no certificate in PEM"),
        (WHOLE + write_certificates([OTHER.root.authority.certificate]), PEM, "is not above"),
        (write_certificates([LEAF, ROOT]), PEM, "is not above"),
    ],
)
def test_what_no_host_could_use_is_refused_by_the_name_of_its_file(
    certificate: bytes, key: bytes, words: str
) -> None:
    with pytest.raises(Unusable) as refused:
        read(certificate, key=key)

    assert words in refused.value.message
    assert refused.value.hint


def test_lists_are_read_as_pem_and_as_der_and_nothing_else_may_be_among_them() -> None:
    (crl, *_) = pki().crls()
    name = "acme.crl"

    assert read_lists(Document(name=name, content=write_crls([crl]))) == (crl,)
    assert read_lists(Document(name=name, content=crl.public_bytes(Encoding.DER))) == (crl,)
    for content in (b"", b"\x30\x00", WHOLE, write_crls([crl]) + WHOLE):
        with pytest.raises(Unusable, match=r"acme\.crl"):
            read_lists(Document(name=name, content=content))


def test_a_file_of_authorities_holds_nothing_else() -> None:
    bundle = write_certificates([ISSUER, ROOT, ROOT])

    assert read_authorities(Document(name="ca.pem", content=bundle)) == (ISSUER, ROOT)
    with pytest.raises(Unusable, match=r"ca\.pem: it holds a PRIVATE KEY"):
        read_authorities(Document(name="ca.pem", content=bundle + PEM))
