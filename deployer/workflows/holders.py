"""Who holds client certificates, by the books."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from cryptography.x509 import ReasonFlags

from deployer.errors import DeployerError
from deployer.pki.keys import PublicKey, is_same_key
from deployer.store.records import CertificateRecord, CertificateState
from deployer.store.state import Store
from deployer.workflows.sheet import called


class Taken(DeployerError):
    """A name or a key that somebody has, or had, and that is not certified again unasked."""


class Which(Enum):
    """The holders that are asked for."""

    VALID = auto()
    """Who is let in now."""
    EXPIRED = auto()
    """Who would be, had somebody renewed their certificate."""
    ALL = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """An identity, and what became of its certificates."""

    name: str
    host: str
    """The host that shows it to its backends; empty for one that was handed over."""
    newest: CertificateRecord
    """The newest one that is valid; where none is, the newest."""
    state: CertificateState
    names: tuple[str, ...]
    """What it says beside the name."""
    valid: int
    """How many there are that let their owner in."""


def holders(store: Store, *, now: datetime, which: Which) -> tuple[Holder, ...]:
    """
    List identities by name.

    Those of hosts as well: whoever lets in our clients lets them in.
    """
    by_name: dict[tuple[str, str], list[CertificateRecord]] = defaultdict(list)
    for record in store.certificates.list(kind="client"):
        by_name[record.name, record.host].append(record)
    found = []
    for (name, host), records in sorted(by_name.items()):
        valid = [one for one in records if one.state(now) is CertificateState.VALID]
        newest = (valid or records)[-1]
        state = newest.state(now)
        if which is Which.ALL or state is _STATE[which]:
            found.append(
                Holder(
                    name=name,
                    host=host,
                    newest=newest,
                    state=state,
                    names=_names(newest, store),
                    valid=len(valid),
                )
            )
    return tuple(found)


def already_held(name: str, store: Store, *, now: datetime, meant: bool) -> str:
    """
    Say what an identity of this name has already, or nothing.

    Refused unless it is `meant`: whoever writes a signing request chooses its name, and must
    not become somebody else, or one of our hosts, because nobody looked.
    """
    state = CertificateState.VALID
    found = store.certificates.list(kind="client", name=name, state=state, now=now)
    if not found:
        return ""
    count = f"{len(found)} valid certificate{'' if len(found) == 1 else 's'}"
    end = max(one.not_after for one in found)
    held = f"{name} has {count} already (until {end:%Y-%m-%d})"
    if not meant:
        hint = f"give {name} as NAME if that is who asks, or see deployer client renew"
        raise Taken(held, hint=hint)
    return f"{held}; deployer client renew keeps the names"


def refuse_compromised(key: PublicKey, store: Store) -> None:
    """Refuse a key of which it is on record that others have it."""
    for record in store.certificates.list(state=CertificateState.REVOKED):
        if record.reason != ReasonFlags.key_compromise.value:
            continue
        known = store.certificates.read(record.serial).certificate.public_key()
        if is_same_key(known, key):
            raise Taken(
                f"this key was revoked as compromised with the certificate {record.serial:x} "
                f"of {record.name}",
                hint="a new key is needed: openssl req -new -newkey …",
            )


_STATE = {Which.VALID: CertificateState.VALID, Which.EXPIRED: CertificateState.EXPIRED}


def _names(record: CertificateRecord, store: Store) -> tuple[str, ...]:
    if record.status != "issued":
        return ()
    return called(store.certificates.read(record.serial).certificate)
