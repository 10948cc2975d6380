"""What was last deployed to each host, on record and vouched for by the journal."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from deployer.layouts import DEBIAN, LAYOUTS
from deployer.platforms import Platform
from deployer.store.audit import BrokenJournal
from deployer.store.deployments import Deployed
from deployer.store.state import Store
from tests.store.examples import NOW

LATER = NOW + timedelta(days=1)
RHEL = replace(LAYOUTS["rhel"], listens=(80, 443, 8443))
WEB1 = Deployed(
    host="web1",
    release="20260301-120000-abcdef",
    at=NOW,
    platform=Platform(
        layout=RHEL, apache=(2, 4, 62), openssl=(3, 2, 2), shared=True, bare_ports=(80,)
    ),
    texts={"include.conf": "# Written by deployer.\n", "sites/a.conf": "<VirtualHost *:443>\n"},
)


def kinds(store: Store) -> list[str]:
    return [event.kind for event in store.journal.list() if "deployed" in event.kind]


def test_a_deployment_comes_back_as_it_was(store: Store) -> None:
    store.deployments.record([WEB1, replace(WEB1, host="web2")])

    assert store.deployments.last("web1") == WEB1
    assert store.deployments.last("elsewhere") is None
    assert kinds(store) == ["release deployed"] * 2


def test_the_next_one_takes_its_place(store: Store) -> None:
    after = replace(WEB1, release="20260302-120000-012345", at=LATER, texts={"include.conf": ""})
    store.deployments.record([WEB1, replace(WEB1, host="web2")])
    store.deployments.record([after])

    assert store.deployments.last("web1") == after
    assert store.deployments.last("web2") == replace(WEB1, host="web2")
    store.journal.verify()


def test_what_is_on_record_is_not_written_again(store: Store) -> None:
    store.deployments.record([WEB1])
    store.deployments.record([replace(WEB1, at=LATER)])

    assert store.deployments.last("web1") == WEB1
    assert kinds(store) == ["release deployed"]


def test_a_layout_of_the_inventory_wins_but_for_what_apache_says_itself() -> None:
    platform = WEB1.platform_for(DEBIAN)

    assert platform.layout == replace(DEBIAN, listens=RHEL.listens)
    assert WEB1.platform_for(None).layout == RHEL


@pytest.mark.parametrize("column", ["host", "release", "layout", "openssl", "texts"])
def test_a_record_that_somebody_changed_is_found(state: Path, column: str) -> None:
    with Store.open(state, now=NOW) as store:
        store.deployments.record([WEB1])
    with closing(sqlite3.connect(state / "state.db", isolation_level=None)) as books:
        books.execute(f"UPDATE deployments SET {column} = {column} || 'x'")  # noqa: S608

    with Store.open(state, now=NOW) as store, pytest.raises(BrokenJournal):
        store.journal.verify()


def test_a_state_from_before_has_none_and_takes_some(tmp_path: Path) -> None:
    directory = tmp_path / "old"
    directory.mkdir(mode=0o700)
    (directory / "state.db").touch(mode=0o600)
    with closing(sqlite3.connect(directory / "state.db")) as connection:
        connection.executescript(Path(__file__).with_name("v2.sql").read_text(encoding="utf-8"))
        connection.execute("PRAGMA journal_mode = WAL")
        before = connection.execute("SELECT count(*) FROM certificates").fetchone()

    with Store.open(directory, now=LATER) as store:
        assert store.deployments.last("web1") is None
        store.deployments.record([WEB1])
        assert store.deployments.last("web1") == WEB1
        store.journal.verify()
        assert (len(store.certificates.list()),) == before
