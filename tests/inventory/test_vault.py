"""Texts that the real ansible-vault encrypted, and what becomes of them."""

from pathlib import Path
from textwrap import dedent, indent

import pytest

from deployer.inventory.listing import listing, tree
from deployer.inventory.loading import load_inventory
from deployer.inventory.model import Inventory
from deployer.inventory.place import InventoryError
from deployer.inventory.sources import SourceFile, Sources
from deployer.inventory.vault import SealedText, Vault, VaultSecret
from deployer.report.inventories import show_yaml
from tests.journey.workbench import deployer

# `ansible-vault encrypt_string` of `s3cret {{ inventory_hostname }}`, with the password `secret`.
TEMPLATE = """\
$ANSIBLE_VAULT;1.1;AES256
33313235383761343838303236303632346330356361373139613064393832366262646566336131
3037343637373537303761653535633765333033303637340a613263363363393032656139626130
65616436373134336261616438376163363866333736643534316363366465636461363339343365
3165653839366366360a343139623362643763613539363563313330663833373865613066343630
39363834333439666266636435303134356364353261343266336333333162363131
"""
# Of `two`, for the vault id `prod`, with the password `other`.
LABELLED = """\
$ANSIBLE_VAULT;1.2;AES256;prod
37633434353564613763663561306261666238346265636264663035663530363137646633363264
3537306462646364373439313534353832313630303838390a376337653038656636626562316335
34343038303436353338626639643664356535323032313163623436313261353438656230666239
3837356263656636620a643961616235663862653164356664356365353036383636623563653130
3934
"""
SECRET, OTHER = VaultSecret("", b"secret"), VaultSecret("prod", b"other")
HOSTS = f"all:\n  hosts:\n    h:\n      a: !vault |\n{indent(TEMPLATE, ' ' * 8)}      b: 1\n"


def loaded(text: str, *secrets: VaultSecret) -> Inventory:
    return load_inventory(
        Sources(inventories=(SourceFile("hosts.yml", text),), vault=Vault(secrets))
    )


def test_a_value_is_opened_when_somebody_asks_for_it() -> None:
    assert loaded(HOSTS, SECRET).host("h").variables["a"] == "s3cret h"


def test_what_nobody_asks_for_needs_no_password() -> None:
    variables = loaded(HOSTS).host("h").variables

    assert variables["b"] == 1
    with pytest.raises(InventoryError, match=r"hosts\.yml:4: a: it is encrypted with Ansible"):
        variables["a"]


def test_of_many_passwords_the_one_that_fits_opens_it() -> None:
    assert Vault((SECRET, OTHER)).open(LABELLED) == "two"
    assert Vault((VaultSecret("x", b"no"), VaultSecret("x", b"other"))).open(LABELLED) == "two"
    with pytest.raises(SealedText, match="no password that was given opens it for the vault id pr"):
        Vault((SECRET,)).open(LABELLED)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "$ANSIBLE_VAULT;1.1;AES256\n33",
        "$ANSIBLE_VAULT;1.1;AES256\nzz",
        "$ANSIBLE_VAULT;1.0;AES\n3333",
        TEMPLATE.replace("3331", "3332", 1),
        TEMPLATE[:-20],
    ],
)
def test_what_is_damaged_is_refused_without_a_word_of_it(text: str) -> None:
    with pytest.raises(SealedText) as refused:
        Vault((SECRET,)).open(text)
    assert "s3cret" not in str(refused.value)


def test_a_whole_file_is_read_as_what_is_in_it(tmp_path: Path) -> None:
    # Of `x: 1`, with the password `secret`.
    whole = Path(__file__).with_name("vaulted.yml").read_text()
    (tmp_path / "group_vars").mkdir()
    (tmp_path / "group_vars" / "web.yml").write_text(whole)
    (tmp_path / "hosts.ini").write_text("[web]\nh\n")
    (tmp_path / "password").write_text("secret\n")
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho secret\n")
    program.chmod(0o755)

    show = ("inventory", "host", "h", "-i", "hosts.ini", "--state", "none")
    refused = deployer(tmp_path, *show, status=1).stderr
    assert "group_vars/web.yml:1: it is encrypted with Ansible Vault" in refused
    for given in ("password", "program", "./program"):
        said = deployer(tmp_path, *show, "--vault-password-file", given).stdout
        assert '"x": 1' in said
    assert '"x": 1' in deployer(tmp_path, *show, "--vault-id", "any@password").stdout
    missing = deployer(tmp_path, *show, "--vault-id", "any@nowhere", status=1).stderr
    assert "cannot read nowhere" in missing


def test_a_listing_shows_what_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    inventory = loaded(HOSTS, SECRET)

    hostvars = listing(inventory)["_meta"]["hostvars"]  # type: ignore[index]
    assert hostvars["h"]["a"] == {"__ansible_vault": TEMPLATE}
    show_yaml(tree(inventory))
    shown = capsys.readouterr().out
    assert "a: !vault |\n" in shown
    assert "s3cret" not in dedent(shown)


def test_a_template_that_fails_is_not_quoted() -> None:
    # A name that is not defined, in what is encrypted: see TEMPLATE.
    inventory = loaded(HOSTS.replace("b: 1", "b: '{{ a }}'"), SECRET)
    inventory.host("h").variables._magic.pop("inventory_hostname")  # type: ignore[attr-defined]  # noqa: SLF001

    with pytest.raises(InventoryError) as refused:
        inventory.host("h").variables["b"]
    assert "what is encrypted is a template that fails" in refused.value.message
    assert "inventory_hostname" not in refused.value.message


def test_no_password_is_shown_of_what_holds_them() -> None:
    assert "hunter2" not in repr(Vault((VaultSecret("any", b"hunter2"),)))
