"""
Every certificate that an authority signed, and every one that it was about to sign.

The intent is on the disk before the signature exists and the result before it is handed out. So
what anybody may hold is recorded, and a serial number is never used twice.
"""

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from sqlalchemy import select, update

from deployer.errors import DeployerError
from deployer.pki.authority import Signer
from deployer.pki.crl import CRL
from deployer.pki.issue import issue_leaf
from deployer.store import authorities, crls, events, ledger, schema
from deployer.store.authorities import Authorities
from deployer.store.database import Database
from deployer.store.randomness import random_serial_number
from deployer.store.records import CertificateRecord, CertificateRequest, IssuedCertificate, Kind

_RECORDED = frozenset(CertificateRecord.__dataclass_fields__) - {"authority", "generation"}


class UnknownCertificate(DeployerError):
    """No certificate has that serial number."""


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
        serials = [serial for serial, _ in planned]
        with self._database.writer() as writer:
            with writer.transaction() as connection:
                ledger.intend(connection, planned, signer.authority, now=now)
            try:
                leaves = [
                    issue_leaf(request.leaf, signer, now=now, serial=serial)
                    for serial, request in planned
                ]
                with writer.transaction() as connection:
                    ledger.conclude(connection, leaves, at=now)
            except BaseException:
                with writer.transaction() as connection:
                    ledger.abandon(connection, serials, at=now)
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
        table = schema.certificates
        query = select(table).where(
            table.c.kind == kind,
            table.c.host == host,
            table.c.name == name,
            table.c.status == "issued",
            table.c.revoked_at.is_(None),
        )
        with self._database.reading() as connection:
            found = query.order_by((table.c.key_sha256 == key_sha256).desc(), table.c.id.desc())
            row = connection.execute(found.limit(1)).one_or_none()
            if row is None:
                return None
            return IssuedCertificate(
                certificate=x509.load_der_x509_certificate(row.certificate),
                authority=self._authorities.get(connection, row.authority_id),
                host=row.host,
                name=row.name,
                key_sha256=row.key_sha256,
            )

    def list(
        self, *, kind: Kind | None = None, host: str | None = None, name: str | None = None
    ) -> tuple[CertificateRecord, ...]:
        """List what is on record, oldest first; each filter that is given must match."""
        table, issuer = schema.certificates, schema.authorities
        wanted = {table.c.kind: kind, table.c.host: host, table.c.name: name}
        filters = [column == value for column, value in wanted.items() if value is not None]
        columns = [column for column in table.c if column.name in _RECORDED]
        query = (
            select(issuer.c.name.label("authority"), issuer.c.generation, *columns)
            .join_from(table, issuer, table.c.authority_id == issuer.c.id)
            .where(*filters)
            .order_by(table.c.id)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings()
            return tuple(CertificateRecord(**row) for row in rows)

    def revoke(
        self,
        serial: int,
        signer: Signer,
        *,
        now: datetime,
        reason: x509.ReasonFlags = x509.ReasonFlags.unspecified,
    ) -> tuple[CRL, ...]:
        """
        Revoke a certificate and replace its authority's ladder, both or neither.

        Revoking twice changes nothing but the lists: the first time and reason stand.
        """
        table = schema.certificates
        with self._database.writer() as writer, writer.transaction() as connection:
            issuer_id = authorities.id_of(connection, signer.authority.certificate)
            this = (table.c.serial == serial) & (table.c.authority_id == issuer_id)
            if connection.execute(select(table.c.id).where(this)).one_or_none() is None:
                raise UnknownCertificate(
                    f"{authorities.owner(signer.authority)} issued no certificate {serial:x}",
                    hint="deployer cert list",
                )
            fresh = this & table.c.revoked_at.is_(None)
            values = {"revoked_at": now, "reason": reason.value}
            if connection.execute(update(table).where(fresh).values(values)).rowcount:
                events.record(
                    connection,
                    "certificate revoked",
                    at=now,
                    serial=f"{serial:x}",
                    reason=reason.value,
                )
            return crls.publish(connection, signer, now=now)
