"""The authorities of a state database, by name and generation."""

from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import Connection, insert, select

from deployer.errors import nearest
from deployer.pki.authority import Authority, Signer
from deployer.pki.keys import is_same_key
from deployer.pki.profiles import AUTHORITIES
from deployer.store import schema
from deployer.store.database import Database, NoState
from deployer.store.keys import DamagedKey, unseal


def owner(authority: Authority) -> str:
    """Say whose a sealed key is; part of what its seal protects."""
    return f"{authority.name} G{authority.generation}"


def add(connection: Connection, authority: Authority, sealed_key: bytes, *, now: datetime) -> None:
    """Write an authority whose issuers are written already."""
    row = {
        "name": authority.name,
        "generation": authority.generation,
        "issuer_id": id_of(connection, authority.chain[0]) if authority.chain else None,
        "certificate": authority.certificate.public_bytes(Encoding.DER),
        "sealed_key": sealed_key,
        "created_at": now,
    }
    connection.execute(insert(schema.authorities), row)


def id_of(connection: Connection, certificate: x509.Certificate) -> int:
    """Find the row of an authority."""
    table = schema.authorities
    der = certificate.public_bytes(Encoding.DER)
    query = select(table.c.id).where(table.c.certificate == der)
    row_id: int = connection.execute(query).scalar_one()
    return row_id


class Authorities:
    """Who may sign."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[int, Authority] = {}

    def current(self, name: str) -> Authority:
        """Find the newest generation of an authority."""
        table = schema.authorities
        query = select(table.c.id).where(table.c.name == name).order_by(table.c.generation.desc())
        with self._database.reading() as connection:
            found = connection.execute(query.limit(1)).scalar_one_or_none()
            if found is None:
                raise NoState(
                    f"there is no authority named {name!r}",
                    hint=nearest(name, AUTHORITIES)
                    if name not in AUTHORITIES
                    else "deployer ca init",
                )
            return self.get(connection, found)

    def list(self) -> tuple[Authority, ...]:
        """List every generation of every authority, in the order they were made."""
        with self._database.reading() as connection:
            ids = connection.execute(select(schema.authorities.c.id).order_by("id")).scalars()
            return tuple(self.get(connection, one) for one in ids.all())

    def unlock(self, name: str, passphrase: str) -> Signer:
        """Open the key of the newest generation of an authority."""
        authority = self.current(name)
        table = schema.authorities
        with self._database.reading() as connection:
            row_id = id_of(connection, authority.certificate)
            query = select(table.c.sealed_key).where(table.c.id == row_id)
            sealed = connection.execute(query).scalar_one()
        key = unseal(sealed, passphrase, owner=owner(authority))
        if not is_same_key(key.public_key(), authority.certificate.public_key()):
            raise DamagedKey(f"the key of {owner(authority)} is not that of its certificate")
        return Signer(authority=authority, key=key)

    def get(self, connection: Connection, row_id: int) -> Authority:
        """Read an authority with its chain; they never change, so each is read once."""
        if row_id not in self._known:
            query = select(schema.authorities).where(schema.authorities.c.id == row_id)
            row = connection.execute(query).one()
            above = () if row.issuer_id is None else self.get(connection, row.issuer_id).bundle
            self._known[row_id] = Authority(
                name=row.name,
                generation=row.generation,
                certificate=x509.load_der_x509_certificate(row.certificate),
                chain=above,
            )
        return self._known[row_id]
