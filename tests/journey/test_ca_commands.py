"""`deployer ca` and `deployer cert`, typed by an administrator who has no host yet."""

import json
import os
import re
import shutil
import sqlite3
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from deployer.pki import pem
from deployer.pki.keys import private_key_pem
from tests.journey.workbench import PASSPHRASE, deployer, found_ca

WITH_PASSPHRASE = ("--passphrase-file", "passphrase")
INVENTORY: dict[str, Any] = {
    "webservers": {
        "hosts": {"web1": {"ansible_host": "192.0.2.7", "ansible_user": "root"}},
        "vars": {
            "apache_vhosts": [
                {
                    "server_name": "www.example.co.uk",
                    "server_aliases": ["*.shop.example.com"],
                    "document_root": "/srv/www",
                }
            ]
        },
    }
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with an inventory and without a CA."""
    (tmp_path / "passphrase").write_text(f"{PASSPHRASE}\n")
    (tmp_path / "passphrase").chmod(0o600)
    (tmp_path / "deployer.toml").write_text('inventory = ["hosts.yml"]\n')
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump(INVENTORY))
    return tmp_path


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("founded")
    found_ca(directory)
    return directory


@pytest.fixture
def ca(founded: Path, tmp_path: Path) -> Path:
    """A project with a CA, and alice."""
    return shutil.copytree(founded, tmp_path / "project")


def authorities(directory: Path) -> list[dict[str, Any]]:
    lines = deployer(directory, "ca", "show", "--json").stdout.splitlines()
    return [fields for fields in map(json.loads, lines) if fields["event"] == "authority"]


def certificates(directory: Path, *filters: str) -> list[dict[str, Any]]:
    lines = deployer(directory, "cert", "list", "--json", *filters).stdout.splitlines()
    return [fields for fields in map(json.loads, lines) if fields["event"] == "certificate"]


def test_a_root_for_the_inventory_can_certify_nothing_else(project: Path) -> None:
    shown = deployer(
        project, "ca", "init", "--name-constraints", "auto", *WITH_PASSPHRASE
    ).stdout  # fmt: skip

    assert "root G1 certifies nothing but example.co.uk, example.com, 192.0.2.7/32" in shown
    outside = deployer(
        project, "client", "issue", "bob", "--dns", "laptop.example.org", *WITH_PASSPHRASE, status=1
    ).stderr
    assert "laptop.example.org" in outside
    assert not (project / "bob").exists()
    deployer(project, "client", "issue", "bob", "--dns", "laptop.example.com", *WITH_PASSPHRASE)


def test_a_name_that_openssl_would_take_for_a_host_is_refused_below_a_constrained_root(
    project: Path,
) -> None:
    deployer(project, "ca", "init", "--name-constraints", "example.com", *WITH_PASSPHRASE)

    said = deployer(project, "client", "issue", "john.smith", *WITH_PASSPHRASE, status=1).stderr

    assert "john.smith" in said
    assert "hint" in said
    deployer(project, "client", "issue", "John Smith", *WITH_PASSPHRASE)


def test_constraints_without_a_site_to_derive_them_from_are_refused(project: Path) -> None:
    (project / "hosts.yml").write_text("all: {hosts: {web1: {}}}\n")

    said = deployer(
        project, "ca", "init", "--name-constraints", "auto", *WITH_PASSPHRASE, status=1
    ).stderr

    assert "names no site" in said
    assert not (project / ".deployer").exists()


def test_a_ca_of_openssl_is_taken_over_with_authorities_of_ours_below(project: Path) -> None:
    (project / "secret").write_text("opensesame\n")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:3072", "-keyout", "old.key", "-out", "old.pem",
         "-days", "3650", "-subj", "/O=Old Company/CN=Old Company CA", "-passout", "file:secret",
         "-addext", "keyUsage=critical,keyCertSign,cRLSign"],
        cwd=project, check=True, capture_output=True,
    )  # fmt: skip

    deployer(
        project, "ca", "init", "--import", "old.pem", "--import-key", "old.key",
        "--import-password-file", "secret", *WITH_PASSPHRASE,
    )  # fmt: skip

    found = authorities(project)
    assert [one["name"] for one in found] == ["root", "servers", "clients"]
    assert found[0]["subject"] == "CN=Old Company CA,O=Old Company"
    assert found[2]["subject"] == "CN=Old Company Client CA G1,O=Old Company"
    deployer(project, "client", "issue", "alice", *WITH_PASSPHRASE)
    subprocess.run(
        ["openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", "old.pem",
         "-untrusted", "alice/alice.pem", "alice/alice.pem"],
        cwd=project, check=True, capture_output=True,
    )  # fmt: skip


def test_a_ca_of_mkcert_issues_itself_and_says_what_that_means(project: Path) -> None:
    root = project / "mkcert"
    root.mkdir()
    subprocess.run(
        ["mkcert", "example.com"],
        cwd=project, env={**os.environ, "CAROOT": str(root)}, check=True, capture_output=True,
    )  # fmt: skip

    said = deployer(
        project, "ca", "init", "--import", "mkcert/rootCA.pem", "--import-key",
        "mkcert/rootCA-key.pem", *WITH_PASSPHRASE,
    ).stderr  # fmt: skip

    assert "warning" in said
    assert [one["name"] for one in authorities(project)] == ["ca"]
    deployer(project, "client", "issue", "alice", *WITH_PASSPHRASE)
    refused = deployer(project, "render", status=1).stderr
    assert "CRL" in refused, "mkcert's authorities may sign none"
    deployer(project, "render", "-e", "mtls_revocation=none", "-o", "rendered")


@pytest.mark.fault(60, how="a key that was moved out")
def test_the_roots_key_moves_out_and_comes_back_when_it_is_needed(ca: Path) -> None:
    deployer(ca, "ca", "export", "--root-key", "root.key", *WITH_PASSPHRASE)

    assert (ca / "root.key").stat().st_mode & 0o777 == 0o600
    assert [one["key"] for one in authorities(ca)] == ["elsewhere", "here", "here"]
    said = deployer(ca, "ca", "prepare", "clients", *WITH_PASSPHRASE, status=1).stderr
    assert "--root-key" in said
    deployer(ca, "ca", "prepare", "clients", "--root-key", "root.key", *WITH_PASSPHRASE)
    deployer(ca, "client", "issue", "bob", *WITH_PASSPHRASE)


def test_a_generation_is_prepared_activated_and_retired_when_nobody_needs_it(ca: Path) -> None:
    deployer(ca, "ca", "prepare", "clients", *WITH_PASSPHRASE)
    deployer(ca, "ca", "activate", "clients")
    states = {
        (one["name"], one["generation"]): one["state"]
        for one in authorities(ca)
        if one["name"] == "clients"
    }
    assert states == {("clients", 1): "retiring", ("clients", 2): "active"}

    said = deployer(ca, "ca", "retire", "clients", "1", status=1).stderr
    assert "alice" in said or "1 certificate" in said
    (alice,) = certificates(ca, "--name", "alice")
    deployer(ca, "cert", "revoke", alice["serial"], "--yes", *WITH_PASSPHRASE)
    deployer(ca, "ca", "retire", "clients", "1")
    deployer(ca, "client", "issue", "bob", *WITH_PASSPHRASE)
    (bob,) = certificates(ca, "--name", "bob")
    assert bob["generation"] == 2


def test_the_exported_anchor_is_the_root_and_nothing_else(ca: Path) -> None:
    (anchor,) = pem.read_certificates(deployer(ca, "ca", "export").stdout.encode())

    assert anchor.issuer == anchor.subject


def test_the_list_files_hold_lists_alone_and_their_numbers_rise(ca: Path) -> None:
    written = deployer(ca, "ca", "crl", "-o", "lists").stdout.splitlines()
    before = {path: pem.read_crls((ca / path).read_bytes()) for path in written}
    deployer(ca, "ca", "crl", "--renew", "-o", "lists", *WITH_PASSPHRASE)

    assert len(written) == 3
    for path, old in before.items():
        new = pem.read_crls((ca / path).read_bytes())
        assert min(map(number, new)) > max(map(number, old))
        assert new[0].last_update_utc > old[0].last_update_utc


def number(crl: x509.CertificateRevocationList) -> int:
    return crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def test_a_changed_passphrase_opens_everything_and_the_old_one_nothing(ca: Path) -> None:
    (ca / "new").write_text("a wholly different one\n")
    deployer(ca, "ca", "passphrase", "--new-passphrase-file", "new", *WITH_PASSPHRASE)

    refused = deployer(ca, "client", "issue", "bob", *WITH_PASSPHRASE, status=1).stderr
    assert "does not open" in refused
    deployer(ca, "client", "issue", "bob", "--passphrase-file", "new")


def test_a_backup_is_restored_where_there_is_no_state(ca: Path) -> None:
    deployer(ca, "ca", "backup", "backup.db")
    refused = deployer(ca, "ca", "restore", "backup.db", status=1).stderr
    assert ".deployer" in refused

    (ca / ".deployer").rename(ca / "lost")
    deployer(ca, "ca", "restore", "backup.db")

    assert {one["name"] for one in certificates(ca)} >= {"alice"}
    deployer(ca, "ca", "verify-journal")
    deployer(ca, "client", "issue", "bob", *WITH_PASSPHRASE)


def test_a_journal_that_somebody_edited_is_not_whole(ca: Path) -> None:
    head = deployer(ca, "ca", "verify-journal").stdout.strip()
    deployer(ca, "client", "issue", "bob", *WITH_PASSPHRASE)
    deployer(ca, "ca", "verify-journal", "--head", head)

    with sqlite3.connect(ca / ".deployer" / "state.db") as database:
        database.execute("UPDATE certificates SET name = 'mallory' WHERE name = 'bob'")
    database.close()

    said = deployer(ca, "ca", "verify-journal", status=1).stderr
    assert "journal" in said


def test_certificates_are_found_by_what_they_are(ca: Path) -> None:
    deployer(ca, "client", "issue", "bob", "--lifetime", "7d", *WITH_PASSPHRASE)

    assert {one["name"] for one in certificates(ca, "--kind", "client")} == {"alice", "bob"}
    assert [one["name"] for one in certificates(ca, "--expires-within", "30d")] == ["bob"]
    assert certificates(ca, "--authority", "servers") == []
    assert [one["name"] for one in certificates(ca, "--authority", "root")] == [
        "root", "servers", "clients",
    ]  # fmt: skip
    table = deployer(ca, "cert", "list", "--name", "bob").stdout
    assert re.search(r"^[0-9a-f]{12}  client  bob +- +clients G1 +valid", table, re.MULTILINE)


def test_a_certificate_is_shown_and_revoked_by_the_beginning_of_its_serial(ca: Path) -> None:
    (alice,) = certificates(ca, "--name", "alice")
    beginning = alice["serial"][:10]
    assert alice["serial"] in deployer(ca, "cert", "show", beginning).stdout
    shown = deployer(ca, "cert", "show", beginning, "--pem").stdout
    assert shown == (ca / "alice" / "alice.pem").read_text()

    deployer(
        ca, "cert", "revoke", beginning, "--reason", "key-compromise", "--yes", *WITH_PASSPHRASE
    )

    (alice,) = certificates(ca, "--status", "revoked")
    assert alice["reason"] == "keyCompromise"
    again = deployer(ca, "cert", "revoke", beginning, "--yes", *WITH_PASSPHRASE, status=1).stderr
    assert "revoked" in again
    (lists,) = (
        path
        for path in deployer(ca, "ca", "crl", "-o", "lists").stdout.split()
        if "clients" in path
    )
    serial = int(alice["serial"], 16)
    for crl in pem.read_crls((ca / lists).read_bytes()):
        assert crl.get_revoked_certificate_by_serial_number(serial) is not None


def test_an_unknown_serial_names_the_command_that_lists_them(ca: Path) -> None:
    said = deployer(ca, "cert", "show", "ffff0000", status=1).stderr

    assert "deployer cert list" in said


def test_an_authority_can_be_revoked_by_the_root(ca: Path) -> None:
    servers = next(
        one for one in certificates(ca, "--kind", "authority") if one["name"] == "servers"
    )

    deployer(ca, "cert", "revoke", servers["serial"], "--yes", *WITH_PASSPHRASE)

    assert [one["name"] for one in certificates(ca, "--status", "revoked")] == ["servers"]


def test_a_key_exported_before_the_passphrase_changed_brings_its_own(ca: Path) -> None:
    deployer(ca, "ca", "export", "--root-key", "root.key", *WITH_PASSPHRASE)
    (ca / "new").write_text("a wholly different one\n")
    (ca / "new").chmod(0o600)
    deployer(ca, "ca", "passphrase", "--new-passphrase-file", "new", *WITH_PASSPHRASE)
    prepare = ("ca", "prepare", "clients", "--root-key", "root.key")

    old = deployer(ca, *prepare, *WITH_PASSPHRASE, status=1).stderr
    assert "does not open" in old, "nothing new is sealed with the passphrase of yesterday"
    deployer(ca, *prepare, "--passphrase-file", "new", "--root-key-passphrase-file", "passphrase")
    deployer(ca, "ca", "activate", "clients")

    deployer(ca, "client", "issue", "bob", "--passphrase-file", "new")
    deployer(ca, "ca", "crl", "--renew", "--passphrase-file", "new")


def test_a_root_whose_state_is_lost_is_brought_back_with_its_exported_key(ca: Path) -> None:
    (ca / "root.pem").write_text(deployer(ca, "ca", "export").stdout)
    deployer(ca, "ca", "export", "--root-key", "root.key", *WITH_PASSPHRASE)
    (ca / ".deployer").rename(ca / "lost")

    deployer(
        ca, "ca", "init", "--import", "root.pem", "--import-key", "root.key",
        "--import-password-file", "passphrase", *WITH_PASSPHRASE,
    )  # fmt: skip

    assert [one["name"] for one in authorities(ca)] == ["root", "servers", "clients"]
    assert deployer(ca, "ca", "export").stdout == (ca / "root.pem").read_text()


def test_what_was_issued_after_a_backup_can_be_revoked_after_its_restoration(ca: Path) -> None:
    deployer(ca, "ca", "backup", "backup.db")
    deployer(ca, "client", "issue", "bob", *WITH_PASSPHRASE)
    (ca / ".deployer").rename(ca / "lost")
    deployer(ca, "ca", "restore", "backup.db")
    assert not certificates(ca, "--name", "bob")

    deployer(ca, "cert", "revoke", "--file", "bob/bob.pem", "--yes", *WITH_PASSPHRASE)

    (bob,) = certificates(ca, "--status", "revoked")
    deployer(ca, "ca", "crl", "clients", "-o", "lists")
    leaf = x509.load_pem_x509_certificates((ca / "bob/bob.pem").read_bytes())[0]
    assert int(bob["serial"], 16) == leaf.serial_number
    for crl in pem.read_crls((ca / "lists/clients-G1.crl.pem").read_bytes()):
        assert crl.get_revoked_certificate_by_serial_number(leaf.serial_number) is not None
    deployer(ca, "ca", "verify-journal")


def test_somebody_elses_certificate_cannot_be_revoked_here(ca: Path, project: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "x.key",
         "-out", "x.pem", "-subj", "/CN=stranger"],
        cwd=ca, check=True, capture_output=True,
    )  # fmt: skip

    said = deployer(
        ca, "cert", "revoke", "--file", "x.pem", "--yes", *WITH_PASSPHRASE, status=1
    ).stderr

    assert "was issued by no authority of this CA" in said


def test_a_revocation_of_an_imported_ca_goes_on_to_count(project: Path) -> None:
    old = forged_ca(project)
    deployer(
        project, "ca", "init", "--import", "old.pem", "--import-key", "old.key",
        "--import-crl", "old.crl", *WITH_PASSPHRASE,
    )  # fmt: skip

    deployer(project, "ca", "crl", "-o", "lists")

    lists = pem.read_crls((project / "lists/ca-G1.crl.pem").read_bytes())
    assert all(crl.get_revoked_certificate_by_serial_number(4711) for crl in lists)
    assert min(map(number, lists)) > old


def forged_ca(directory: Path) -> int:
    """Make a CA that may have none below it, whose list revokes 4711; return the list's number."""
    now = datetime.now(UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Old CA")])
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    usage = dict.fromkeys(
        ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
         "key_agreement", "encipher_only", "decipher_only"), False,
    )  # fmt: skip
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1000))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.KeyUsage(key_cert_sign=True, crl_sign=True, **usage), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, SHA256())
    )
    entry = x509.RevokedCertificateBuilder(4711, now).build()
    crl = (
        x509.CertificateRevocationListBuilder(name, now, now + timedelta(days=7))
        .add_revoked_certificate(entry)
        .add_extension(x509.CRLNumber(2**40), critical=False)
        .sign(key, SHA256())
    )
    (directory / "old.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    (directory / "old.crl").write_bytes(crl.public_bytes(Encoding.DER))
    (directory / "old.key").write_bytes(private_key_pem(key))
    return 2**40


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (("ca", "init", "--import-key", "old.key"), "belong to --import"),
        (("ca", "init", "--key-type", "rsa-2048"), "there is no 'rsa-2048'"),
        (("ca", "verify-journal", "--head", "1234"), "64 hexadecimal digits"),
        (("ca", "retire", "clients", "first"), "write G1"),
        (("cert", "revoke"), "nothing says what to revoke"),
        (("cert", "list", "--status", "good"), "there is no 'good'"),
    ],
)
def test_a_wrong_word_is_a_usage_error(ca: Path, typed: tuple[str, ...], why: str) -> None:
    assert why in deployer(ca, *typed, status=5).stderr


def test_an_authority_that_there_is_not_lists_nothing_in_silence(ca: Path) -> None:
    said = deployer(ca, "cert", "list", "--authority", "client", status=1).stderr

    assert "did you mean clients?" in said


def test_a_founding_that_failed_leaves_no_ca(project: Path) -> None:
    deployer(project, "ca", "init", "--name", "a" * 90, *WITH_PASSPHRASE, status=1)

    assert "there is no CA" in deployer(project, "ca", "show", status=1).stderr
    deployer(project, "ca", "init", *WITH_PASSPHRASE)


@pytest.mark.slow
def test_an_older_list_of_a_root_in_a_safe_is_not_sent_to_anybody(ca: Path) -> None:
    (ca / "hosts.yml").write_text(yaml.safe_dump(INVENTORY))
    deployer(ca, "ca", "export", "--root-key", "root.key", *WITH_PASSPHRASE)
    deployer(ca, "ca", "backup", "backup.db")
    (ca / ".deployer").rename(ca / "lost")
    deployer(ca, "ca", "restore", "backup.db")

    refused = deployer(ca, "apply", "--yes", *WITH_PASSPHRASE, status=1).stderr

    assert "ca crl root --renew --root-key" in refused
    deployer(ca, "ca", "crl", "--renew", "--root-key", "root.key", *WITH_PASSPHRASE)
    deployer(ca, "apply", "--yes", "-T", "1", *WITH_PASSPHRASE, status=4)
