"""The founding of a CA: a root, an authority for servers, one for clients, and their lists."""

from datetime import datetime

from sqlalchemy import Connection, select

from deployer.errors import DeployerError
from deployer.pki.authority import Authority, Signer
from deployer.pki.issue import issue_authority, issue_root
from deployer.pki.keys import KeyType
from deployer.pki.names import InvalidName
from deployer.pki.profiles import CLIENTS, SERVERS
from deployer.spec.text import inexpressible
from deployer.store import authorities, crls, events, ledger, schema
from deployer.store.database import Database
from deployer.store.keys import Cost, seal
from deployer.store.randomness import generate_key, random_serial_number


class AlreadyFounded(DeployerError):
    """The state has a CA, and a second would lock out everybody whom the first let in."""


def found(
    database: Database,
    *,
    organization: str,
    passphrase: str,
    key_type: KeyType,
    cost: Cost,
    now: datetime,
) -> tuple[Authority, ...]:
    """Make and write all of it in one transaction: a founding that fails leaves nothing."""
    if why := inexpressible(organization):
        # It becomes part of the authorities' names, and servers compare those.
        raise InvalidName("an organization's name", organization, f"it {why}")
    with database.writer() as writer, writer.transaction() as connection:
        if connection.execute(select(schema.authorities.c.id).limit(1)).one_or_none():
            raise AlreadyFounded("there is a CA already", hint="deployer ca show")
        signers = _signers(organization, key_type, now)
        for signer in signers:
            whose = authorities.owner(signer.authority)
            sealed = seal(signer.key, passphrase, owner=whose, cost=cost)
            _write(connection, signer, sealed, now=now)
    return tuple(signer.authority for signer in signers)


def _signers(organization: str, key_type: KeyType, now: datetime) -> tuple[Signer, ...]:
    root_key = generate_key(key_type)
    root = issue_root(
        organization=organization,
        generation=1,
        key=root_key,
        now=now,
        serial=random_serial_number(),
    )
    top = Signer(authority=root, key=root_key)
    keys = {profile.name: generate_key(key_type) for profile in (SERVERS, CLIENTS)}
    below = tuple(
        Signer(
            authority=issue_authority(
                profile,
                generation=1,
                public_key=keys[profile.name].public_key(),
                signer=top,
                now=now,
                serial=random_serial_number(),
            ),
            key=keys[profile.name],
        )
        for profile in (SERVERS, CLIENTS)
    )
    return (top, *below)


def _write(connection: Connection, signer: Signer, sealed: bytes, *, now: datetime) -> None:
    authorities.add(connection, signer.authority, sealed, now=now)
    ledger.add_authority(connection, signer.authority, now=now)
    name = authorities.owner(signer.authority)
    events.record(connection, "authority made", at=now, authority=name)
    crls.publish(connection, signer, now=now)
