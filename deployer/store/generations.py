"""
The generations of an authority: prepared, active, retiring, retired.

Hosts trust one before it issues and until nothing hangs on it any more, so that at no moment
two sides of a connection cannot verify each other.
"""

from datetime import datetime

from cryptography import x509
from sqlalchemy import Connection

from deployer.errors import DeployerError, nearest
from deployer.pki.authority import Authority, AuthorityState, Signer
from deployer.pki.issue import issue_authority, issue_root
from deployer.pki.keys import KeyType, PrivateKey
from deployer.pki.profiles import AUTHORITIES, DIRECT, ROOT
from deployer.store import crls, custody, ledger, register, schema
from deployer.store.chain import Kind
from deployer.store.database import Database
from deployer.store.faults import NoState
from deployer.store.keys import Cost, seal
from deployer.store.randomness import generate_key, random_serial_number
from deployer.store.rows import AuthorityRow


class WrongState(DeployerError):
    """A generation that is not where it would have to be for what is asked."""


class StillInUse(DeployerError):
    """Somebody's certificate hangs on the authority."""


def prepare(
    database: Database,
    name: str,
    *,
    root: Signer,
    passphrase: str,
    now: datetime,
    key_type: KeyType,
    cost: Cost,
) -> Authority:
    """Make the next generation of an authority, for hosts to trust before it issues."""
    with database.writer() as writer, writer.transaction() as connection:
        mine = _generations(connection, name)
        for row in mine:
            if row.state == AuthorityState.PREPARED:
                raise WrongState(f"{row.owner} is prepared already", hint="activate or retire it")
        if name != ROOT.name:
            register.check_issues(
                connection, register.id_of(connection, root.authority.certificate)
            )
        custody.check_passphrase(connection, passphrase)
        key = generate_key(key_type)
        number = max(row.generation for row in mine) + 1
        authority = _make(mine[-1], number, key, root, now=now)
        signer = Signer(authority=authority, key=key)
        owner = register.owner(authority)
        sealed = seal(key, passphrase, owner=owner, cost=cost)
        register.add(
            connection,
            authority,
            sealed,
            state=AuthorityState.PREPARED,
            origin="made",
            now=now,
        )
        ledger.add_authority(connection, authority, now=now)
        row_id = register.id_of(connection, authority.certificate)
        register.note(connection, row_id, Kind.AUTHORITY_PREPARED, at=now)
        crls.publish(connection, signer, now=now)
    return authority


def activate(database: Database, name: str, *, now: datetime) -> int:
    """Let the prepared generation issue in the place of the active one; returns its row."""
    with database.writer() as writer, writer.transaction() as connection:
        mine = _generations(connection, name)
        prepared = [row for row in mine if row.state == AuthorityState.PREPARED]
        if not prepared:
            raise WrongState(f"no generation of {name} is prepared", hint="prepare one first")
        (row,) = prepared
        since = register.revoked_at(connection, row)
        if since is not None:
            raise WrongState(
                f"{row.owner} cannot issue: it was revoked on {since:%Y-%m-%d}",
                hint=f"retire it, and prepare another generation of {name}",
            )
        for before in mine:
            if before.state == AuthorityState.ACTIVE:
                retiring, kind = AuthorityState.RETIRING, Kind.AUTHORITY_RETIRING
                register.change(connection, before.id, kind, at=now, state=retiring)
        active = AuthorityState.ACTIVE
        register.change(connection, row.id, Kind.AUTHORITY_ACTIVATED, at=now, state=active)
        return row.id


def retire(database: Database, name: str, *, now: datetime, generation: int) -> int:
    """Take trust from a generation on which nobody's certificate hangs; returns its row."""
    with database.writer() as writer, writer.transaction() as connection:
        mine = {row.generation: row for row in _generations(connection, name)}
        row = mine.get(generation)
        if row is None:
            raise NoState(f"there is no authority {name} G{generation}", hint="deployer ca show")
        # Nobody is let in on the word of a revoked one: it may go at once, and its leaves with it.
        is_revoked = register.revoked_at(connection, row) is not None
        given_up = {AuthorityState.PREPARED, AuthorityState.RETIRING}
        if row.state not in (given_up | {AuthorityState.ACTIVE} if is_revoked else given_up):
            raise WrongState(
                f"{row.owner} is {row.state}, and only a prepared or retiring one can be retired",
                hint=f"prepare and activate another generation of {name} first",
            )
        if not is_revoked:
            _check_unused(connection, row, now)
        retired = AuthorityState.RETIRED
        register.change(connection, row.id, Kind.AUTHORITY_RETIRED, at=now, state=retired)
        return row.id


def _make(
    before: AuthorityRow, generation: int, key: PrivateKey, root: Signer, *, now: datetime
) -> Authority:
    throwaway = generate_key(KeyType.P256)
    serial = random_serial_number()
    organization = _organization(before)
    if before.name == ROOT.name:
        return issue_root(
            organization=organization,
            generation=generation,
            key=key,
            now=now,
            serial=serial,
            throwaway=throwaway,
            constraints=root.authority.constraints,
        )
    return issue_authority(
        AUTHORITIES[before.name],
        organization=organization,
        generation=generation,
        public_key=key.public_key(),
        signer=root,
        now=now,
        serial=serial,
        throwaway=throwaway,
    )


def _organization(before: AuthorityRow) -> str:
    certificate = x509.load_der_x509_certificate(before.certificate)
    return Authority(
        name=before.name, generation=before.generation, certificate=certificate, chain=()
    ).organization


def _generations(connection: Connection, name: str) -> list[AuthorityRow]:
    everyone = register.everyone(connection)
    mine = [row for row in everyone if row.name == name]
    if mine and name != DIRECT:
        return mine
    if any(row.name == DIRECT for row in everyone):
        raise WrongState(
            "the CA was imported and can have no authority below it, so it has no generations",
            hint="found a CA of your own: deployer ca init",
        )
    raise NoState(f"there is no authority named {name!r}", hint=nearest(name, AUTHORITIES))


def _check_unused(connection: Connection, row: AuthorityRow, now: datetime) -> None:
    moment = schema.moment(now)
    living = ledger.read(
        connection,
        "authority_id = ? AND status != 'abandoned' AND revoked_at IS NULL AND not_after > ?",
        row.id,
        moment,
    )
    trusted = {
        one.certificate
        for one in register.everyone(connection)
        if one.id != row.id and one.state != AuthorityState.RETIRED
    }
    hanging = [one for one in living if one.kind != "authority" or one.certificate in trusted]
    if hanging:
        first = hanging[0]
        others = f" and {len(hanging) - 1} more" if len(hanging) > 1 else ""
        raise StillInUse(
            f"{row.owner} cannot be retired: the {first.kind} certificate {first.serial} of "
            f"{first.name}{others} would be refused everywhere",
            hint=f"replace or revoke them first: deployer cert list --authority {row.name}",
        )
