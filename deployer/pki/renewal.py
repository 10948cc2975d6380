"""When certificates and revocation lists are due for replacement."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from cryptography import x509

HALF, QUARTER = 0.5, 0.25
"""What is left of a lease when it should be renewed, and when that has become urgent."""
_FORTNIGHT = timedelta(days=14)
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


def ends_soon(certificate: x509.Certificate, now: datetime) -> bool:
    """
    Say whether a certificate that others renew should have been renewed by now.

    They have their own rules, certbot's being a third of the lifetime: a fortnight before the
    end, or a third of it where that is shorter, something has gone wrong.
    """
    start, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return now >= end - min(_FORTNIGHT, (end - start) / 3)


def crls_end(crls: Sequence[x509.CertificateRevocationList]) -> datetime:
    """Say when the last rung of a ladder ends, and everybody is locked out."""
    return max(crl.next_update_utc for crl in crls if crl.next_update_utc is not None)


def are_crls_due(crls: Sequence[x509.CertificateRevocationList], now: datetime) -> bool:
    """Say whether half of the time that a ladder covers is over."""
    return lease(crls, now) <= HALF


def lease(crls: Sequence[x509.CertificateRevocationList], now: datetime) -> float:
    """
    Say which part of the time that a ladder covers is left: 1 on its first day, 0 at its end.

    A fraction, so that one pair of thresholds (warn at a half, alarm at a quarter) suits the
    ladder of six weeks and a root's list of a year. A foreign list may never end.
    """
    if any(crl.next_update_utc is None for crl in crls):
        return 1.0
    start = min(crl.last_update_utc for crl in crls)
    end = crls_end(crls)
    left = max(end - now, timedelta(0))
    return min(1.0, left / (end - start)) if end > start else 0.0
