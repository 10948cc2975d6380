"""
Certificate signing requests: a key, and wishes.

Only the key is taken. What a certificate says is decided by its profile and by whoever signs it,
for a request is written by the one who wants to be let in.
"""

import base64
import binascii
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from deployer.errors import DeployerError
from deployer.pki import pem
from deployer.pki.general_names import shown
from deployer.pki.keys import PublicKey, key_type, weakness
from deployer.pki.material import visible

_LABELS = frozenset({"CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"})  # RFC 7468 section 7
_UNREADABLE = (
    ValueError,
    TypeError,
    binascii.Error,
    UnsupportedAlgorithm,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


class BadRequest(DeployerError):
    """A signing request that cannot be honoured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningRequest:
    """What a request proves: that somebody holds a key."""

    public_key: PublicKey = field(repr=False)
    common_name: str
    """What its sender calls itself; empty where that is not one name."""
    ignored: tuple[str, ...]
    """What else it asked for, in words; none of it is copied."""


def read_csr(text: bytes) -> SigningRequest:
    """Read a PEM file of one request, and check that its sender holds the key."""
    request = _parse(text)
    key = request.public_key()
    if not request.is_signature_valid:
        hint = "make it again: openssl req -new -key NAME.key -out NAME.csr"
        raise BadRequest("the request is not signed with the key that it is for", hint=hint)
    if flaw := weakness(key):
        raise BadRequest(f"the request cannot be honoured: {flaw}", hint="make another key")
    if key_type(key) is None or not isinstance(key, PublicKey):
        raise BadRequest(
            "the request's key is of a size that cannot be asked for",
            hint="make one of P-256, P-384, RSA 2048, 3072 or 4096, or Ed25519",
        )
    names = request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return SigningRequest(
        public_key=key,
        common_name=str(names[0].value) if len(names) == 1 else "",
        ignored=_ignored(request),
    )


def _parse(text: bytes) -> x509.CertificateSigningRequest:
    found = pem.blocks(text)
    if any(block.is_private_key for block in found):
        hint = "take the key out: nobody else should ever have seen it"
        raise BadRequest("there is a private key beside the request", hint=hint)
    if [block.label in _LABELS for block in found] != [True]:
        hint = "it should begin with -----BEGIN CERTIFICATE REQUEST-----"
        raise BadRequest("the file is not one signing request", hint=hint)
    try:
        request = x509.load_der_x509_csr(base64.b64decode(found[0].body, validate=True))
        # The parser is lazy: touch every part now, so that nobody else meets the error.
        _ = (request.extensions, request.subject, request.public_key(), list(request.attributes))
    except _UNREADABLE as error:
        raise BadRequest("the signing request cannot be read", hint=str(error)) from error
    return request


def _ignored(request: x509.CertificateSigningRequest) -> tuple[str, ...]:
    said = [
        f"{attribute.rfc4514_attribute_name}={attribute.value!s}"
        for attribute in request.subject
        if attribute.oid != NameOID.COMMON_NAME
    ]
    for extension in request.extensions:
        match extension.value:
            case x509.SubjectAlternativeName() as names:
                said.append(f"the names {', '.join(shown(name) for name in names)}")
            case x509.ExtendedKeyUsage() as purposes:
                said.append(f"the purposes {', '.join(_title(one) for one in purposes)}")
            case x509.BasicConstraints(ca=True):
                said.append("to be an authority")
            case x509.BasicConstraints() | x509.SubjectKeyIdentifier():
                pass  # what every leaf says anyway
            case x509.KeyUsage():
                said.append("a key usage")
            case _:
                said.append(f"the extension {_title(extension.oid)}")
    return tuple(map(visible, said))


def _title(oid: x509.ObjectIdentifier) -> str:
    name = oid._name  # noqa: SLF001 - the library's names of OIDs have no public way in
    return oid.dotted_string if name == "Unknown OID" else name
