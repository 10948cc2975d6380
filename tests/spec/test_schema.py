"""The schema of inventories, judged by a validator as editors have them."""

import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from deployer.spec.schema import inventory_schema
from deployer.spec.server import KNOWN
from deployer.workflows.scaffold import scaffold

ROOT = Path(__file__).parents[2]
SCHEMA = inventory_schema()
WHOLE = jsonschema.Draft7Validator(SCHEMA)
VARIABLES = jsonschema.Draft7Validator({**SCHEMA, **SCHEMA["definitions"]["variables"]})
EXAMPLES = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/sites.md").read_text(), re.DOTALL)
INVENTORIES = (
    ROOT / "inventories/three-hosts/hosts.yml",
    ROOT / "tests/apache/cases/hosts.yml",
)


def complaints(site: dict[str, Any], **variables: Any) -> list[str]:
    host = {"apache_vhosts": [{"server_name": "a.lab", **site}], **variables}
    return [error.message for error in WHOLE.iter_errors({"all": {"hosts": {"h": host}}})]


def test_it_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", INVENTORIES, ids=lambda path: path.parent.name)
def test_our_own_inventories_are_fine(path: Path) -> None:
    assert list(WHOLE.iter_errors(yaml.safe_load(path.read_text()))) == []


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_so_are_the_examples_of_the_documents(example: str) -> None:
    assert list(VARIABLES.iter_errors(yaml.safe_load(example))) == []


def test_so_is_a_new_project_whose_files_name_it(tmp_path: Path) -> None:
    scaffold(tmp_path)

    for path in (tmp_path / "inventories").rglob("*.yml"):
        modeline, _, _ = path.read_text().partition("\n")
        (named,) = re.findall(r"^# yaml-language-server: \$schema=(.*)$", modeline)
        file, _, part = named.partition("#")
        assert (path.parent / file).resolve() == tmp_path / "inventory.schema.json"
        judge = VARIABLES if part == "/definitions/variables" else WHOLE
        assert list(judge.iter_errors(yaml.safe_load(path.read_text()))) == []


def test_every_variable_of_ours_is_in_it() -> None:
    assert set(KNOWN) <= set(SCHEMA["definitions"]["variables"]["properties"])


@pytest.mark.parametrize(
    ("site", "variables"),
    [
        ({"http2": "{{ fast }}", "hsts": "{{ seconds }}", "listen": "{{ port }}"}, {}),
        ({"client_auth": {"allow": "{{ operators }}"}, "paths": ["{{ one }}"]}, {}),
        ({"client_auth": "{{ auth }}"}, {"mtls_verify": "{% if x %}require{% endif %}"}),
        ({}, {"mtls_accept": ["MTLS-403"], "http_port": 80, "anything": [1]}),
    ],
)
def test_templates_and_the_variables_of_others_are_fine(
    site: dict[str, Any], variables: dict[str, Any]
) -> None:
    assert complaints(site, **variables) == []


@pytest.mark.parametrize(
    ("site", "variables"),
    [
        ({"htpp2": True}, {}),
        ({"http2": "yes, please"}, {}),
        ({"client_auth": {"verify": "always"}}, {}),
        ({"paths": [{"path": "/a", "auth": "nobody"}]}, {}),
        ({}, {"mtls_verfiy": "require"}),
        ({}, {"mtls_verify": "always"}),
        ({}, {"mtls_confirm_timeout": 0}),
        ({}, {"apache_vhosts": {"server_name": "a.lab"}}),
    ],
)
def test_a_mistake_is_seen(site: dict[str, Any], variables: dict[str, Any]) -> None:
    assert complaints(site, **variables)
