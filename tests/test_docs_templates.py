"""docs/templates.md: its tables are what the code has, its example is a site that serves."""

import re
from pathlib import Path

import pytest

from deployer.apache.material import Backend, Trust
from deployer.apache.quoting import FILTERS
from deployer.apache.rendering import Templates
from deployer.apache.sites import render_sites
from deployer.layouts import DEBIAN
from deployer.platforms import Platform
from deployer.resources import templates
from deployer.sandbox import Sandbox
from deployer.spec.server import ServerSpec
from deployer.spec.vhost import VhostSpec
from tests.hosts.sandbox import SandboxHost
from tests.journey.workbench import Workbench, found_ca

PAGE = (Path(__file__).parent.parent / "docs" / "templates.md").read_text()
EXAMPLE = re.findall(r"```jinja\n(.*?)```", PAGE, re.DOTALL)[0]
SHIPPED = sorted(path.name for path in (templates() / "apache").iterdir())


class Noting(Templates):
    """Templates that remember what they were given."""

    def __init__(self) -> None:
        super().__init__({f"apache/{name}": "" for name in SHIPPED})
        self.given: dict[str, set[str]] = {}

    def render(self, name: str, subject: str, /, **values: object) -> str:
        self.given[name] = set(values)
        return super().render(name, subject, **values)


def documented(heading: str) -> list[str]:
    """Return the names in the first column of the table below a heading."""
    chapter = PAGE.split(f"## {heading}\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`[^|]*`) \|", chapter, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`([^`]+)`", cell)]


def test_every_template_has_its_line() -> None:
    assert sorted(documented("One site, or all")) == SHIPPED


def test_every_filter_has_its_line() -> None:
    assert sorted(documented("Writing values")) == sorted(FILTERS)


def test_every_name_that_a_template_knows_has_its_line() -> None:
    noting = Noting()
    site = VhostSpec(server_name="www.example.com", document_root="/srv/www")
    trust = Trust(bundle=b"", names=b"", crls=None, depth=1, issuers=())
    render_sites(
        ServerSpec(
            host="web1", vhosts=(site,), layout=None, default_vhost="deny", confirm_timeout=60
        ),
        Platform.assumed(DEBIAN),
        {site.slug: trust},
        {},
        noting,
    )

    assert noting.given["apache/vhost.conf.j2"] == set(documented("What a template knows"))
    for name in ("server", "include"):
        (said,) = re.findall(rf"`{name}.conf.j2` knows(.*?)[.;]\s", PAGE, re.DOTALL)
        assert noting.given[f"apache/{name}.conf.j2"] == set(re.findall(r"`(\w+)`", said))


@pytest.mark.parametrize("kind", [VhostSpec, Trust, Backend])
def test_the_names_within_are_there(kind: type) -> None:
    (line,) = re.findall(
        rf"^\| `{ {VhostSpec: 'site', Trust: 'trust', Backend: 'backend'}[kind] }` \| (.*) \|",
        PAGE,
        re.MULTILINE,
    )
    names = re.findall(r"`([a-z_]+)`", line)

    assert names
    fields = getattr(kind, "model_fields", None) or getattr(kind, "__dataclass_fields__", {})
    assert all(name in fields or hasattr(kind, name) for name in names)


@pytest.fixture
def desk(sandbox: Sandbox, tmp_path: Path) -> Workbench:
    desk = Workbench(tmp_path / "project", SandboxHost(sandbox))
    found_ca(desk.directory)
    desk.know_host()
    return desk


def test_the_example_serves_and_refuses_as_any_site(desk: Workbench) -> None:
    (command,) = re.findall(r"^\$ deployer (.*)$", PAGE, re.MULTILINE)
    made = desk.deployer(*command.split()).stdout.split()
    assert [Path(path).name for path in made] == SHIPPED
    for path in made:
        (desk.directory / path).unlink()
    (desk.directory / "templates/apache/legacy.conf.j2").write_text(EXAMPLE)
    desk.vhosts = [
        desk.site(
            template="legacy.conf.j2",
            client_auth={"verify": "optional"},
            paths=[{"path": "/", "auth": "certificate"}],
        )
    ]
    desk.write_inventory()
    assert "MTLS-124" in desk.deployer("inventory", "check").stdout

    desk.apply()

    assert desk.curl().stdout == "403"
    assert desk.curl(*desk.alice).stdout == "200"
