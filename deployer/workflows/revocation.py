"""Taking certificates back: which ones, why, and a new ladder of lists for each issuer."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from cryptography import x509

from deployer.errors import DeployerError
from deployer.pki import pem
from deployer.pki.authority import Signer
from deployer.pki.material import is_issued_by, title
from deployer.store.records import CertificateRecord, CertificateState
from deployer.store.state import Store
from deployer.workflows.reading import CannotRead, read_file

Opener = Callable[[str, int], Signer]
"""Open the key of a generation of an authority."""


class NothingToRevoke(DeployerError):
    """No certificate that still counts is meant."""


class Reason(StrEnum):
    """Why a certificate is taken back, in the words that people type."""

    UNSPECIFIED = "unspecified"
    KEY_COMPROMISE = "key-compromise"
    AFFILIATION_CHANGED = "affiliation-changed"
    SUPERSEDED = "superseded"
    CESSATION = "cessation"
    PRIVILEGE_WITHDRAWN = "privilege-withdrawn"

    @property
    def flag(self) -> x509.ReasonFlags:
        """The same as RFC 5280 section 5.3.1 has it."""
        return _FLAGS[self]


_FLAGS = {
    Reason.UNSPECIFIED: x509.ReasonFlags.unspecified,
    Reason.KEY_COMPROMISE: x509.ReasonFlags.key_compromise,
    Reason.AFFILIATION_CHANGED: x509.ReasonFlags.affiliation_changed,
    Reason.SUPERSEDED: x509.ReasonFlags.superseded,
    Reason.CESSATION: x509.ReasonFlags.cessation_of_operation,
    Reason.PRIVILEGE_WITHDRAWN: x509.ReasonFlags.privilege_withdrawn,
}


def valid_of(
    name: str, store: Store, *, now: datetime, prefix: str = ""
) -> tuple[CertificateRecord, ...]:
    """
    Find the certificates by which an identity is let in, or the one of a serial number.

    Whoever judges by the name does not ask who has it, so those on hosts are meant as well.
    """
    mine = store.certificates.list(kind="client", name=name)
    if not mine:
        raise NothingToRevoke(
            f"{name!r} never had a certificate", hint="deployer client list shows who has one"
        )
    valid = tuple(one for one in mine if one.state(now) is CertificateState.VALID)
    wanted = tuple(one for one in valid if f"{one.serial:x}".startswith(prefix.lower()))
    if not wanted:
        meant = f" whose serial number begins with {prefix!r}" if prefix else ""
        raise NothingToRevoke(
            f"{name!r} has no valid certificate{meant}",
            hint="deployer client list --all shows what became of them",
        )
    if prefix and len(wanted) > 1:
        raise NothingToRevoke(
            f"{prefix!r} begins the serial numbers of {len(wanted)} certificates of {name!r}",
            hint="write more of it, or leave --serial away to revoke all",
        )
    return wanted


def others_of(
    name: str, store: Store, *, than: int, now: datetime
) -> tuple[CertificateRecord, ...]:
    """Find the valid certificates of an identity beside one that was handed over."""
    mine = store.certificates.list(kind="client", host="", name=name)
    return tuple(
        one for one in mine if one.state(now) is CertificateState.VALID and one.serial != than
    )


def found_in(file: Path, store: Store, *, now: datetime) -> CertificateRecord:
    """
    Take a certificate of one of our authorities into the books, if it is not in them.

    A restored backup does not know what was issued after it, and an imported authority has
    issued before.
    """
    try:
        leaf = pem.read_certificates(read_file(file))[0]
    except pem.MalformedPem as error:
        raise CannotRead(f"{file}: {error.message}", hint=error.hint) from error
    for issuer in store.authorities.list():
        if is_issued_by(leaf, issuer.certificate):
            return store.certificates.record_found(leaf, issuer.name, issuer.generation, now=now)
    raise NothingToRevoke(
        f"{file}: {title(leaf)} was issued by no authority of this CA",
        hint="deployer ca show lists them",
    )


def revocable(record: CertificateRecord, *, now: datetime) -> CertificateRecord:
    """Refuse what nobody can use any more: an operator who would revoke it is mistaken."""
    state = record.state(now)
    if state is CertificateState.VALID:
        return record
    raise NothingToRevoke(
        f"the certificate {record.serial:x} of {record.name} is {state.value}",
        hint="deployer cert list --status valid",
    )


def revoke(
    records: Sequence[CertificateRecord],
    store: Store,
    open_key: Opener,
    *,
    now: datetime,
    reason: Reason,
) -> None:
    """Revoke certificates, with one new ladder for each authority that issued some of them."""
    by_issuer: dict[tuple[str, int], list[int]] = defaultdict(list)
    for record in records:
        by_issuer[record.authority, record.generation].append(record.serial)
    # Every key is opened before the first is used: half a revocation helps nobody.
    signers = {issuer: open_key(*issuer) for issuer in by_issuer}
    for issuer, serials in by_issuer.items():
        store.certificates.revoke_all(serials, signers[issuer], now=now, reason=reason.flag)
