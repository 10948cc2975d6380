"""Certificates that we would not sign: another one's fields, but for what a test changes."""

from collections.abc import Iterable
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from deployer.pki.keys import PrivateKey, PublicKey, signature_hash


def forge(
    base: x509.Certificate,
    key: PrivateKey,
    *,
    subject: x509.Name | None = None,
    issuer: x509.Name | None = None,
    public_key: PublicKey | None = None,
    serial: int | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    algorithm: hashes.SHA224 | hashes.SHA256 | None = None,
    without: Iterable[type[x509.ExtensionType]] = (),
    add: Iterable[x509.ExtensionType] = (),
    turned: Iterable[type[x509.ExtensionType]] = (),
) -> x509.Certificate:
    """Sign what `base` says; `add` replaces extensions, `turned` are critical or no longer."""
    extensions = {one.oid: (one.value, one.critical) for one in base.extensions}
    for value in add:
        _, critical = extensions.get(value.oid, (None, isinstance(value, x509.NameConstraints)))
        extensions[value.oid] = (value, critical)
    for kind in turned:
        value, critical = extensions[kind.oid]
        extensions[kind.oid] = (value, not critical)
    builder = x509.CertificateBuilder(
        issuer or base.issuer,
        subject if subject is not None else base.subject,
        public_key or base.public_key(),
        serial or base.serial_number,
        start or base.not_valid_before_utc,
        end or base.not_valid_after_utc,
    )
    unwanted = {kind.oid for kind in without}
    for oid, (value, critical) in extensions.items():
        if oid not in unwanted:
            builder = builder.add_extension(value, critical=critical)
    chosen = signature_hash(key) if algorithm is None else algorithm
    return builder.sign(key, chosen)


def rewrite(certificate: x509.Certificate, old: bytes, new: bytes) -> x509.Certificate:
    """Change what the library would not write; nothing that is tested so looks at signatures."""
    der = certificate.public_bytes(Encoding.DER)
    assert der.count(old) == 1
    assert len(old) == len(new)
    return x509.load_der_x509_certificate(der.replace(old, new))
