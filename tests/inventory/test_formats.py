"""Inventories in every format, as odd as they may be: a value, or an error with its place."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.inventory import listing
from deployer.inventory.ini_inventory import literal
from deployer.inventory.loading import load_inventory
from deployer.inventory.model import Inventory
from deployer.inventory.place import InventoryError, Place
from deployer.inventory.sources import SourceFile, Sources
from deployer.sources import read_sources

PARTS = st.sampled_from(
    ["[web]", "[web:children]", "[web:vars]", "[db:hosts]", "h1", "h[1:3]:22", "x=1", "a = b",
     "db", "web", "# no", "; no", "[", "]", ":", "=", "'", '"', "\\", "u=a#b", "x='[1, {}]'",
     "{", "}", "all:", "  hosts:", "    h: {x: 1}", "- a", "web.hosts", "a=1 b=2", "\t", "é",
     "\x00", "h{{ x }}", "$ANSIBLE_VAULT;1.1;AES256", "3333", "[all.hosts]", "h = {}", "!vault |",
     "&a [*a]"]
)  # fmt: skip
TEXTS = st.lists(PARTS, max_size=12).flatmap(
    lambda parts: st.sampled_from(["\n", " ", ""]).map(lambda glue: glue.join(parts))
)
KEYS = ["web", "all", "hosts", "vars", "children", "_meta", "hostvars", "a"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=12,
)


def takes(source: SourceFile) -> None:
    """Load and list, or refuse with a place."""
    places = []
    try:
        tell(load_inventory(Sources(inventories=(source,))))
    except InventoryError as error:
        places = [problem.place for problem in error.problems]
    assert all(place.file and place.line for place in places)


def tell(inventory: Inventory) -> None:
    json.dumps(listing.listing(inventory, export=True))
    listing.tree(inventory)
    list(listing.graph(inventory, variables=True))


@given(TEXTS, st.sampled_from(["hosts.ini", "hosts.yml", "hosts.toml", "hosts"]))
def test_any_text_is_an_inventory_or_an_error_with_its_place(text: str, name: str) -> None:
    takes(SourceFile(name, text))


@given(st.text(max_size=60), st.sampled_from(["hosts.ini", "hosts.toml", "hosts"]))
def test_so_is_any_text_at_all(text: str, name: str) -> None:
    takes(SourceFile(name, text))


@given(JSON)
def test_so_is_whatever_a_program_prints(said: object) -> None:
    takes(SourceFile("i.sh", json.dumps(said), kind="script"))


@given(st.text(max_size=20))
def test_so_is_any_list_of_hosts(text: str) -> None:
    takes(SourceFile(f"{text},", f"{text},", kind="hosts"))


@pytest.mark.parametrize("text", ["[" * 5000, "(" * 5000, "1" * 20_000, "{1:" * 3000, "-" * 9000])
def test_a_value_that_python_cannot_read_is_a_text(text: str) -> None:
    assert literal(text, Place("hosts.ini", 1)).value == text


def test_a_file_without_an_ending_is_what_it_looks_like_where_it_is_wrong() -> None:
    for text, expected in (("web:\n  hosts: {a: }}", "YAML"), ("[web]\nh x", "of the form")):
        with pytest.raises(InventoryError, match=expected):
            load_inventory(Sources(inventories=(SourceFile("hosts", text),)))


def test_a_program_that_may_not_be_executed_is_not_read_as_a_text(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("#!/bin/sh\necho '{}'\n")

    with pytest.raises(InventoryError, match="chmod \\+x"):
        read_sources([tmp_path / "hosts"])


def test_a_text_on_a_file_system_where_everything_is_executable_is_read(tmp_path: Path) -> None:
    (tmp_path / "hosts.ini").write_text("h\n")
    (tmp_path / "hosts.ini").chmod(0o755)

    assert list(load_inventory(read_sources([tmp_path / "hosts.ini"])).hosts) == ["h"]


def test_a_program_that_prints_for_a_host_what_is_not_json_is_named(tmp_path: Path) -> None:
    program = tmp_path / "i.sh"
    program.write_text('#!/bin/sh\n[ $1 = --host ] && echo no || echo \'{"web": ["a"]}\'\n')
    program.chmod(0o755)

    with pytest.raises(InventoryError, match="--host a is not JSON"):
        read_sources([program])


def test_looking_at_an_inventory_loads_neither_the_state_nor_ssh(tmp_path: Path) -> None:
    (tmp_path / "hosts.ini").write_text("h\n")
    program = (
        "import sys; from deployer.cli import run; run(sys.argv[1:]);"
        "sys.exit(any(one in sys.modules for one in ('sqlalchemy', 'paramiko')))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, "inventory", "list", "-i", "hosts.ini", "--state", "none"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
