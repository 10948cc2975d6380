"""
The same inventories and patterns as the real Ansible was asked for, and the same answers.

What it answered is in `ansible/answers.json`. Where we stop and it goes on, the case says why.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import DeployerError
from deployer.inventory import listing
from deployer.inventory.loading import load_inventory
from deployer.inventory.model import Inventory
from deployer.inventory.patterns import select
from deployer.report.inventories import show_yaml
from deployer.sources import read_sources
from tests.inventory.ansible.generate import ANSWERS, Case, cases, key, patterns, texts, write

ANSWERED: dict[str, Any] = json.loads(ANSWERS.read_text())
CASES = {case["name"]: case for case in cases()}
INVENTORY, PATTERNS = patterns()


def as_json(told: object) -> object:
    """What is left of a value once it was printed."""
    return json.loads(json.dumps(told))


def loaded(case: Case, directory: Path, monkeypatch: pytest.MonkeyPatch) -> Inventory:
    monkeypatch.chdir(directory)
    return load_inventory(read_sources(write(case, directory)))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "refused" not in case])
def test_an_inventory_is_read_as_ansible_reads_it(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    answered = ANSWERED["inventories"][name]

    inventory = loaded(CASES[name], tmp_path, monkeypatch)

    assert as_json(listing.listing(inventory)) == answered["list"]
    assert as_json(listing.listing(inventory, export=True)) == answered["export"]
    show_yaml(listing.tree(inventory))
    assert texts(capsys.readouterr().out) == answered["yaml"]
    assert "\n".join(listing.graph(inventory, variables=True)) == "\n".join(answered["graph"])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "refused" in case])
def test_where_ansible_would_lose_something_we_stop_and_say_where(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(DeployerError) as refused:
        loaded(CASES[name], tmp_path, monkeypatch)

    assert CASES[name]["refused"] in refused.value.message


# Names that no host can have, and a circle of groups: Ansible's own answer helps nobody.
BEYOND_ALL_LENIENCE = {"a list with a range", "a program with a range, which is a name"}


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "refused" in case])
def test_a_lenient_reader_says_so_and_goes_on_as_ansible_does(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[name]
    monkeypatch.chdir(tmp_path)

    inventory = load_inventory(read_sources(write(case, tmp_path), lenient=True))

    assert case["refused"] in "\n".join(map(str, inventory.losses))
    if name not in BEYOND_ALL_LENIENCE:
        assert as_json(listing.listing(inventory)) == ANSWERED["inventories"][name]["list"]


def test_a_source_that_is_lost_takes_nothing_of_another_along(tmp_path: Path) -> None:
    (tmp_path / "a.ini").write_text("[web]\nweb1\n")
    (tmp_path / "b.ini").write_text("[web]\nweb2\nweb3 novalue\n[db]\ndb1\n")
    (tmp_path / "c.ini").write_text("[web]\nweb4\n")
    named = [str(tmp_path / name) for name in ("a.ini", "b.ini", "missing.ini", "c.ini")]

    inventory = load_inventory(read_sources(named, lenient=True))

    assert list(inventory.hosts) == ["web1", "web4"]
    assert "db" not in inventory.groups
    assert [loss.place.file.rpartition("/")[2] for loss in inventory.losses] == [
        "missing.ini",
        "b.ini",
    ]


@pytest.mark.parametrize(
    "asked",
    [one for one in PATTERNS if one.get("refused") == "no host or group matches"],
    ids=key,
)
def test_a_lenient_pattern_may_name_what_is_not_there(
    asked: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    named = write({"files": {"hosts.ini": INVENTORY}}, tmp_path)
    inventory = load_inventory(read_sources(named, lenient=True))
    expected = ANSWERED["patterns"][key(asked)]
    passed_over: list[str] = []

    if expected:
        found = select(inventory, asked["pattern"], asked.get("limit"), passed_over=passed_over)
        assert [host.name for host in found] == expected
    else:
        with pytest.raises(DeployerError, match="no host"):
            select(inventory, asked["pattern"], asked.get("limit"), passed_over=passed_over)
    assert passed_over == ["no host or group matches 'typo'"]


@pytest.mark.parametrize("asked", PATTERNS, ids=key)
def test_a_pattern_means_the_same_hosts_in_the_same_order(
    asked: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = {"files": {"hosts.ini": INVENTORY}}
    inventory = loaded(case, tmp_path, monkeypatch)
    expected = ANSWERED["patterns"][key(asked)]
    pattern, limit = asked["pattern"], asked.get("limit")

    if "refused" in asked:
        with pytest.raises(DeployerError) as refused:
            select(inventory, pattern, limit)
        assert asked["refused"] in refused.value.message
    elif expected:
        assert [host.name for host in select(inventory, pattern, limit)] == expected
    else:
        # Ansible says so and goes on; we end with an error.
        with pytest.raises(DeployerError, match="no host"):
            select(inventory, pattern, limit)
