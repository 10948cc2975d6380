"""Who holds client certificates, by the books."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto

from deployer.store.records import CertificateRecord, CertificateState
from deployer.store.state import Store
from deployer.workflows.sheet import called


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
    newest: CertificateRecord
    """The newest one that is valid; where none is, the newest."""
    state: CertificateState
    names: tuple[str, ...]
    """What it says beside the name."""
    valid: int
    """How many there are that let their owner in."""


def holders(store: Store, *, now: datetime, which: Which) -> tuple[Holder, ...]:
    """List identities by name."""
    by_name: dict[str, list[CertificateRecord]] = defaultdict(list)
    for record in store.certificates.list(kind="client", host=""):
        by_name[record.name].append(record)
    found = []
    for name, records in sorted(by_name.items()):
        valid = [one for one in records if one.state(now) is CertificateState.VALID]
        newest = (valid or records)[-1]
        state = newest.state(now)
        if which is Which.ALL or state is _STATE[which]:
            found.append(
                Holder(
                    name=name,
                    newest=newest,
                    state=state,
                    names=_names(newest, store),
                    valid=len(valid),
                )
            )
    return tuple(found)


_STATE = {Which.VALID: CertificateState.VALID, Which.EXPIRED: CertificateState.EXPIRED}


def _names(record: CertificateRecord, store: Store) -> tuple[str, ...]:
    if record.status != "issued":
        return ()
    return called(store.certificates.read(record.serial).certificate)
