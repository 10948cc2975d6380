"""
What sslyze says of the TLS profiles: it judges a running Apache by Mozilla's recommendations.

sslyze 6.3 has version 5.7 of them. Sites ask for certificates without insisting: with one to
show, its test for SSL 2.0 breaks in its own library.
"""

import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.sandbox import Sandbox
from tests.conformance import toolchains
from tests.hosts.sandbox import SandboxHost
from tests.journey.workbench import Workbench, found_ca

PROFILES = ("intermediate", "modern")
KEYS = ("p-256", "p-384", "rsa-2048", "rsa-3072")
OLD_PROTOCOLS = {"tls_versions", "ciphers"}
# Its installation takes a minute.
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def desk() -> Iterator[Workbench]:
    """One Apache with a site for each profile and kind of key."""
    with tempfile.TemporaryDirectory(prefix="deployer-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        with Sandbox.start(directory / "sandbox") as sandbox:
            desk = Workbench(directory / "project", SandboxHost(sandbox))
            found_ca(desk.directory)
            desk.know_host()
            desk.vhosts = [
                desk.site(
                    server_name=f"{profile}-{key}.example.com",
                    tls=profile,
                    key_type=key,
                    hsts=True,
                    client_auth={"verify": "optional"},
                )
                for profile in PROFILES
                for key in (*KEYS, "ed25519")
            ]
            desk.write_inventory()
            desk.apply()
            yield desk


def objections(desk: Workbench, site: str, recommendation: str) -> set[str]:
    """Let sslyze judge a site, and return the names of what it objects to."""
    target = f"{site}.example.com:{desk.port}{{{desk.host.address}}}"
    ended = subprocess.run(
        [
            toolchains.sslyze(), "-m", "sslyze", "--mozilla_config", recommendation,
            "--certinfo_ca_file", "alice/alice.ca.pem", target,
        ],
        cwd=desk.directory, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    _, _, verdict = ended.stdout.partition("COMPLIANCE AGAINST TLS CONFIGURATION")
    found = set(re.findall(r"^ +\* (\w+):", verdict, re.MULTILINE))
    assert ("OK - Compliant" in verdict) is (ended.returncode == 0) is (not found), ended.stdout
    return found


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("key", KEYS)
def test_a_profile_is_what_mozilla_recommends(desk: Workbench, profile: str, key: str) -> None:
    # RSA has no place in the modern recommendation: MTLS-601 says so to whoever asks for it.
    rsa_in_modern = profile == "modern" and key.startswith("rsa")

    found = objections(desk, f"{profile}-{key}", profile)

    assert found == ({"certificate_types"} if rsa_in_modern else set())


def test_a_modern_site_is_an_intermediate_one_too(desk: Workbench) -> None:
    assert objections(desk, "modern-p-256", "intermediate") == set()


def test_sslyze_objects_where_there_is_something_to_object_to(desk: Workbench) -> None:
    assert objections(desk, "intermediate-p-256", "modern") == OLD_PROTOCOLS
    assert objections(desk, "intermediate-ed25519", "intermediate") == {"certificate_types"}
