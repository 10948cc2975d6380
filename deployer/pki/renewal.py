"""When certificates and revocation lists are due for replacement."""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509

_JITTER = 20  # a twentieth of the lifetime


def due_at(certificate: x509.Certificate) -> datetime:
    """
    Say when a certificate should be replaced: after two thirds of its lifetime, and a little.

    A fraction, so that one rule suits a root and a certificate of a day. The little extra comes
    from the serial number: the same for every plan, and different for every host of a fleet
    that was certified in one minute.
    """
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    lifetime = end - start
    thousandths = certificate.serial_number % 1000
    return start + lifetime * 2 / 3 + lifetime * thousandths / (1000 * _JITTER)


def crls_end(crls: Sequence[x509.CertificateRevocationList]) -> datetime:
    """Say when the last rung of a ladder ends, and everybody is locked out."""
    return max(crl.next_update_utc for crl in crls if crl.next_update_utc is not None)


def are_crls_due(crls: Sequence[x509.CertificateRevocationList], now: datetime) -> bool:
    """Say whether half of the time that a ladder covers is over."""
    start = min(crl.last_update_utc for crl in crls)
    return now >= start + (crls_end(crls) - start) / 2
