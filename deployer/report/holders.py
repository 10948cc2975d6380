"""Who holds client certificates, and whose were taken back."""

from collections.abc import Sequence

from deployer.report import console
from deployer.store.records import CertificateRecord
from deployer.workflows.holders import Holder
from deployer.workflows.revocation import Reason


def show(holders: Sequence[Holder]) -> None:
    """Print one line an identity."""
    console.table(
        ("NAME", "HOST", "SERIAL", "EXPIRES", "STATE", "VALID", "NAMES"),
        [
            (
                one.name,
                one.host or "-",
                f"{one.newest.serial:x}",
                f"{one.newest.not_after:%Y-%m-%d}",
                one.state.value,
                str(one.valid),
                ", ".join(one.names),
            )
            for one in holders
        ],
    )


def show_json(holders: Sequence[Holder]) -> None:
    """Print one JSON line an identity."""
    for one in holders:
        console.json_line(
            "holder",
            name=one.name,
            host=one.host or None,
            names=one.names,
            serial=f"{one.newest.serial:x}",
            expires=one.newest.not_after.isoformat(),
            state=one.state.value,
            valid=one.valid,
        )


def show_certificates(records: Sequence[CertificateRecord]) -> None:
    """Print one line a certificate, to look at before it is revoked."""
    console.table(
        ("NAME", "HOST", "SERIAL", "ISSUED", "EXPIRES"),
        [
            (
                one.name,
                one.host or "-",
                f"{one.serial:x}",
                f"{one.created_at:%Y-%m-%d}",
                f"{one.not_after:%Y-%m-%d}",
            )
            for one in records
        ],
    )


def show_revoked_json(records: Sequence[CertificateRecord], reason: Reason) -> None:
    """Print one JSON line a certificate that was revoked."""
    for one in records:
        console.json_line(
            "revoked",
            name=one.name,
            host=one.host or None,
            serial=f"{one.serial:x}",
            authority=one.authority,
            generation=one.generation,
            reason=reason.value,
        )


def say_revoked(records: Sequence[CertificateRecord]) -> None:
    """Say what a revocation does, and what it does not do by itself."""
    count = f"{len(records)} certificate{'' if len(records) == 1 else 's'}"
    console.note(f"{count} revoked; hosts that have the old lists let them in until deployer apply")
