"""`deployer render`: what hosts would get, with nobody connected and no key opened."""

import shutil
from pathlib import Path

import pytest

from tests.hosts.host import LabHost
from tests.hosts.sandbox import SandboxHost
from tests.journey.workbench import Workbench


@pytest.fixture
def any_host(request: pytest.FixtureRequest) -> LabHost:
    """Nothing here depends on the kind of host."""
    return SandboxHost(request.getfixturevalue("sandbox"))


def tree(directory: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def test_it_is_compared_with_what_the_host_got_last(live_desk: Workbench) -> None:
    desk = live_desk
    (desk.directory / "passphrase").unlink()
    shutil.rmtree(desk.directory / "alice")
    desk.host.kill()

    same = desk.deployer("render", "-D", "--detailed-exitcode")

    assert same.stdout == ""
    assert "0 differ from the last deployment, 1 as deployed" in same.stderr
    desk.vhosts = [desk.site(hsts=True)]
    desk.write_inventory()
    differs = desk.deployer("render", "-D", "--detailed-exitcode", status=2)
    lines = [line.strip() for line in differs.stdout.splitlines()]
    changed = [line for line in lines if line[:5] in {"+    ", "-    "}]
    assert [line for line in changed if "Strict-Transport-Security" in line]
    assert all(line.startswith("+") for line in changed)
    assert "PRIVATE KEY" not in differs.stdout
    assert "1 differs from the last deployment" in differs.stderr


def test_it_is_for_the_versions_and_ports_that_the_host_had(live_desk: Workbench) -> None:
    desk = live_desk
    served = Path(desk.host.layout.root) / "current" / "sites"

    rendered = desk.deployer("render", "-o", "out").stdout.split()

    assert rendered
    for path in served.iterdir():
        assert (desk.directory / "out/web1/sites" / path.name).read_bytes() == path.read_bytes()
    # Nobody knows another host, so the oldest that there is must understand it.
    inventory = desk.directory / "hosts.yml"
    inventory.write_text(inventory.read_text().replace("web1:", "web2:"))
    desk.deployer("render", "-o", "out")
    server = "sites/000-server.conf"
    assert tree(desk.directory / "out/web2")[server] != tree(desk.directory / "out/web1")[server]


def test_it_is_the_same_byte_for_byte_in_any_process(
    desk: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for seed in ("1", "2"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        desk.deployer("render", "-o", seed)

    first, second = (tree(desk.directory / seed) for seed in ("1", "2"))
    assert first
    assert first == second


def test_it_is_written_over_an_earlier_render_and_over_nothing_else(desk: Workbench) -> None:
    out = desk.directory / "out"
    desk.deployer("render", "-o", "out")
    before = tree(out)
    desk.deployer("render", "-o", "out")
    assert tree(out) == before

    foreign = desk.directory / "etc" / "web1"
    foreign.mkdir(parents=True)
    (foreign / "include.conf").write_text("# mine\n")
    refused = desk.deployer("render", "-o", "etc", status=1)

    assert "etc/web1 holds files that deployer did not render" in refused.stderr
    assert "give another directory with -o" in refused.stderr
    assert tree(desk.directory / "etc") == {"web1/include.conf": b"# mine\n"}


def test_it_asks_for_no_passphrase_and_writes_no_secret(
    desk: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("DEPLOYER_CA_PASSPHRASE", "DEPLOYER_CA_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    (desk.directory / "passphrase").unlink()

    desk.deployer("render", "-o", "out")

    assert not any(b"PRIVATE KEY" in content for content in tree(desk.directory / "out").values())
    assert [one.name for one in (desk.directory / "out").iterdir()] == ["web1"]
