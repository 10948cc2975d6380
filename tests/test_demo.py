"""The demo: what a newcomer runs first."""

import io
import subprocess
import sys
import sysconfig
import tarfile
import time
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.hosts.fleet import FleetHost

ROOT = Path(__file__).parent.parent
DEMO = [sys.executable, "-W", "error", "-m", "deployer", "demo"]


def test_the_demo_shows_the_main_job_and_cleans_up(tmp_path: Path) -> None:
    began = time.monotonic()
    ended = subprocess.run(
        DEMO,
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "TMPDIR": "/tmp", "NO_COLOR": "1", "HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    said = ended.stdout + ended.stderr

    assert ended.returncode == 0, said
    assert time.monotonic() - began < 30
    assert shows_the_main_job(said)
    (directory,) = {word for word in said.split() if word.startswith("/tmp/deployer-demo-")} & {
        word for word in said.split() if word.count("/") == 2
    }
    assert not Path(directory).exists()
    commands = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert directory not in commands.stdout


@pytest.mark.slow
def test_the_demo_works_without_root(fleet_host: FleetHost) -> None:
    account = fleet_host.plain_user("newcomer")
    # This checkout and its environment may lie where the host's users cannot go.
    fleet_host.exec(["mkdir", "-m", "755", "/srv/deployer"])
    fleet_host.exec(["tar", "-x", "-C", "/srv/deployer"], stdin=packed())
    interpreter = f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}"
    if fleet_host.exec(["test", "-x", interpreter], check=False).status:
        pytest.skip(f"the packages here are for {interpreter}, which the host does not have")

    ended = fleet_host.exec(
        ["setpriv", f"--reuid={account.user}", f"--regid={account.user}", "--init-groups", "env",
         "-i", f"HOME=/home/{account.user}", "PATH=/usr/bin:/bin", "PYTHONPATH=/srv/deployer",
         str(interpreter), "-W", "error", "-m", "deployer", "demo"],
        check=False,
    )  # fmt: skip

    said = (ended.stdout + ended.stderr).decode()
    assert ended.status == 0, said
    assert shows_the_main_job(said)
    # Namespaces are for root: the shadow start stood in.
    assert "rehearse" in said
    assert "shadow" in said


def packed() -> bytes:
    """Pack the product and the packages it needs, but not those of its developers."""
    site_packages = Path(sysconfig.get_paths()["purelib"])
    ours = [ROOT / "deployer", ROOT / "templates"]
    theirs = [site_packages / name for name in sorted(installed_by("mtls-deployer"))]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in (*ours, *theirs):
            tar.add(path, path.name, filter=without_caches)
    return buffer.getvalue()


def installed_by(distribution: str) -> set[str]:
    """What the packages that one needs, and those that they need, put into site-packages."""
    found: set[str] = set()
    waiting, seen = [distribution], {distribution}
    while waiting:
        for text in metadata.requires(waiting.pop()) or ():
            needed = Requirement(text)
            name = canonicalize_name(needed.name)
            if name in seen or (needed.marker and not needed.marker.evaluate({"extra": ""})):
                continue
            seen.add(name)
            waiting.append(name)
            found |= {file.parts[0] for file in metadata.files(name) or ()}
    return found - {"..", "__pycache__"}


def without_caches(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if "__pycache__" in entry.name else entry


def shows_the_main_job(said: str) -> bool:
    return all(
        words in said
        for words in (
            "$ deployer ca init",
            "$ deployer apply",
            "certified client         HTTP 200",
            "no certificate           refused",
            "web1  unchanged",
            "$ curl",
            "stopped and removed",
        )
    )
