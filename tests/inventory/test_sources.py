from pathlib import Path

import pytest

from deployer.inventory.loading import load_inventory
from deployer.inventory.place import InventoryError
from deployer.sources import read_sources


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_variable_files_are_found_beside_the_inventory_and_beside_the_project(
    tmp_path: Path,
) -> None:
    write(
        tmp_path,
        {
            "inventories/hosts.yml": "web: {hosts: {web1.lab: }}",
            "inventories/group_vars/web.yml": "a: 1\nb: 1",
            "inventories/host_vars/web1.lab": "c: 1",
            "group_vars/web.yml": "b: 2",
            "extra.yml": "d: 4",
        },
    )

    sources = read_sources(
        [tmp_path / "inventories/hosts.yml"], project=tmp_path, extra=[f"@{tmp_path}/extra.yml"]
    )
    variables = load_inventory(sources).host("web1.lab").variables

    assert [variables[name] for name in "abcd"] == [1, 2, 1, 4]
    assert variables["inventory_dir"] == str(tmp_path / "inventories")


def test_a_directory_of_inventories_is_read_in_order_without_editors_leftovers(
    tmp_path: Path,
) -> None:
    write(
        tmp_path,
        {
            "20-b.yml": "all: {hosts: {b: {x: 2}}}",
            "10-a.yml": "all: {hosts: {a: , b: {x: 1}}}",
            "more/c.yml": "all: {hosts: {c: }}",
            "group_vars/all.yml": "y: 1",
            ".hidden.yml": "- no",
            "10-a.yml~": "- no",
            "README.md": "# no",
        },
    )

    loaded = load_inventory(read_sources([tmp_path]))

    assert list(loaded.hosts) == ["a", "b", "c"]
    assert loaded.host("b").variables["x"] == 2
    assert loaded.host("c").variables["y"] == 1


def test_the_files_of_a_variable_directory_are_read_in_order_and_others_left_out(
    tmp_path: Path,
) -> None:
    write(
        tmp_path,
        {
            "hosts.yml": "web: {hosts: {web1: }}",
            "group_vars/web/b.yml": "x: b",
            "group_vars/web/a.yaml": "x: a\ny: a",
            "group_vars/web/deeper/c": "z: c",
            "group_vars/web/off.d/d.yml": "x: no",
            "group_vars/web/.e.yml.swp": "x: no",
            "group_vars/web/notes.txt": "no",
            "group_vars/web.yml": "z: hidden",
        },
    )

    variables = load_inventory(read_sources([tmp_path / "hosts.yml"])).host("web1").variables

    assert [variables[name] for name in "xyz"] == ["b", "a", "c"]


def test_an_empty_directory_hides_a_file_too(tmp_path: Path) -> None:
    write(tmp_path, {"hosts.yml": "web: {hosts: {web1: }}", "group_vars/web.yml": "x: 1"})
    (tmp_path / "group_vars/web").mkdir()

    assert "x" not in load_inventory(read_sources([tmp_path / "hosts.yml"])).host("web1").variables


def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_bytes(b"\xef\xbb\xbfall: {hosts: {web1: }}\r\n")

    assert list(load_inventory(read_sources([tmp_path / "hosts.yml"])).hosts) == ["web1"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [(None, "cannot be read: No such file"), (b"\xff\xfe", "is not UTF-8 text")],
)
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    if content is not None:
        (tmp_path / "hosts.yml").write_bytes(content)

    with pytest.raises(InventoryError, match=complaint):
        read_sources([tmp_path / "hosts.yml"])
