"""The commands for identities as an administrator types them, and as docs/clients.md shows them."""

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from tests.clients.reception import GREETING, visitor
from tests.journey.workbench import PASSPHRASE, Workbench, command, deployer

ROOT = Path(__file__).parent.parent.parent
SIGN = ("--passphrase-file", "passphrase")


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("project")
    (directory / "passphrase").write_text(f"{PASSPHRASE}\n")
    (directory / "passphrase").chmod(0o600)
    (directory / "deployer.toml").touch()
    deployer(directory, "ca", "init", *SIGN)
    return directory


def request_of(directory: Path, name: str, *options: str) -> str:
    """Make a key and a signing request, as its owner would."""
    subprocess.run(
        ["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
         "-noenc", "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}",
         *options],
        cwd=directory, check=True, capture_output=True,
    )  # fmt: skip
    return f"{name}.csr"


def test_the_manual_shows_what_happens(founded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every session of docs/clients.md, in one project, in the order of the page."""
    monkeypatch.setenv("DEPLOYER_CA_PASSPHRASE", PASSPHRASE)
    request_of(founded, "bob")
    page = (ROOT / "docs" / "clients.md").read_text()
    for session in re.findall(r"```console\n(.*?)```", page, re.DOTALL):
        line, *shown = session.splitlines()
        said = deployer(founded, *shlex.split(line.removeprefix("$ deployer"))).stdout
        assert [shape(one) for one in said.splitlines()] == [shape(one) for one in shown], line


def shape(line: str) -> str:
    """What is left of a line without what differs from day to day."""
    line = re.sub(r"\b[0-9a-f]{36,40}\b", "SERIAL", re.sub(r"\d{4}-\d\d-\d\d", "DAY", line))
    return " ".join(line.split())


def test_of_a_signing_request_the_key_alone_is_taken(founded: Path) -> None:
    wishes = ("-addext", "subjectAltName=DNS:root.example.com", "-addext",
              "basicConstraints=critical,CA:TRUE")  # fmt: skip
    request = request_of(founded, "eve", *wishes)

    said = deployer(founded, "client", "issue", "erin", "--csr", request, *SIGN)

    certificate = x509.load_pem_x509_certificates((founded / "erin" / "erin.pem").read_bytes())[0]
    assert certificate.subject.rfc4514_string() == "CN=erin"
    assert not certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert b"root.example.com" not in certificate.public_bytes(Encoding.DER)
    for word in ("CN=eve", "root.example.com", "to be an authority"):
        assert word in said.stderr
    assert not (founded / "erin" / "erin.key").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["issue"], "nothing says whom"),
        (["issue", "zoe", "--csr", "missing.csr"], "cannot read missing.csr"),
        (["issue", "zoe", "--csr", "deployer.toml"], "deployer.toml: the file is not one signing"),
        (["issue", "zoe", "--csr", "missing.csr", "--p12"], "with --csr there is none"),
        (["issue", "zoe", "--lifetime", "0d"], "0d is over before it begins"),
        (["issue", "zoe", "--lifetime", "99999999999d"], "more than a century"),
        (["issue", "zoe", "--upn", "zoe"], "zoe"),
        (["issue", "deployer-probe"], "is that of deployer apply itself"),
        (["renew", "zoe"], "'zoe' never had a certificate"),
        (["revoke", "zoe", "--yes"], "never had a certificate"),
        (["revoke", "zoe", "--reason", "boredom"], "there is no 'boredom'"),
        (["list", "--all", "--expired"], "give one of the two"),
        (["export", "zoe"], "'zoe' never had a certificate"),
    ],
)
def test_what_cannot_be_done_is_refused_in_words(
    founded: Path, arguments: list[str], words: str
) -> None:
    ended = subprocess.run(
        command("client", *arguments), cwd=founded, capture_output=True, text=True, check=False
    )

    assert ended.returncode in {1, 5}, ended.stderr
    assert words in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (founded / "zoe").exists()


def test_a_request_does_not_choose_to_be_somebody_who_is_there(founded: Path) -> None:
    deployer(founded, "client", "issue", "judy", *SIGN)
    request = request_of(founded, "judy")

    refused = deployer(founded, "client", "issue", "--csr", request, *SIGN, "-o", "no", status=1)
    meant = deployer(founded, "client", "issue", "judy", "--csr", request, *SIGN, "-o", "new")

    assert "judy has 1 valid certificate already" in refused.stderr
    assert "NAME" in refused.stderr
    assert not (founded / "no").exists()
    assert "judy has 1 valid certificate already" in meant.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="it is Linux that has /dev/full")
def test_an_unwritten_list_does_not_lose_the_password(founded: Path) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            command("client", "issue", "ken", "--p12", *SIGN),
            cwd=founded, stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip

    assert ended.returncode == 1
    assert "shown once: " in ended.stderr
    assert re.search(r"deployer client revoke ken --serial [0-9a-f]{12}\b", ended.stderr)
    assert (founded / "ken" / "ken.p12").stat().st_size


def test_nothing_is_revoked_without_a_word(founded: Path) -> None:
    deployer(founded, "client", "issue", "frank", *SIGN)

    refused = deployer(founded, "client", "revoke", "frank", *SIGN, status=5)

    assert "--yes" in refused.stderr
    assert "frank" in deployer(founded, "client", "list").stdout


def test_a_renewal_that_revokes_leaves_one(founded: Path) -> None:
    deployer(founded, "client", "issue", "grace", *SIGN)

    said = deployer(founded, "client", "renew", "grace", "--revoke-old", *SIGN)

    assert "until deployer apply" in said.stderr
    lines = deployer(founded, "client", "list", "--json").stdout.splitlines()
    (grace,) = [one for one in map(json.loads, lines) if one.get("name") == "grace"]
    assert grace["valid"] == 1
    new = x509.load_pem_x509_certificates(Path(founded, said.stdout.split()[0]).read_bytes())[0]
    assert int(grace["serial"], 16) == new.serial_number


def test_json_has_the_files_and_never_the_password(founded: Path) -> None:
    said = deployer(founded, "client", "issue", "heidi", "--p12", "--json", *SIGN)

    password = re.search(r"shown once: (\S+)", said.stderr)
    assert password
    assert password[1] not in said.stdout
    identity = json.loads(said.stdout.splitlines()[-1])
    for part in ("certificate", "key", "authority", "pkcs12", "pkcs12_compatible", "truststore"):
        assert (founded / identity[part]).is_file()


def test_who_was_revoked_stays_outside_once_apply_has_run(site: Workbench) -> None:
    mallory = visitor(site, "mallory")
    assert GREETING in mallory.run("sh", "-c", mallory.lines("curl"))

    site.deployer("client", "revoke", "mallory", "--yes", *SIGN)
    site.apply()

    with pytest.raises(AssertionError, match="alert certificate revoked"):
        mallory.run("sh", "-c", mallory.lines("curl"))
