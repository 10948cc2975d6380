"""Layouts are data: each is one that an inventory could have written, and whole."""

import dataclasses
import re
from pathlib import Path

import pytest
import yaml

from deployer.host.script import script_text
from deployer.inventory.place import Place, Steps
from deployer.layouts import ALPINE, ARCH, DEBIAN, FREEBSD, LAYOUTS, RHEL, SUSE, Layout
from deployer.spec.layout import read_layout

DOCS = Path(__file__).parent.parent / "docs" / "layouts.md"


def origin(path: Steps) -> tuple[Steps, Place]:
    return path, Place("hosts.yml", 1)


def written(layout: Layout) -> dict[str, object]:
    """The layout as YAML would have it."""
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in dataclasses.asdict(layout).items()
    }


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_layout_is_what_an_inventory_may_write(layout: Layout) -> None:
    assert read_layout(written(layout), origin, "web1") == layout


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS)
def test_a_layout_of_ours_can_be_found_and_installed(layout: Layout) -> None:
    assert layout.systems
    assert layout.main_config is not None
    assert layout.main_config.startswith(f"{layout.config_root}/")
    assert layout.vhost_dir.startswith(f"{layout.config_root}/")
    assert layout.httpd[0].startswith("/")
    assert layout.install
    assert layout.packages
    assert layout.group
    # A name becomes a function of the shell.
    assert re.fullmatch("[a-z]+", layout.name)
    assert layout.modules_enabled or layout.module_hint != DEBIAN.module_hint


def test_the_layouts_are_those_of_their_distributions() -> None:
    assert {layout.name: layout.root for layout in LAYOUTS.values()} == {
        "debian": "/etc/apache2/deployer",
        "rhel": "/etc/httpd/deployer",
        "suse": "/etc/apache2/deployer",
        "alpine": "/etc/apache2/deployer",
        "arch": "/etc/httpd/deployer",
        "freebsd": "/usr/local/etc/apache24/deployer",
    }
    groups = [layout.group for layout in (DEBIAN, RHEL, SUSE, ALPINE, ARCH, FREEBSD)]
    assert groups == ["www-data", "apache", "www", "apache", "http", "www"]


def test_a_known_host_is_sent_its_own_layout_and_a_stranger_all_of_them() -> None:
    assert "as_rhel" not in script_text("observe", DEBIAN)
    for name in LAYOUTS:
        assert f"as_{name}() {{" in script_text("observe", None)


def test_the_page_shows_layouts_that_can_be_read() -> None:
    named, like = (
        yaml.safe_load(one) for one in re.findall("```yaml\n(.*?)```", DOCS.read_text(), re.DOTALL)
    )

    assert read_layout(named["mtls_layout"], origin, "web1") == RHEL
    assert read_layout(like["mtls_layout"], origin, "web1").group == DEBIAN.group


def test_the_page_explains_every_field() -> None:
    page = DOCS.read_text()

    assert [f.name for f in dataclasses.fields(Layout) if f"`{f.name}`" not in page] == [
        "name",
        "systems",
    ]
