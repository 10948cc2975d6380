"""Faults of the CA: its books in use, torn, full, restored; its key out of reach; its end near."""

import math
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from deployer.pki.keys import KeyType
from deployer.pki.pem import read_certificates, read_crls
from deployer.result import Step
from deployer.store.lock import held
from deployer.store.state import Store
from tests.faults.oracle import live_release, server_certificates, serves_the_old
from tests.hosts.fleet import Fleet
from tests.hosts.host import LabHost
from tests.hosts.sandbox import SandboxHost
from tests.journey.fleet_desk import APPLY
from tests.journey.workbench import PASSPHRASE, Workbench, command
from tests.store.examples import CHEAP
from tests.sweep.sabotage import sabotaged

WITH_PASSPHRASE = ("--passphrase-file", "passphrase")


@pytest.fixture
def any_host(request: pytest.FixtureRequest) -> LabHost:
    """Nothing here depends on the kind of host."""
    return SandboxHost(request.getfixturevalue("sandbox"))


def state(desk: Workbench) -> Path:
    return desk.directory / ".deployer"


def touched(desk: Workbench) -> bool:
    """Say whether anything of ours is on the host."""
    root, other = desk.host.layout.root, desk.host.layout.state_dir
    return any(
        desk.host.exec(["test", "-e", path], check=False).status == 0 for path in (root, other)
    )


def in_process(directory: Path) -> AbstractContextManager[None]:
    """Be a run that is issuing."""
    return held(directory / "state.lock", timeout=0)


@contextmanager
def in_another_program(directory: Path) -> Iterator[None]:
    """Be a browser of databases that somebody has left open."""
    with closing(sqlite3.connect(directory / "state.db", isolation_level=None)) as books:
        books.execute("BEGIN EXCLUSIVE")
        yield


@pytest.mark.slow
@pytest.mark.fault(55, how="the lock of the state, and an exclusive transaction, are held")
@pytest.mark.parametrize(
    ("holding", "named"),
    [(in_process, "is in use by process "), (in_another_program, "is locked by another program")],
)
def test_books_in_use_are_waited_for_so_long_and_no_longer(
    desk: Workbench, holding: Callable[[Path], AbstractContextManager[None]], named: str
) -> None:
    with holding(state(desk)):
        said = desk.apply(status=75).stderr

    assert named in said
    assert not touched(desk)
    desk.apply()
    assert desk.curl(*desk.alice).stdout == "200"
    assert len(set(server_certificates(desk))) == len(server_certificates(desk)) == 1


@pytest.mark.fault(56, how="a page of the database is overwritten")
def test_torn_books_are_refused_and_a_backup_brings_them_back(live_desk: Workbench) -> None:
    desk, old = live_desk, live_release(live_desk)
    desk.deployer("ca", "backup", "backup.db")
    path = state(desk) / "state.db"
    content = bytearray(path.read_bytes())
    content[4096 * 3 : 4096 * 5] = b"\xa5" * 4096 * 2
    path.write_bytes(content)
    desk.vhosts = [desk.site(client_auth={"verify": "optional"})]
    desk.write_inventory()

    said = desk.apply(status=1).stderr

    assert "is damaged" in said
    assert "move .deployer aside, then: deployer ca restore BACKUP" in said.replace(
        str(desk.directory) + "/", ""
    )
    assert live_release(desk) == old
    assert serves_the_old(desk)
    state(desk).rename(desk.directory / "aside")
    desk.deployer("ca", "restore", "backup.db")
    desk.deployer("ca", "verify-journal")
    desk.apply()
    assert desk.curl().stdout == "200"
    assert len(server_certificates(desk)) == 1


@pytest.mark.fault(56, how="the write-ahead log is cut off anywhere, as a power cut may leave it")
def test_a_torn_log_loses_the_end_of_the_story_and_nothing_in_the_middle(
    desk: Workbench, tmp_path: Path
) -> None:
    whole = tmp_path / "whole"
    with closing(sqlite3.connect(state(desk) / "state.db")) as reader:
        reader.execute("SELECT count(*) FROM certificates").fetchall()
        for name in ("bob", "carol"):
            desk.deployer("client", "issue", name, *WITH_PASSPHRASE)
        shutil.copytree(state(desk), whole)
    size = (whole / "state.db-wal").stat().st_size
    assert size > 10_000
    seen = []

    for length in range(0, size + 1, max(1, size // 40)):
        torn = tmp_path / "torn"
        shutil.copytree(whole, torn)
        (torn / "state.db-shm").unlink()
        with (torn / "state.db-wal").open("r+b") as log:
            log.truncate(length)
        with Store.open(torn, now=datetime.now(UTC)) as store:
            store.journal.verify()
            found = store.certificates.list(kind="client")
            assert "intended" not in {one.status for one in found}
            seen.append([one.name for one in found])
        shutil.rmtree(torn)

    assert all(names == ["alice", "bob", "carol"][: len(names)] for names in seen)
    assert [len(names) for names in seen] == sorted(len(names) for names in seen)


FULL = """
cp -a .deployer saved
mount -t tmpfs -o "size=$1,mode=0700" tmpfs .deployer
cp -a saved/. .deployer/
shift
set +e
"$@"
status=$?
cp -a .deployer after
exit $status
"""


@pytest.mark.slow
@pytest.mark.fault(57, how="the state is on a tmpfs with a few pages left")
@pytest.mark.parametrize("pages", [0, 10, 14, 18, 22])
def test_books_without_room_let_no_certificate_out(
    desk: Workbench, fleet: Fleet, pages: int
) -> None:
    used = sum(
        math.ceil(path.stat().st_size / 4096) for path in state(desk).rglob("*") if path.is_file()
    )
    size = str((used + pages) * 4096)

    run = subprocess.run(
        ["unshare", "--mount", "sh", "-ec", FULL, "full", size, *command(*APPLY)],
        cwd=desk.directory, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert run.returncode not in {0, 127}, run.stdout
    assert "Traceback" not in run.stderr
    assert "df " in run.stderr
    shutil.rmtree(state(desk))
    (desk.directory / "after").rename(state(desk))
    with Store.open(state(desk), now=datetime.now(UTC)) as store:
        store.journal.verify()
        recorded = {one.serial for one in store.certificates.list(kind="server")}
    if live_release(desk):
        assert served(desk) in recorded
    desk.apply()
    assert served(desk) in server_certificates(desk)
    assert recorded <= set(server_certificates(desk))


def served(desk: Workbench) -> int:
    """The serial number of the certificate on the host."""
    files = f"cat {desk.host.layout.root}/current/tls/*/fullchain.pem"
    leaf, *_ = read_certificates(desk.host.exec(["sh", "-c", files]).stdout)
    return leaf.serial_number


@pytest.mark.fault(
    58, how="SIGKILL when certificates were issued and recorded, before a host has one"
)
def test_a_certificate_whose_run_was_killed_is_on_record_and_its_key_nowhere(
    desk: Workbench,
) -> None:
    killed = sabotaged(desk.directory, Step.ISSUE, "end", 1, "kill", *APPLY)
    assert killed.returncode == -9

    (lost,) = server_certificates(desk)
    assert not touched(desk)
    keys = [
        path
        for path in desk.directory.rglob("*")
        if path.is_file() and b"PRIVATE KEY" in path.read_bytes()
    ]
    assert [path.name for path in keys] == ["alice.key"]
    desk.apply()
    assert server_certificates(desk) == [lost, served(desk)]
    assert served(desk) != lost
    assert desk.curl(*desk.alice).stdout == "200"


@pytest.mark.slow
@pytest.mark.fault(59, how="a backup is restored that is older than the lists on the host")
def test_after_the_return_of_an_old_backup_no_number_comes_again(live_desk: Workbench) -> None:
    desk = live_desk
    desk.deployer("ca", "backup", "backup.db")
    desk.deployer("rotate", "--yes", "--what", "crl", *WITH_PASSPHRASE)
    desk.deployer("rotate", "--yes", *WITH_PASSPHRASE)
    lost, numbers = served(desk), numbers_on(desk)
    state(desk).rename(desk.directory / "aside")

    desk.deployer("ca", "restore", "backup.db")
    desk.apply()

    after = numbers_on(desk)
    assert after.keys() == numbers.keys()
    assert all(after[issuer] > number for issuer, number in numbers.items())
    assert served(desk) != lost
    assert lost not in server_certificates(desk)
    assert desk.curl(*desk.alice).stdout == "200"


def numbers_on(desk: Workbench) -> dict[str, int]:
    """The number of the list of each authority that the host has."""
    files = f"cat {desk.host.layout.root}/current/crl/*.pem"
    lists = read_crls(desk.host.exec(["sh", "-c", files]).stdout)
    return {
        one.issuer.rfc4514_string(): one.extensions.get_extension_for_class(
            x509.CRLNumber
        ).value.crl_number
        for one in lists
    }


@pytest.mark.slow
@pytest.mark.fault(60, how="nobody has the right passphrase for the key that is to sign")
def test_a_key_out_of_reach_changes_nothing_and_status_goes_on(live_desk: Workbench) -> None:
    desk, old = live_desk, live_release(live_desk)
    desk.vhosts = [desk.site(server_aliases=["b.example.com"])]
    desk.write_inventory()
    (desk.directory / "passphrase").write_text("wrong\n")

    said = desk.apply(status=1).stderr

    assert "passphrase" in said
    assert live_release(desk) == old
    assert serves_the_old(desk)
    assert len(server_certificates(desk)) == 1
    (site,) = desk.events("site", "status", status=9)
    assert "differs from its release in 3 places" in site["remarks"]


def aged(desk: Workbench, *, left: timedelta) -> None:
    """Have a CA whose authorities for servers and clients end so soon."""
    now = datetime.now(UTC)
    shutil.rmtree(state(desk))
    with Store.create(state(desk), now=now) as store:
        made = store.init_ca(
            organization="Example",
            passphrase=PASSPHRASE,
            now=now,
            key_type=KeyType.P256,
            cost=CHEAP,
        )
    lifetime = made[1].certificate.not_valid_after_utc - now
    shutil.rmtree(state(desk))
    then = now - lifetime + left
    with Store.create(state(desk), now=then) as store:
        store.init_ca(
            organization="Example",
            passphrase=PASSPHRASE,
            now=then,
            key_type=KeyType.P256,
            cost=CHEAP,
        )


@pytest.mark.slow
@pytest.mark.fault(61, how="an authority that ends in three weeks")
def test_a_certificate_ends_with_its_authority_and_a_plan_says_so(desk: Workbench) -> None:
    aged(desk, left=timedelta(days=21))
    shutil.rmtree(desk.directory / "alice")
    desk.deployer("client", "issue", "alice", *WITH_PASSPHRASE)

    planned = desk.deployer("plan").stdout
    desk.apply()

    with Store.open(state(desk), now=datetime.now(UTC)) as store:
        (leaf,) = store.certificates.list(kind="server")
        ends = {one.name: one.certificate.not_valid_after_utc for one in store.authorities.list()}
    assert leaf.not_after == ends["servers"]
    assert desk.curl(*desk.alice).stdout == "200"
    assert f"it will end with its authority on {leaf.not_after:%Y-%m-%d}" in planned


@pytest.mark.fault(61, how="an authority that ends in an hour")
def test_an_authority_at_its_end_issues_nothing_and_no_host_is_touched(desk: Workbench) -> None:
    aged(desk, left=timedelta(hours=1))

    said = desk.apply(status=1).stderr

    assert "the authority servers G1 ends on" in said
    assert "too soon to issue anything" in said
    assert "replace the authority" in said
    assert not touched(desk)
