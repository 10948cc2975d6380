"""Certificates on record, as people and programs read them."""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509

from deployer.pki.general_names import shown
from deployer.pki.material import fingerprint
from deployer.report import console
from deployer.store.records import CertificateRecord

SERIAL_DIGITS = 12
"""Enough to name one of a million certificates; commands take any unique beginning."""


def show(records: Sequence[CertificateRecord], now: datetime) -> None:
    """Print one line a certificate."""
    console.table(
        ("SERIAL", "KIND", "NAME", "HOST", "AUTHORITY", "STATE", "EXPIRES"),
        [
            (
                f"{one.serial:x}"[:SERIAL_DIGITS],
                one.kind,
                one.name,
                one.host or "-",
                f"{one.authority} G{one.generation}",
                one.state(now),
                one.not_after.date().isoformat(),
            )
            for one in records
        ],
    )


def show_json(records: Sequence[CertificateRecord], now: datetime) -> None:
    """Print one JSON line a certificate."""
    console.json_lines("certificate", (_fields(one, now) for one in records))


def show_one(
    record: CertificateRecord, certificate: x509.Certificate | None, now: datetime
) -> None:
    """Print everything that is known about one certificate."""
    facts = {
        "serial": f"{record.serial:x}",
        "state": record.state(now).value,
        "kind": record.kind,
        "name": record.name,
        "host": record.host or "-",
        "subject": record.subject or "-",
        "authority": f"{record.authority} G{record.generation}",
        "issued": f"{record.created_at:%Y-%m-%d %H:%M:%S} UTC",
        "valid from": f"{record.not_before:%Y-%m-%d %H:%M:%S} UTC",
        "expires": f"{record.not_after:%Y-%m-%d %H:%M:%S} UTC",
    }
    if record.revoked_at is not None:
        facts["revoked"] = f"{record.revoked_at:%Y-%m-%d %H:%M:%S} UTC, {record.reason}"
    if certificate is not None:
        facts["names"] = ", ".join(_names(certificate)) or "-"
        facts["SHA-256"] = fingerprint(certificate)
    if record.key_sha256:
        facts["key file"] = f"SHA-256 {record.key_sha256}"
    width = max(map(len, facts))
    for name, value in facts.items():
        console.data(f"{name.ljust(width)}  {value}")


def show_one_json(
    record: CertificateRecord, certificate: x509.Certificate | None, now: datetime
) -> None:
    """Print the same as a JSON line."""
    more: dict[str, object] = {}
    if certificate is not None:
        more["names"] = list(_names(certificate))
        more["sha256"] = fingerprint(certificate)
    console.json_line("certificate", **_fields(record, now), **more)


def _names(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()  # authorities have none
    return tuple(map(shown, names))


def _fields(record: CertificateRecord, now: datetime) -> dict[str, object]:
    return {
        "serial": f"{record.serial:x}",
        "kind": record.kind,
        "name": record.name,
        "host": record.host or None,
        "subject": record.subject,
        "authority": record.authority,
        "generation": record.generation,
        "state": record.state(now).value,
        "issued": record.created_at.isoformat(),
        "not_before": record.not_before.isoformat(),
        "expires": record.not_after.isoformat(),
        "revoked": None if record.revoked_at is None else record.revoked_at.isoformat(),
        "reason": record.reason,
    }
