"""Authorities, as people and programs read them."""

from collections.abc import Mapping, Sequence

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from deployer.pki.authority import Authority
from deployer.pki.renewal import crls_end
from deployer.report import console

Lists = Mapping[str, Sequence[x509.CertificateRevocationList]]


def show(authorities: Sequence[Authority], lists: Lists) -> None:
    """Print one line an authority, and below the fingerprint to compare the root's by."""
    console.table(
        ("AUTHORITY", "SUBJECT", "EXPIRES", "CRLS UNTIL"),
        [
            (
                one.name,
                one.certificate.subject.rfc4514_string(),
                f"{one.certificate.not_valid_after_utc:%Y-%m-%d}",
                f"{crls_end(lists[one.name]):%Y-%m-%d}",
            )
            for one in authorities
        ],
    )
    for one in authorities:
        if not one.chain:
            console.data(f"{one.name} SHA-256 {fingerprint(one.certificate)}")


def show_json(authorities: Sequence[Authority], lists: Lists) -> None:
    """Print one JSON line an authority."""
    for one in authorities:
        console.json_line(
            "authority",
            name=one.name,
            generation=one.generation,
            subject=one.certificate.subject.rfc4514_string(),
            expires=one.certificate.not_valid_after_utc.isoformat(),
            crls_until=crls_end(lists[one.name]).isoformat(),
            fingerprint=fingerprint(one.certificate),
        )


def fingerprint(certificate: x509.Certificate) -> str:
    """Write a SHA-256 fingerprint, short enough for a line of a terminal."""
    return certificate.fingerprint(SHA256()).hex().upper()
