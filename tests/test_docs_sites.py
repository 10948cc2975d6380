"""What docs/sites.md shows is what the program reads."""

import re
from pathlib import Path

import pytest
import yaml

from deployer.spec.server import SETTINGS
from deployer.spec.vhost import ClientAuth, VhostSpec
from tests.journey.workbench import deployer

PAGE = (Path(__file__).parent.parent / "docs" / "sites.md").read_text()
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_is_a_site_without_faults(example: str, tmp_path: Path) -> None:
    variables = yaml.safe_load(example)
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": {"web1": variables}}}))
    (tmp_path / "deployer.toml").write_text('inventory = ["hosts.yml"]\n')

    said = deployer(tmp_path, "inventory", "check").stdout

    assert "error" not in said, said


def test_every_key_has_its_line() -> None:
    parts = [f"client_auth.{key}" for key in ClientAuth.model_fields]
    keys = {*VhostSpec.model_fields, *parts} - {"client_auth"}
    documented = re.findall(r"^\| `([a-z0-9_.]+)` \|", PAGE.split("## Every key")[1], re.MULTILINE)

    assert set(documented) == {*keys, *SETTINGS, "mtls_layout"}


@pytest.mark.parametrize("key", ["tls", "key_type", "http2", "hsts", "extra", "redirect_http"])
def test_a_default_is_the_one_that_is_shown(key: str) -> None:
    shown = {None: {"no", "for 443"}, False: {"`false`"}, "": {"none"}}
    default = VhostSpec.model_fields[key].default
    (line,) = re.findall(rf"^\| `{key}` \| (.*?) \|", PAGE, re.MULTILINE)

    assert line in shown.get(default, {f"`{default}`"})
