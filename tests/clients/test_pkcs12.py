"""The PKCS#12 files, opened by those who will be given them."""

from pathlib import Path

import pytest

from tests.clients.reception import Visitor, visitor
from tests.journey.workbench import Workbench

FLAVOURS = ("p12", "compat.p12")
ENCRYPTION = {
    "p12": "PBES2, PBKDF2, AES-256-CBC",
    "compat.p12": "pbeWithSHA1And3-KeyTripleDES-CBC",
}


@pytest.fixture(scope="package")
def rsa(site: Workbench) -> Visitor:
    return visitor(site, "rachel", "--key-type", "rsa-2048")


@pytest.fixture(params=["alice", "rsa"])
def owner(request: pytest.FixtureRequest) -> Visitor:
    found: Visitor = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def nssdb(owner: Visitor, tmp_path: Path) -> str:
    database = f"sql:{tmp_path}"
    owner.run("certutil", "-N", "-d", database, "--empty-password")
    return database


@pytest.mark.parametrize("suffix", FLAVOURS)
def test_openssl_opens_it_without_legacy_algorithms(owner: Visitor, suffix: str) -> None:
    said = owner.run(
        "openssl", "pkcs12", "-in", str(owner.file(suffix)), "-info", "-noenc",
        "-passin", "env:P12_PASSWORD",
    )  # fmt: skip

    assert said.count("BEGIN CERTIFICATE") == 3, "leaf, issuer and root"
    assert said.count("BEGIN PRIVATE KEY") == 1
    assert ENCRYPTION[suffix] in said


@pytest.mark.parametrize("suffix", FLAVOURS)
def test_nss_imports_it(owner: Visitor, suffix: str, nssdb: str, tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text(owner.password)

    owner.run("pk12util", "-i", str(owner.file(suffix)), "-d", nssdb, "-w", str(password))

    assert owner.name in owner.run("certutil", "-K", "-d", nssdb)


@pytest.mark.parametrize("suffix", FLAVOURS)
def test_java_lists_one_private_key(owner: Visitor, suffix: str) -> None:
    said = owner.run(
        "keytool", "-list", "-keystore", str(owner.file(suffix)),
        "-storepass:env", "P12_PASSWORD",
    )  # fmt: skip

    assert f"{owner.name}, " in said
    assert "PrivateKeyEntry" in said
    assert "contains 1 entry" in said


@pytest.mark.parametrize("suffix", FLAVOURS)
def test_node_takes_it(owner: Visitor, suffix: str) -> None:
    owner.run(
        "node",
        "-e",
        "require('tls').createSecureContext({pfx: require('fs').readFileSync(process.argv[1]),"
        " passphrase: process.env.P12_PASSWORD})",
        str(owner.file(suffix)),
    )


@pytest.mark.parametrize("suffix", FLAVOURS)
def test_gnutls_opens_it(owner: Visitor, suffix: str, tmp_path: Path) -> None:
    said = owner.run(
        "certtool", "--p12-info", "--inder", "--infile", str(owner.file(suffix)),
        "--password", owner.password,
    )  # fmt: skip

    assert said.count("BEGIN CERTIFICATE") == 3
    assert said.count("PRIVATE KEY-----\n") == 2, "one, from its first line to its last"


def test_java_trusts_the_root_of_the_truststore(alice: Visitor) -> None:
    said = alice.run(
        "keytool", "-list", "-keystore", str(alice.file("truststore.p12")),
        "-storepass:env", "P12_PASSWORD",
    )  # fmt: skip

    assert "trustedCertEntry" in said
    assert "contains 1 entry" in said


def test_the_wrong_password_opens_nothing(alice: Visitor) -> None:
    with pytest.raises(AssertionError, match="Mac verify error"):
        alice.run(
            "openssl", "pkcs12", "-in", str(alice.file("p12")), "-noout", "-passin", "pass:wrong"
        )


def test_no_file_holds_the_password(alice: Visitor) -> None:
    for file in alice.directory.iterdir():
        assert alice.password.encode() not in file.read_bytes(), file


def test_whoever_asks_for_ed25519_is_told_where_it_fails(site: Workbench) -> None:
    said = site.deployer(
        "client", "issue", "robot", "--key-type", "ed25519", "--passphrase-file", "passphrase"
    )

    assert "no browser accepts it" in said.stderr
