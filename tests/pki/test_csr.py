import base64
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from deployer.pki.csr import BadRequest, read_csr
from deployer.pki.keys import KeyType, PrivateKey, is_same_key, private_key_pem, signature_hash
from tests.pki.examples import key_of

KEY = key_of(KeyType.P256, "sender")


def request(
    *names: str, key: PrivateKey = KEY, extensions: tuple[x509.ExtensionType, ...] = ()
) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name) for name in names])
    builder = x509.CertificateSigningRequestBuilder(subject)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(key, signature_hash(key)).public_bytes(Encoding.PEM)


@pytest.mark.parametrize(
    "kind", [KeyType.P256, KeyType.P384, KeyType.RSA2048, KeyType.RSA3072, KeyType.ED25519]
)
def test_a_request_gives_its_key_and_its_name(kind: KeyType) -> None:
    key = key_of(kind, "sender")

    found = read_csr(request("alice", key=key))

    assert is_same_key(found.public_key, key.public_key())
    assert found.common_name == "alice"
    assert found.ignored == ()


def test_what_else_a_request_wants_is_ignored_and_said() -> None:
    found = read_csr(
        request(
            "alice",
            extensions=(
                x509.SubjectAlternativeName([x509.DNSName("google.com")]),
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
                x509.BasicConstraints(ca=True, path_length=None),
                x509.OCSPNoCheck(),
            ),
        )
    )

    assert found.ignored == (
        "the names google.com",
        "the purposes serverAuth",
        "to be an authority",
        "the extension OCSPNoCheck",
    )


def test_a_request_of_the_openssl_command_is_read(tmp_path: Path) -> None:
    command = (
        "openssl req -new -newkey rsa:2048 -nodes -keyout k.pem -out r.pem "
        "-subj /O=Example/CN=alice -addext subjectAltName=email:a@b.example"
    )
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)

    found = read_csr((tmp_path / "r.pem").read_bytes())

    assert found.common_name == "alice"
    assert found.ignored == ("O=Example", "the names a@b.example")


def test_two_names_are_no_name() -> None:
    assert read_csr(request("alice", "bob")).common_name == ""
    assert read_csr(request()).common_name == ""


def test_a_request_that_its_key_did_not_sign_is_refused() -> None:
    honest = x509.load_pem_x509_csr(request("alice")).public_bytes(Encoding.DER)
    forged = x509.load_der_x509_csr(honest.replace(b"alice", b"mally"))

    with pytest.raises(BadRequest, match="not signed with the key"):
        read_csr(forged.public_bytes(Encoding.PEM))


def test_a_weak_or_odd_key_is_refused() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505
    odd = rsa.generate_private_key(public_exponent=65537, key_size=2056)

    with pytest.raises(BadRequest, match="1024 bits"):
        read_csr(request("alice", key=weak))
    with pytest.raises(BadRequest, match="of a size"):
        read_csr(request("alice", key=odd))
    with pytest.raises(BadRequest, match="secp256k1"):
        read_csr(request("alice", key=ec.generate_private_key(ec.SECP256K1())))


def test_a_file_with_a_private_key_in_it_is_refused() -> None:
    with pytest.raises(BadRequest, match="private key beside"):
        read_csr(request("alice") + private_key_pem(KEY))


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"hello",
        request("alice") * 2,
        b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n",
        b"-----BEGIN CERTIFICATE REQUEST-----\n!\n-----END CERTIFICATE REQUEST-----\n",
        b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ],
)
def test_what_is_no_request_is_refused(text: bytes) -> None:
    with pytest.raises(BadRequest):
        read_csr(text)


@given(st.integers(0, 10_000), st.integers(0, 255))
@settings(max_examples=200, deadline=None)
@pytest.mark.filterwarnings("ignore:Attribute's length")
def test_damage_anywhere_is_refused_in_words(position: int, byte: int) -> None:
    names = x509.SubjectAlternativeName([x509.DNSName("a.example")])
    der = bytearray(
        x509.load_pem_x509_csr(request("a", extensions=(names,))).public_bytes(Encoding.DER)
    )
    original = bytes(der)
    der[position % len(der)] = byte
    body = base64.encodebytes(bytes(der))
    text = b"-----BEGIN CERTIFICATE REQUEST-----\n" + body + b"-----END CERTIFICATE REQUEST-----\n"

    if bytes(der) == original:
        assert read_csr(text).common_name == "a"
    else:
        with pytest.raises(BadRequest):
            read_csr(text)


def test_a_request_with_a_hash_that_is_not_trusted_still_proves_its_key() -> None:
    # Its signature is thrown away with it: only that it is right counts.
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))

    found = read_csr(builder.sign(KEY, hashes.SHA512()).public_bytes(Encoding.PEM))

    assert is_same_key(found.public_key, KEY.public_key())


def test_a_request_writes_no_lines_of_its_own() -> None:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COMMON_NAME, "alice"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "A\ndeployer: all is well\x1b[0m"),
        ]
    )
    builder = x509.CertificateSigningRequestBuilder(subject)
    text = builder.sign(KEY, signature_hash(KEY)).public_bytes(Encoding.PEM)

    assert read_csr(text).ignored == ("O=A\\x0adeployer: all is well\\x1b[0m",)
