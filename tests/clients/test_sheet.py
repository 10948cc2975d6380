"""The lines of the sheet, run as they stand against a real server that asks for a certificate."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.reception import GREETING, Visitor, visitor
from tests.journey.workbench import Workbench

ODD = """O'Brien "the 1st": Łucja & Søn"""
"""Every character that one of the languages gives a meaning to."""


@pytest.fixture(scope="package")
def odd(site: Workbench) -> Visitor:
    return visitor(site, ODD)


@pytest.fixture(params=["alice", "odd"])
def caller(request: pytest.FixtureRequest) -> Visitor:
    """Somebody with an ordinary name, and somebody with a name that has to be quoted."""
    found: Visitor = request.getfixturevalue(request.param)
    return found


def test_curl_gets_in(caller: Visitor) -> None:
    assert GREETING in caller.run("sh", "-c", caller.lines("curl"))


def test_without_its_certificate_curl_stays_outside(alice: Visitor) -> None:
    line = alice.lines("curl").replace("--cert alice.pem --key alice.key ", "")

    ended = subprocess.run(
        ["sh", "-c", line], cwd=alice.directory, capture_output=True, text=True, check=False
    )

    assert ended.returncode != 0
    assert "alert certificate required" in ended.stderr


@pytest.mark.parametrize("library", ["requests", "httpx"])
def test_python_gets_in(caller: Visitor, library: str) -> None:
    lines = caller.lines(f"Python, {library}")

    assert GREETING in caller.run(sys.executable, "-W", "error", "-c", lines)


def test_node_gets_in(caller: Visitor) -> None:
    said = caller.run("node", "--input-type=module", stdin=caller.lines("Node"))

    assert GREETING in said


def test_java_gets_in(caller: Visitor) -> None:
    program = caller.directory / "Call.java"
    program.write_text(caller.lines("Java"), encoding="utf-8")

    assert GREETING in caller.run("java", "-Dfile.encoding=UTF-8", str(program), LC_ALL="C.UTF-8")


@pytest.mark.slow
def test_java_gets_in_with_the_files_that_the_sheet_says_how_to_make(site: Workbench) -> None:
    """Without --p12 there are none, and Java reads nothing else."""
    site.deployer("client", "issue", "carol", "--passphrase-file", "passphrase")
    carol = Visitor(
        directory=site.directory / "carol", name="carol", password="ours, not theirs", url=""
    )
    openssl, keytool = carol.lines("PKCS#12, which Java needs").strip().splitlines()
    carol.run("sh", "-c", f"{openssl} -passout env:P12_PASSWORD")
    carol.run("sh", "-c", f"{keytool} -noprompt -storepass:env P12_PASSWORD")
    program = carol.directory / "Call.java"
    program.write_text(carol.lines("Java 11"), encoding="utf-8")

    assert GREETING in carol.run("java", str(program))


@pytest.mark.slow
@pytest.mark.skipif(
    not list(Path("/usr/share/cargo/registry").glob("reqwest-*")),
    reason="reqwest comes from Debian's librust-reqwest-dev, with 275 packages for one line",
)
def test_rust_gets_in(alice: Visitor, tmp_path: Path) -> None:
    cargo = shutil.which("cargo")
    assert cargo
    (tmp_path / ".cargo").mkdir()
    (tmp_path / ".cargo" / "config.toml").write_text(
        '[source.crates-io]\nreplace-with = "debian"\n'
        '[source.debian]\ndirectory = "/usr/share/cargo/registry"\n'
    )
    (tmp_path / "Cargo.toml").write_text(
        '[package]\nname = "call"\nversion = "0.0.0"\nedition = "2021"\n'
        '[dependencies.reqwest]\nversion = "*"\ndefault-features = false\n'
        'features = ["blocking", "rustls-tls-manual-roots"]\n'
    )
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.rs").write_text(alice.lines("Rust"))
    subprocess.run([cargo, "build", "--quiet", "--offline"], cwd=tmp_path, check=True, timeout=110)

    assert GREETING in alice.run(str(tmp_path / "target" / "debug" / "call"))
