"""A certificate that nobody vouches for, to prove that servers refuse it."""

from datetime import datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from deployer.pki.issue import BACKDATE
from deployer.pki.keys import PrivateKey, signature_hash

NAME = "deployer-probe-stranger"


def stranger(key: PrivateKey, *, now: datetime, serial: int) -> x509.Certificate:
    """Sign a client certificate with its own key; right in every other way."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(now - BACKDATE)
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(f"{NAME}.invalid")]), critical=False
        )
        .sign(key, signature_hash(key))
    )
