"""
One operation of a store, in a process of its own that can be killed at any of its writes.

`python -m tests.store.crashing STATE OPERATION` does it; what it has got is printed, as whoever
asked for it would have it.
"""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

from cryptography import x509

from deployer.pki.keys import KeyType
from deployer.store.state import Store
from tests.store.examples import CHEAP, NOW, PASSPHRASE, client_request

WRITES = ("write", "pwrite64", "fsync", "fdatasync", "ftruncate", "rename", "unlink")
LATER = NOW + timedelta(minutes=1)
NEW = "a newer passphrase"


def issue(store: Store) -> Iterator[str]:
    """Issue three certificates."""
    signer = store.unlock("clients", PASSPHRASE)
    requests = [client_request(name) for name in ("bob", "carol", "dave")]
    for one in store.certificates.issue_all(requests, signer, now=LATER):
        yield f"serial {one.certificate.serial_number:x}"


def revoke(store: Store) -> Iterator[str]:
    """Revoke the certificate of alice."""
    signer = store.unlock("clients", PASSPHRASE)
    (alice,) = store.certificates.list(name="alice")
    yield from _numbers(store.certificates.revoke(alice.serial, signer, now=LATER))


def publish(store: Store) -> Iterator[str]:
    """Sign a new ladder."""
    yield from _numbers(store.crls.publish(store.unlock("clients", PASSPHRASE), now=LATER))


def prepare(store: Store) -> Iterator[str]:
    """Make another generation."""
    root = store.unlock("root", PASSPHRASE)
    made = store.prepare(
        "clients",
        root=root,
        passphrase=PASSPHRASE,
        now=LATER,
        key_type=KeyType.P256,
        cost=CHEAP,
    )
    yield f"serial {made.certificate.serial_number:x}"


def change_passphrase(store: Store) -> Iterator[str]:
    """Change the passphrase."""
    store.change_passphrase(PASSPHRASE, NEW, now=LATER, cost=CHEAP)
    yield "changed"


OPERATIONS: dict[str, Callable[[Store], Iterator[str]]] = {
    one.__name__: one for one in (issue, revoke, publish, prepare, change_passphrase)
}


def run(state: Path, operation: str, *, kill: tuple[str, int] | None) -> tuple[list[str], bool]:
    """Do it, killed at the nth call of a kind; returns what it printed and whether it died."""
    log = state.parent / "strace.log"
    paths = [arg for name in _files(state) for arg in ("-P", str(name))]
    calls = ",".join(WRITES)
    injection = [] if kill is None else ["-e", f"inject={kill[0]}:signal=KILL:when={kill[1]}"]
    watched = ["strace", "-f", "-qq", "-o", str(log), *paths, "-e", f"trace={calls}", *injection]
    program = [sys.executable, "-m", "tests.store.crashing", str(state), operation]
    done = subprocess.run(
        [*watched, *program], capture_output=True, text=True, timeout=60, check=False
    )
    died = done.returncode == -signal.SIGKILL
    assert died or done.returncode == 0, done.stderr
    return done.stdout.splitlines(), died


def writes(state: Path, operation: str) -> list[tuple[str, int]]:
    """List every write of an operation that is left alone: the nth call of its kind."""
    run(state, operation, kill=None)
    counts: dict[str, int] = {}
    found = []
    for line in (state.parent / "strace.log").read_text().splitlines():
        call = line.split("(")[0].split()[-1]
        if call in WRITES:
            counts[call] = counts.get(call, 0) + 1
            found.append((call, counts[call]))
    return found


def _files(state: Path) -> list[Path]:
    names = ("state.db", "state.db-wal", "state.db-shm", "state.lock")
    return [state / name for name in names]


def _numbers(rungs: tuple[x509.CertificateRevocationList, ...]) -> Iterator[str]:
    for rung in rungs:
        number = rung.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        yield f"number {number} {rung.last_update_utc:%s}"


if __name__ == "__main__":
    with Store.open(Path(sys.argv[1]), now=LATER) as opened:
        for line in OPERATIONS[sys.argv[2]](opened):
            print(line, flush=True)  # noqa: T201 (what it has got leaves it here)
