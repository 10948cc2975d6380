"""
Certificates, keys and revocation lists that others made, read as operators have them.

They come combined or apart, in any order, with comments or as DER. What leaves here is the one
form that a host gets; what cannot be brought into it is refused, by the name of its file.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from deployer.errors import DeployerError
from deployer.pki import pem
from deployer.pki.keys import PrivateKey, is_same_key, private_key_pem
from deployer.pki.material import is_issued_by, title

_OBJECT = re.compile(
    rb"^-----BEGIN ([A-Z0-9 ]+)-----\s*$.*?^-----END \1-----\s*$", re.MULTILINE | re.DOTALL
)
_COPY_AGAIN = "copy it again, whole"
_CRL = x509.CertificateRevocationList


class Unusable(DeployerError):
    """A file that an operator brought and that no host could use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file: what the operator calls it, and what is in it."""

    name: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SuppliedCertificate:
    """A server's certificate with its chain, and its key."""

    fullchain: bytes = field(repr=False)
    private_key: bytes = field(repr=False)
    """As PKCS#8: one key has one text, whatever file it came in."""


def read_certificate(
    certificate: Document, chain: Document | None, private_key: Document
) -> SuppliedCertificate:
    """
    Put a key, its certificate and the issuers above it together.

    The key says which certificate is the server's own, and signatures say what follows: so an
    order that is wrong is put right, as there is only one that Apache could use.
    """
    key = _private_key(private_key)
    files = (certificate, *([] if chain is None else [chain]))
    found = tuple(dict.fromkeys(one for file in files for one in _certificates(file)))
    leaf = next((one for one in found if is_same_key(one.public_key(), key.public_key())), None)
    if leaf is None:
        shown = title(found[0])
        raise Unusable(
            f"{private_key.name} is not the key of {certificate.name} ({shown})",
            hint="give the key that the certificate was requested with",
        )
    where = " and ".join(file.name for file in files)
    ordered = _ordered(leaf, [one for one in found if one != leaf], where)
    return SuppliedCertificate(
        fullchain=pem.write_certificates(ordered), private_key=private_key_pem(key)
    )


def read_authorities(file: Document) -> tuple[x509.Certificate, ...]:
    """Read a file of authorities and nothing else."""
    try:
        return tuple(dict.fromkeys(pem.read_certificates(file.content)))
    except pem.MalformedPem as error:
        raise _malformed(file, error) from error


def read_lists(file: Document) -> tuple[_CRL, ...]:
    """Read a file of revocation lists and nothing else; authorities often publish them as DER."""
    content = file.content
    if b"-----BEGIN " not in content:
        try:
            content = x509.load_der_x509_crl(content).public_bytes(Encoding.PEM)
        except (ValueError, UnsupportedAlgorithm) as error:
            raise Unusable(f"{file.name} holds no CRL, neither as PEM nor as DER") from error
    try:
        return pem.read_crls(content)
    except pem.MalformedPem as error:
        raise _malformed(file, error) from error


def _certificates(file: Document) -> tuple[x509.Certificate, ...]:
    """Read the certificates of a file; a key beside them is asked for by its own name."""
    objects = _OBJECT.finditer(file.content)
    texts = [found[0] for found in objects if found[1].decode() == pem.CERTIFICATE]
    if not texts and _begins(file, pem.CERTIFICATE):
        raise Unusable(f"{file.name} is cut off inside a certificate", hint=_COPY_AGAIN)
    if not texts:
        raise Unusable(
            f"{file.name} holds no certificate in PEM",
            hint=f"from DER: openssl x509 -inform DER -in {file.name} -out {file.name}.pem",
        )
    try:
        return pem.read_certificates(b"\n".join(texts))
    except pem.MalformedPem as error:
        raise _malformed(file, error) from error


def _begins(file: Document, label: str) -> bool:
    """Say whether an object begins in a file, whatever becomes of it."""
    return f"{label}-----".encode() in file.content


def _private_key(file: Document) -> PrivateKey:
    texts = [
        found[0] for found in _OBJECT.finditer(file.content) if found[1].endswith(b"PRIVATE KEY")
    ]
    if not texts and _begins(file, "PRIVATE KEY"):
        raise Unusable(f"{file.name} is cut off inside a private key", hint=_COPY_AGAIN)
    if len(texts) != 1:
        raise Unusable(
            f"{file.name} holds {len(texts) or 'no'} private key{'s' if texts else ''} in PEM",
            hint="it should hold one, beginning with -----BEGIN PRIVATE KEY-----",
        )
    try:
        key = load_pem_private_key(texts[0], password=None)
    except TypeError as error:  # what the library raises for a key that needs a password
        raise Unusable(
            f"{file.name} is encrypted, and Apache would ask for its passphrase at every start",
            hint=f"openssl pkey -in {file.name} -out {file.name}.open, and name that file",
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise Unusable(f"the private key in {file.name} cannot be read") from error
    if not isinstance(key, PrivateKey):
        raise Unusable(f"the private key in {file.name} is of a kind that TLS does not use")
    return key


def _ordered(
    leaf: x509.Certificate, others: Sequence[x509.Certificate], where: str
) -> tuple[x509.Certificate, ...]:
    chain = [leaf]
    while not is_issued_by(chain[-1], chain[-1]):
        above = (one for one in others if one not in chain and is_issued_by(chain[-1], one))
        if (issuer := next(above, None)) is None:
            break
        chain.append(issuer)
    if strays := [one for one in others if one not in chain and not _is_above(one, chain)]:
        issuer_name = chain[-1].issuer.rfc4514_string()
        complete = is_issued_by(chain[-1], chain[-1])
        raise Unusable(
            f"{where}: {title(strays[0])} is not above {title(leaf)}",
            hint="take it out" if complete else f"add {issuer_name}, or take it out",
        )
    return tuple(chain)


def _is_above(one: x509.Certificate, chain: Iterable[x509.Certificate]) -> bool:
    """Say whether it is another certificate of somebody in the chain: cross-signed, perhaps."""
    return any(is_issued_by(below, one) for below in chain)


def _malformed(file: Document, error: pem.MalformedPem) -> Unusable:
    return Unusable(f"{file.name}: {error.message}", hint=error.hint)
