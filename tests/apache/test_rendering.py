"""
What hosts get, byte for byte: the example inventory against files that were read by people.

After a change of a template: `python -m tests.apache.test_rendering`, and read the difference.
"""

from pathlib import Path

import pytest

from deployer.apache.material import Trust
from deployer.apache.rendering import TemplateFailed, Templates
from deployer.apache.sites import render_sites
from deployer.inventory.loading import load_inventory
from deployer.layouts import DEBIAN
from deployer.platforms import Platform
from deployer.sources import read_sources
from deployer.spec.server import server_specs
from deployer.workflows.project import Project

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "inventories" / "three-hosts" / "hosts.yml"
GOLDEN = Path(__file__).parent / "golden"
ISSUER = "CN=Example Client CA G1,O=Example"
TRUST = Trust(bundle=b"", names=b"", crls=b"", depth=2, issuers=(ISSUER,))


def rendered() -> dict[Path, str]:
    """Render the example as `deployer render` does, with an authority of a fixed name."""
    project = Project(root=ROOT, inventory=(), state=ROOT, known_hosts=(), forks=1)
    inventory = load_inventory(read_sources([EXAMPLE]))
    return {
        Path(spec.host) / path: text
        for spec in server_specs(inventory.hosts.values())
        for path, text in render_sites(
            spec,
            Platform.assumed(spec.layout or DEBIAN),
            dict.fromkeys((vhost.slug for vhost in spec.vhosts), TRUST),
            {},
            project.templates(),
        ).items()
    }


def test_the_example_renders_to_the_files_that_people_have_read() -> None:
    golden = {
        path.relative_to(GOLDEN): path.read_text() for path in GOLDEN.rglob("*") if path.is_file()
    }

    assert rendered() == golden


def test_rendering_twice_gives_the_same_bytes() -> None:
    assert rendered() == rendered()


def test_an_undefined_name_in_a_template_is_an_error_with_its_place() -> None:
    templates = Templates({"a.j2": "ServerName {{ sevrer_name }}"})

    with pytest.raises(TemplateFailed, match=r"^web1: a.j2:1: 'sevrer_name' is undefined"):
        templates.render("a.j2", "web1")


if __name__ == "__main__":
    for name, content in rendered().items():
        (GOLDEN / name).parent.mkdir(parents=True, exist_ok=True)
        (GOLDEN / name).write_text(content)
