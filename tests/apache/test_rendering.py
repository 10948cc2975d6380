"""
What hosts get, byte for byte: the example inventory, and a host for each kind of site.

After a change of a template: `python -m tests.apache.test_rendering`, and read the difference.
"""

from pathlib import Path

import pytest

from deployer.apache.material import Backend, Trust
from deployer.apache.rendering import TemplateFailed, Templates
from deployer.apache.sites import render_sites
from deployer.inventory.loading import load_inventory
from deployer.layouts import DEBIAN, LAYOUTS
from deployer.platforms import Platform
from deployer.sources import read_sources
from deployer.spec.server import server_specs
from deployer.workflows.own_templates import templates_of

ROOT = Path(__file__).parents[2]
CASES = Path(__file__).parent / "cases"
GOLDEN = Path(__file__).parent / "golden"
ISSUER = "CN=Example Client CA G1,O=Example"
TRUST = Trust(bundle=b"", names=b"", crls=b"", depth=2, issuers=(ISSUER,))
BACKEND = Backend(trust=b"", crls=b"", depth=2)
# What the pages of the example and of the cases are, read by people.
PROJECTS = {
    "three-hosts": (ROOT, ROOT / "inventories" / "three-hosts" / "hosts.yml"),
    "cases": (CASES, CASES / "hosts.yml"),
}


def rendered() -> dict[Path, str]:
    """Render as `deployer render` does, with an authority of a fixed name."""
    return {
        Path(name) / path: text
        for name, (root, inventory) in PROJECTS.items()
        for path, text in render(root, inventory).items()
    }


def render(root: Path, inventory: Path) -> dict[Path, str]:
    loaded = load_inventory(read_sources([inventory]))
    return {
        Path(spec.host) / path: text
        for spec in server_specs(loaded.hosts.values())
        for path, text in render_sites(
            spec,
            Platform.assumed(spec.layout or DEBIAN),
            dict.fromkeys((vhost.slug for vhost in spec.vhosts), TRUST),
            {vhost.slug: BACKEND for vhost in spec.vhosts if vhost.tls_route},
            templates_of(root),
        ).items()
    }


def test_hosts_get_the_files_that_people_have_read() -> None:
    golden = {
        path.relative_to(GOLDEN): path.read_text() for path in GOLDEN.rglob("*") if path.is_file()
    }

    assert rendered() == golden


@pytest.mark.parametrize("name", ["rhel", "suse", "alpine", "arch", "freebsd"])
def test_on_another_layout_only_its_own_directories_and_ports_differ(name: str) -> None:
    layout, cases = LAYOUTS[name], GOLDEN / "cases"
    listens = "".join(f"Listen {port}\n" for port in (443, 80) if port not in layout.listens)

    for path in (cases / "debian").rglob("*.conf"):
        expected = path.read_text().replace("debian", name)
        for own in ("log_dir", "config_root"):
            expected = expected.replace(getattr(DEBIAN, own), getattr(layout, own))
        if path.name == "000-server.conf" and listens:
            first, rest = expected.split("\n", 1)
            expected = f"{first}\n\n{listens}{rest}"
        assert (cases / name / path.relative_to(cases / "debian")).read_text() == expected


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
