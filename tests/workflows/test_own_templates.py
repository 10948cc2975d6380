"""A project's own templates, from its directory to what hosts would get."""

from pathlib import Path

import pytest
import yaml

from tests.journey.workbench import PASSPHRASE, deployer

SITE = {"server_name": "www.example.com", "document_root": "/srv/www", "template": "mine.j2"}
MINE = "# Mine: {{ site.server_name }}\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    host = {"ansible_host": "192.0.2.10", "apache_vhosts": [SITE]}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"web1": host}}}))
    (tmp_path / "deployer.toml").write_text('inventory = ["hosts.yml"]\n')
    (tmp_path / "passphrase").write_text(f"{PASSPHRASE}\n")
    (tmp_path / "passphrase").chmod(0o600)
    deployer(tmp_path, "ca", "init", "--name", "Example", "--passphrase-file", "passphrase")
    (tmp_path / "templates" / "apache").mkdir(parents=True)
    return tmp_path


def own(project: Path, name: str, text: str) -> None:
    (project / "templates" / "apache" / name).write_text(text)


def test_a_site_is_written_by_the_template_that_it_names(project: Path) -> None:
    own(project, "mine.j2", MINE)

    assert "# Mine: www.example.com" in deployer(project, "render").stdout


def test_a_template_of_the_project_wins_over_the_one_of_the_same_name(project: Path) -> None:
    own(project, "mine.j2", '{% include "apache/tls.conf.j2" %}')
    own(project, "tls.conf.j2", "    # The project's own.\n")

    said = deployer(project, "render").stdout

    assert said.count("# The project's own.") == 2  # the default of the address, and the site


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{% if %}", "templates/apache/mine.j2:1: "),
        ("\n{{ site.nothing }}", "web1: www.example.com: templates/apache/mine.j2:2: "),
        ("<Location />\n", "templates/apache/mine.j2: line 1 of what it makes: <Location>"),
        ("{{ 'a\\nb' | quoted }}", "templates/apache/mine.j2:1: "),
    ],
)
def test_a_wrong_template_is_named_with_its_line(project: Path, text: str, said: str) -> None:
    own(project, "mine.j2", text)

    assert said in deployer(project, "render", status=1).stderr


def test_a_template_that_is_not_there_is_named_with_its_like(project: Path) -> None:
    own(project, "mime.j2", MINE)

    refused = deployer(project, "render", status=1).stderr

    assert "there is no template apache/mine.j2" in refused
    assert "apache/mime.j2" in refused


def test_a_template_that_is_no_text_is_named(project: Path) -> None:
    (project / "templates" / "apache" / "mine.j2").write_bytes(b"\xff\xfe")

    assert "mine.j2 is not UTF-8 text" in deployer(project, "render", status=1).stderr
