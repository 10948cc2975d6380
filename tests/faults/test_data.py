"""Faults of what operators write: refused before anything connects, as a whole."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployer.cli.host_session import HostSession
from deployer.cli.options import Common
from deployer.errors import DeployerError
from tests.journey.workbench import deployer, found_ca

NOBODY = "192.0.2.1"
SITE = {"server_name": "a.example.com", "document_root": "/srv/a"}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("project")
    found_ca(directory)
    return directory


def refusal(project: Path, *sites: dict[str, Any], **variables: Any) -> str:
    """Say why one host with these sites is refused before anybody connects to it."""
    host = {"ansible_host": NOBODY, "apache_vhosts": [dict(site) for site in sites], **variables}
    return refused(project, yaml.safe_dump({"all": {"hosts": {"web1": host}}}, sort_keys=False))


def refused(project: Path, inventory: str) -> str:
    """Do what `apply` does before it connects or issues, and return its complaint."""
    (project / "hosts.yml").write_text(inventory)
    with (
        contextlib.chdir(project),
        HostSession(Common()) as session,
        pytest.raises(DeployerError) as complaint,
    ):
        session.targets("all")
    assert complaint.value.exit_code == 1
    return complaint.value.message


@pytest.mark.fault(66, how="variables that nobody defined, in the inventory and in a template")
def test_a_variable_that_nobody_defined_is_an_error_and_no_empty_text(project: Path) -> None:
    said = refusal(project, {**SITE, "document_root": "/srv/{{ nowhere }}/x"})
    assert "hosts.yml:7: " in said
    assert "nowhere" in said

    own = project / "templates/apache"
    own.mkdir(parents=True)
    (own / "mine.j2").write_text("\n{{ site.nowhere }}\n")
    inventory = {"all": {"hosts": {"web1": {"apache_vhosts": [{**SITE, "template": "mine.j2"}]}}}}
    (project / "hosts.yml").write_text(yaml.safe_dump(inventory))
    assert "templates/apache/mine.j2:2: " in deployer(project, "render", status=1).stderr


@pytest.mark.fault(66, how="names of templates that lead out of the project")
@pytest.mark.parametrize(
    "name", ["../../passphrase", "/etc/passwd", "a/../../../passphrase", "..", "%2e%2e/x"]
)
def test_a_template_is_a_file_of_the_project_and_no_other(project: Path, name: str) -> None:
    said = refusal(project, {**SITE, "template": name})

    assert "correct horse" not in said
    assert "root:" not in said
    assert "template" in said


@pytest.mark.fault(66, how="a template that asks for a file outside by itself")
def test_a_template_reads_no_file_outside(project: Path) -> None:
    own = project / "templates/apache"
    own.mkdir(parents=True, exist_ok=True)
    (own / "mine.j2").write_text('{% include "../../passphrase" %}')
    inventory = {"all": {"hosts": {"web1": {"apache_vhosts": [{**SITE, "template": "mine.j2"}]}}}}
    (project / "hosts.yml").write_text(yaml.safe_dump(inventory))

    rendered = deployer(project, "render", status=1)

    assert "correct horse" not in f"{rendered.stdout}{rendered.stderr}"
    assert "passphrase" in rendered.stderr


INJECTION = "x\n</VirtualHost>\n<Directory />\nRequire all granted\n</Directory>"


@pytest.mark.fault(66, how="a line break and directives in every text that reaches Apache's files")
@pytest.mark.parametrize(
    "told",
    [
        {"server_name": f"a.example.com{INJECTION}"},
        {"server_aliases": [f"b.example.com{INJECTION}"]},
        {"document_root": f"/srv/{INJECTION}"},
        {"listen": f"443{INJECTION}"},
        {"proxy": [{"path": f"/{INJECTION}", "to": "http://127.0.0.1:8080"}]},
        {"proxy": [{"path": "/", "to": f"http://127.0.0.1:8080/{INJECTION}"}]},
        {"paths": [{"path": f"/{INJECTION}", "auth": "public"}]},
        {"client_auth": {"allow": [{"cn": f"alice{INJECTION}"}]}},
        {"client_auth": {"identity": {"remote_user": INJECTION}}},
        {"tls": f"modern{INJECTION}"},
        {"template": f"mine.j2{INJECTION}"},
    ],
    ids=lambda told: next(iter(told)),
)
def test_a_line_break_never_becomes_a_line_of_apaches(project: Path, told: dict[str, Any]) -> None:
    site = {**SITE, **told}
    if "proxy" in told:
        del site["document_root"]

    said = refusal(project, site)

    assert "hosts.yml:" in said
    assert f"{next(iter(told))}" in said


@pytest.mark.fault(67, how="host names with options, paths, and what a shell would run")
@pytest.mark.parametrize(
    "name",
    [
        "-oProxyCommand=touch${IFS}pwned",
        "../../etc/cron.d/x",
        "$(touch pwned)",
        "`touch pwned`",
        "a;touch pwned",
        "a b",
        "a\nb",
        "a/b",
    ],
)
@pytest.mark.parametrize("where", ["name", "ansible_host", "ansible_user"])
def test_a_name_that_a_shell_or_a_path_would_take_for_more_goes_nowhere(
    project: Path, name: str, where: str
) -> None:
    host: dict[str, Any] = {"ansible_host": NOBODY, "apache_vhosts": [SITE]}
    if where != "name":
        host[where] = name
    hosts = {name if where == "name" else "web1": host}
    inventory = yaml.safe_dump({"all": {"hosts": hosts}}, sort_keys=False)

    assert refused(project, inventory).startswith("hosts.yml:")
    assert not list(project.rglob("pwned"))


@pytest.mark.fault(68, how="two sites of one name and port, by name and by alias, on one address")
@pytest.mark.parametrize(
    "other",
    [
        SITE,
        {**SITE, "server_name": "A.example.com"},
        {**SITE, "server_name": "b.example.com", "server_aliases": ["a.example.com"]},
        {**SITE, "listen": "*:443"},
    ],
    ids=["twice the same", "in other letters", "as an alias", "on a port spelt out"],
)
def test_two_sites_for_one_name_are_refused_with_both_places(
    project: Path, other: dict[str, Any]
) -> None:
    said = refusal(project, SITE, other)

    assert "a.example.com" in said.lower()
    assert "hosts.yml:8: " in said
