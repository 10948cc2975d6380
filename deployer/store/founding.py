"""The founding of a CA: a root, an authority for servers, one for clients, and their lists."""

from datetime import datetime

from cryptography import x509
from sqlalchemy import Connection, select

from deployer.errors import DeployerError
from deployer.pki.adoption import Adoption
from deployer.pki.authority import Authority, AuthorityState, Signer
from deployer.pki.issue import issue_authority, issue_root
from deployer.pki.keys import KeyType
from deployer.pki.names import InvalidName
from deployer.pki.profiles import CLIENTS, SERVERS
from deployer.spec.text import inexpressible
from deployer.store import crls, ledger, register, schema
from deployer.store.chain import Kind
from deployer.store.database import Database
from deployer.store.keys import Cost, seal
from deployer.store.randomness import generate_key, random_serial_number
from deployer.store.records import Origin


class AlreadyFounded(DeployerError):
    """The state has a CA, and a second would lock out everybody whom the first let in."""


def found(
    database: Database,
    *,
    organization: str,
    passphrase: str,
    key_type: KeyType,
    cost: Cost,
    constraints: x509.NameConstraints | None,
    now: datetime,
) -> tuple[Authority, ...]:
    """Make and write all of it in one transaction: a founding that fails leaves nothing."""
    _check_name(organization)
    with database.writer() as writer, writer.transaction() as connection:
        _check_unfounded(connection)
        key = generate_key(key_type)
        root = issue_root(
            organization=organization,
            generation=1,
            key=key,
            now=now,
            serial=random_serial_number(),
            throwaway=generate_key(KeyType.P256),
            constraints=constraints,
        )
        top = Signer(authority=root, key=key)
        signers = (top, *_below(top, organization, key_type, now))
        for signer in signers:
            _write(connection, signer, passphrase, cost, origin="made", now=now)
    return tuple(signer.authority for signer in signers)


def adopt(
    database: Database,
    adoption: Adoption,
    *,
    organization: str,
    passphrase: str,
    key_type: KeyType,
    cost: Cost,
    now: datetime,
) -> tuple[Authority, ...]:
    """
    Make an existing CA ours, and what goes below it if that may be.

    What it certified before is not on our books; what it certifies from now on is.
    """
    _check_name(organization)
    top = Signer(authority=adoption.authority, key=adoption.key)
    with database.writer() as writer, writer.transaction() as connection:
        _check_unfounded(connection)
        _write(connection, top, passphrase, cost, origin="imported", now=now)
        below = () if adoption.direct else _below(top, organization, key_type, now)
        for signer in below:
            _write(connection, signer, passphrase, cost, origin="made", now=now)
    return (top.authority, *(signer.authority for signer in below))


def _check_name(organization: str) -> None:
    if why := inexpressible(organization):
        # It becomes part of the authorities' names, and servers compare those.
        raise InvalidName("an organization's name", organization, f"it {why}")


def _check_unfounded(connection: Connection) -> None:
    if connection.execute(select(schema.authorities.c.id).limit(1)).one_or_none():
        raise AlreadyFounded("there is a CA already", hint="deployer ca show")


def _below(top: Signer, organization: str, key_type: KeyType, now: datetime) -> tuple[Signer, ...]:
    keys = {profile: generate_key(key_type) for profile in (SERVERS, CLIENTS)}
    throwaway = generate_key(KeyType.P256)
    return tuple(
        Signer(
            authority=issue_authority(
                profile,
                generation=1,
                public_key=key.public_key(),
                signer=top,
                now=now,
                serial=random_serial_number(),
                throwaway=throwaway,
                organization=organization,
            ),
            key=key,
        )
        for profile, key in keys.items()
    )


def _write(
    connection: Connection,
    signer: Signer,
    passphrase: str,
    cost: Cost,
    *,
    origin: Origin,
    now: datetime,
) -> None:
    authority = signer.authority
    sealed = seal(signer.key, passphrase, owner=register.owner(authority), cost=cost)
    register.add(connection, authority, sealed, state=AuthorityState.ACTIVE, origin=origin, now=now)
    imported = origin == "imported"
    kind = Kind.AUTHORITY_IMPORTED if imported else Kind.AUTHORITY_MADE
    register.note(connection, register.id_of(connection, authority.certificate), kind, at=now)
    if not imported:  # the books hold what was signed here
        ledger.add_authority(connection, authority, now=now)
    if crls.may_publish(authority):
        crls.publish(connection, signer, now=now)
