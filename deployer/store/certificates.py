"""
Every certificate that an authority signed, and every one that it was about to sign.

The intent is on the disk before the signature exists and the result before it is handed out. So
what anybody may hold is recorded, and a serial number is never used twice.
"""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509

from deployer.errors import DeployerError
from deployer.pki.authority import Signer
from deployer.pki.crl import CRL
from deployer.pki.issue import issue_leaf
from deployer.pki.keys import KeyType
from deployer.store import crls, elsewhere, ledger, listing, register
from deployer.store.authorities import Authorities
from deployer.store.database import Database
from deployer.store.listing import Filter
from deployer.store.randomness import generate_key, random_serial_number
from deployer.store.records import (
    CertificateRecord,
    CertificateRequest,
    CertificateState,
    IssuedCertificate,
    Kind,
)
from deployer.store.rows import CertificateRow

_SHOWN = 3  # of the certificates that an ambiguous prefix means


class UnknownCertificate(DeployerError):
    """No certificate has that serial number."""


class AmbiguousSerial(DeployerError):
    """Several certificates have serial numbers that begin so."""


class CannotRevoke(DeployerError):
    """A revocation that nobody would heed."""


class Certificates:
    """What was certified, for whom, and what became of it."""

    def __init__(self, database: Database, authorities: Authorities) -> None:
        self._database = database
        self._authorities = authorities

    def issue(
        self, request: CertificateRequest, signer: Signer, *, now: datetime
    ) -> IssuedCertificate:
        """Sign one leaf and record it."""
        return self.issue_all([request], signer, now=now)[0]

    def issue_all(
        self, requests: Sequence[CertificateRequest], signer: Signer, *, now: datetime
    ) -> tuple[IssuedCertificate, ...]:
        """Sign many leaves, with two writes to the disk for all of them."""
        if not requests:
            return ()
        planned = [(random_serial_number(), request) for request in requests]
        throwaway = generate_key(KeyType.P256)
        with self._database.writer() as writer:
            with writer.transaction() as connection:
                intents = ledger.intend(connection, planned, signer.authority, now=now)
            try:
                leaves = [
                    issue_leaf(request.leaf, signer, now=now, serial=serial, throwaway=throwaway)
                    for serial, request in planned
                ]
                with writer.transaction() as connection:
                    ledger.conclude(connection, intents, leaves, at=now)
            except BaseException:
                with writer.transaction() as connection:
                    ledger.abandon(connection, intents, at=now)
                raise
        return tuple(
            IssuedCertificate(
                certificate=leaf,
                authority=signer.authority,
                host=request.host,
                name=request.name,
                key_sha256=request.key_sha256,
            )
            for leaf, request in zip(leaves, requests, strict=True)
        )

    def of_target(
        self, *, kind: Kind, host: str, name: str, key_sha256: str | None = None
    ) -> IssuedCertificate | None:
        """
        Find the certificate of a target that was not revoked: the one of a key, or the newest.

        The newest need not be in use: a run may have ended before it reached its host.
        """
        target = "kind = ? AND host = ? AND name = ? AND status = 'issued' AND revoked_at IS NULL"
        with self._database.reading() as connection:
            found = ledger.read(connection, target, kind, host, name)
        of_key = [row for row in found if row.key_sha256 == key_sha256]
        return self._issued((of_key or found)[-1]) if found else None

    def list(
        self,
        *,
        kind: Kind | None = None,
        host: str | None = None,
        name: str | None = None,
        authority: str | None = None,
        state: CertificateState | None = None,
        expires_before: datetime | None = None,
        now: datetime | None = None,
    ) -> tuple[CertificateRecord, ...]:
        """
        List what is on record, oldest first; each filter that is given must match.

        Whether a certificate has expired depends on the day, so `state` needs `now`.
        """
        wanted = Filter(
            kind=kind,
            host=host,
            name=name,
            authority=authority,
            state=state,
            expires_before=expires_before,
        )
        with self._database.reading() as connection:
            return listing.read(connection, *wanted.conditions(now))

    def find(self, serial_prefix: str) -> CertificateRecord:
        """Find the certificate whose serial number, in hex, begins so, however it is spelt."""
        prefix = listing.canonical(serial_prefix)
        if not prefix:
            raise UnknownCertificate(
                f"{serial_prefix!r} is not the beginning of a serial number",
                hint="serial numbers are hexadecimal: deployer cert list",
            )
        with self._database.reading() as connection:
            found = listing.read(connection, *listing.beginning_with(prefix))
        exact = [record for record in found if f"{record.serial:x}" == prefix]
        if not found:
            raise UnknownCertificate(
                f"no certificate has a serial number that begins with {prefix}",
                hint="deployer cert list",
            )
        if len(found) > 1 and not exact:
            some = ", ".join(f"{record.serial:x} ({record.name})" for record in found[:_SHOWN])
            more = ", …" if len(found) > _SHOWN else ""
            raise AmbiguousSerial(
                f"{len(found)} certificates have serial numbers that begin with {prefix}: "
                f"{some}{more}",
                hint="give more of its digits",
            )
        return (exact or found)[0]

    def read(self, serial: int) -> IssuedCertificate:
        """Read a certificate that was issued."""
        with self._database.reading() as connection:
            found = ledger.read(connection, "serial = ? AND status = 'issued'", f"{serial:x}")
        if not found:
            raise UnknownCertificate(
                f"no certificate {serial:x} was issued", hint="deployer cert list"
            )
        return self._issued(found[0])

    def revoke(
        self,
        serial: int,
        signer: Signer,
        *,
        now: datetime,
        reason: x509.ReasonFlags = x509.ReasonFlags.unspecified,
    ) -> tuple[CRL, ...]:
        """Revoke a certificate and replace its authority's ladder, both or neither."""
        return self.revoke_all([serial], signer, now=now, reason=reason)

    def revoke_all(
        self,
        serials: Sequence[int],
        signer: Signer,
        *,
        now: datetime,
        reason: x509.ReasonFlags = x509.ReasonFlags.unspecified,
    ) -> tuple[CRL, ...]:
        """
        Revoke certificates of one authority and replace its ladder once, all or nothing.

        Revoking twice changes nothing but the lists: the first time and reason stand.
        """
        with self._database.writer() as writer, writer.transaction() as connection:
            issuer_id = register.id_of(connection, signer.authority.certificate)
            rows = []
            for serial in dict.fromkeys(serials):
                this = "serial = ? AND authority_id = ?"
                found = ledger.read(connection, this, f"{serial:x}", issuer_id)
                if not found:
                    raise UnknownCertificate(
                        f"{register.owner(signer.authority)} issued no certificate {serial:x}",
                        hint="deployer cert list",
                    )
                rows += found
            own = signer.authority.certificate
            if not signer.authority.chain and any(
                row.serial == f"{own.serial_number:x}" for row in rows
            ):
                raise CannotRevoke(
                    "a root cannot revoke itself: whoever trusts it believes its lists, and nobody "
                    "asks one about the root itself",
                    hint="take it out of every trust store; found a new CA",
                )
            ledger.revoke(connection, rows, reason, at=now)
            return crls.publish(connection, signer, now=now)

    def record_found(
        self, certificate: x509.Certificate, authority_name: str, generation: int, *, now: datetime
    ) -> CertificateRecord:
        """
        Record a certificate that one of our authorities signed and that the books do not have.

        A lost state, or another program that had the authority before, issued it. One that is on
        record stays as it is.
        """
        with self._database.writer() as writer, writer.transaction() as connection:
            authority = self._authorities.of_name(connection, authority_name, generation)
            elsewhere.record_found(connection, certificate, authority, now=now)
            serial = f"{certificate.serial_number:x}"
            return listing.read(connection, "c.serial = ?", [serial])[0]

    def import_revocations(self, found: CRL, signer: Signer, *, now: datetime) -> int:
        """
        Take over what a list says that another program signed with the authority's key.

        Says how many revocations are new, and publishes one ladder that has them all.
        """
        with self._database.writer() as writer, writer.transaction() as connection:
            count = elsewhere.import_revocations(connection, found, signer.authority, now=now)
            crls.publish(connection, signer, now=now, after=elsewhere.published(found))
            return count

    def _issued(self, row: CertificateRow) -> IssuedCertificate:
        return IssuedCertificate(
            certificate=x509.load_der_x509_certificate(row.certificate or b""),
            authority=self._authorities.of_row(row.authority_id),
            host=row.host,
            name=row.name,
            key_sha256=row.key_sha256,
        )
