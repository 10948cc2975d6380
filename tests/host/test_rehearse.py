"""Rehearsing: the real Apache starts on the would-be configuration, and nobody notices."""

import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from deployer.errors import StepFailed
from deployer.release import Release
from deployer.sandbox.processes import until
from tests.host.machine import Machine, claim
from tests.host.releases import CRL, FULLCHAIN, KEY, SITE, TRUST, another_key, fullchain
from tests.hosts.prober import listens

NAMESPACES = ("unshare", "-n", "-m", "-p", "-f", "--propagation", "private")


@contextmanager
def untouched(machine: Machine) -> Iterator[Machine]:
    """Whatever comes of a rehearsal: the server, its files and its ports are as they were."""
    before = traces(machine)
    yield machine
    assert traces(machine) == before
    assert machine.site_serves()


def traces(machine: Machine) -> object:
    """What a rehearsal could leave behind, or change: processes, files, the running generation."""
    # Debian's layout goes through a link that only the host itself can follow.
    pid_file = machine.layout.pid_file.replace("/var/run", "/run")
    path = machine.lab.root / pid_file.lstrip("/")
    return (
        (path.read_bytes(), path.stat().st_ino),
        apaches(machine),
        machine.current,
        [path.name for path in machine.state.glob("shadow.*")],
        [path.name for path in machine.sites.glob(".*")],
    )


@pytest.fixture
def whole(machine: Machine) -> Iterator[Machine]:
    """A host where namespaces are allowed."""
    if subprocess.run([*NAMESPACES, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("namespaces are not allowed here")
    with untouched(machine):
        yield machine


@pytest.fixture
def shadow(machine: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    """A host where namespaces are not allowed."""
    (tmp_path / "unshare").symlink_to(str(shutil.which("false")))
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with untouched(machine):
        yield machine


@pytest.fixture(params=["whole", "shadow"])
def either(request: pytest.FixtureRequest) -> Machine:
    """A host of either kind."""
    machine: Machine = request.getfixturevalue(request.param)
    return machine


def apaches(machine: Machine) -> set[int]:
    """Every server that was started with a configuration of this host, without its workers."""
    marks = [path.encode() for path in (machine.layout.config_root, machine.layout.state_dir)]
    if machine.layout.envvars:  # nothing on the command line tells, but the host is alone
        marks = [b"apache2"]
    found = {}
    for entry in (machine.lab.root / "proc").glob("[0-9]*"):
        try:
            words = entry.joinpath("cmdline").read_bytes()
            state, parent, *_ = entry.joinpath("stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if state != "Z" and b"apache2" in words and any(mark in words for mark in marks):
            found[int(entry.name)] = int(parent)
    return {pid for pid, parent in found.items() if parent not in found}


def test_a_good_release_is_rehearsed_whole(any_shell: Machine) -> None:
    if os.geteuid() != 0:
        pytest.skip("namespaces need root")

    with untouched(any_shell), any_shell.prober() as prober:
        assert any_shell.rehearse(any_shell.release()) == "whole"

    assert prober.failures == ()


def test_a_good_release_is_rehearsed_in_the_shadow(shadow: Machine) -> None:
    logs = Path(shadow.layout.log_dir)
    before = {path.name: path.read_bytes() for path in logs.iterdir()}

    assert shadow.rehearse(shadow.release()) == "shadow"

    assert {path.name: path.read_bytes() for path in logs.iterdir()} == before


def mounts() -> list[str]:
    """What is mounted, but for named networks: other tests make those meanwhile."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [line for line in lines if " /run/netns" not in line]


def test_a_rehearsal_writes_into_no_log_and_leaves_no_trace(whole: Machine) -> None:
    logs = Path(whole.layout.log_dir)
    name = whole.stage(whole.release())
    before = {path.name: path.read_bytes() for path in logs.iterdir()}, whole.configuration()
    before_mounts = mounts()

    done = whole.host.run("rehearse", *claim(whole), name, "ssl", str(whole.lab.https_port))

    assert done.status == 0
    assert ({path.name: path.read_bytes() for path in logs.iterdir()}, whole.configuration()) == (
        before
    )
    assert mounts() == before_mounts
    there = {path.name for path in whole.state.iterdir()}
    assert there == {"journal", "lease.3", "rehearsal"}
    assert list((whole.state / "rehearsal").iterdir()) == []


def refusal(machine: Machine, release: Release) -> StepFailed:
    with pytest.raises(StepFailed) as refused:
        machine.rehearse(release)
    return refused.value


# What `httpd -t` would let pass: each of these ends a running server when it is reloaded.
SPOILT: dict[str, tuple[dict[str, bytes], str]] = {
    "a key of somebody else": ({KEY: another_key()}, "AH02565"),
    "no key at all": ({KEY: b"no key"}, "AH02564"),
    "a chain in the wrong order": ({FULLCHAIN: fullchain(reverse=True)}, "AH02565"),
    "garbage for a certificate": ({FULLCHAIN: b"garbage"}, "PEM"),
    "garbage for authorities": ({TRUST: b"garbage"}, "certificate or crl found"),
    "garbage for revocation lists": ({CRL: b"garbage"}, "certificate or crl found"),
}


@pytest.mark.fault(31, how="releases that the syntax test lets pass")
@pytest.mark.parametrize("spoilt", SPOILT)
def test_what_the_syntax_test_would_let_pass_does_not_start(either: Machine, spoilt: str) -> None:
    replaced, complaint = SPOILT[spoilt]
    release = either.release(replaced=replaced)

    refused = refusal(either, release)

    assert complaint in refused.cause
    assert "[ssl:" not in refused.cause
    assert refused.hint == "the old configuration keeps serving"
    assert syntax_is_ok(either, release)


def syntax_is_ok(machine: Machine, release: Release) -> bool:
    """Ask Apache for its opinion of the same configuration."""
    content = release.file("include.conf").content
    assert content is not None
    include = machine.sites / "000-deployer.conf"
    include.write_bytes(content)
    define = f"Define DEPLOYER_RELEASE {machine.root}/releases/{release.id}"
    done = subprocess.run(
        [*machine.layout.httpd, "-t", "-C", define], capture_output=True, text=True, check=False
    )
    include.unlink()
    return "Syntax OK" in done.stderr


def test_an_unknown_curve_does_not_start(either: Machine) -> None:
    release = either.release(extra="SSLOpenSSLConfCmd Curves X25519:nonesuch")

    assert "nonesuch" in refusal(either, release).cause


@pytest.mark.fault(30)
def test_a_syntax_error_is_shown_with_its_line(whole: Machine) -> None:
    release = whole.release(extra="Bogus on")

    cause = refusal(whole, release).cause

    assert "Syntax error on line" in cause
    assert f"{release.id}/{SITE}" in cause
    assert "Invalid command 'Bogus'" in cause


def test_a_syntax_error_is_shown_in_the_shadow_too(shadow: Machine) -> None:
    assert "Invalid command 'Bogus'" in refusal(shadow, shadow.release(extra="Bogus on")).cause


def test_a_port_that_nobody_listens_on_is_named(whole: Machine) -> None:
    release = whole.release(ports=(1, whole.lab.https_port))

    assert "nothing listens on port 1" in refusal(whole, release).cause


def test_listening_twice_on_the_same_port_is_refused(whole: Machine) -> None:
    listen = f"Listen 127.0.0.1:{whole.lab.https_port}\n"

    assert "Listen" in refusal(whole, whole.release(server=listen)).cause


def test_a_port_of_another_program_is_refused(either: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        for listen in (f"127.0.0.1:{port}", f"{port}", f"0.0.0.0:{port} https"):
            release = either.release(server=f"Listen {listen}\n", port=port)

            refused = refusal(either, release)

            assert f"another program listens on {listen.split()[0]}" in refused.cause
            assert "another address or port" in refused.hint


def test_the_same_port_on_another_address_is_not_taken(whole: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        listen = f"Listen 127.0.0.2:{port}\n"

        assert whole.rehearse(whole.release(server=listen, port=port)) == "whole"


def test_an_address_that_the_host_does_not_have_is_refused(either: Machine) -> None:
    release = either.release(server="Listen 192.0.2.1:8443\n", port=8443)

    assert "this host has no address 192.0.2.1" in refusal(either, release).cause


def test_a_port_that_this_apache_has_already_is_not_taken(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    listen = f"Listen 127.0.0.1:{port}\n"
    machine.deploy(machine.release(server=listen))
    assert until(lambda: listens("127.0.0.1", port), timeout=10)

    assert machine.rehearse(machine.release(server=listen, port=port))


@pytest.mark.fault(28)
def test_what_was_broken_before_is_not_blamed_on_the_release(either: Machine) -> None:
    (either.sites / "shop.conf").write_text("Nonsense\n")

    refused = refusal(either, either.release())

    assert "shop.conf" in refused.cause
    assert "broken before this run" in refused.hint
    (either.sites / "shop.conf").unlink()


def test_a_default_virtual_host_is_not_taken_from_somebody_else(whole: Machine) -> None:
    shop = whole.sites / "shop.conf"
    port = whole.lab.https_port
    shop.write_text(f"<VirtualHost *:{port}>\nServerName shop.test\n</VirtualHost>\n")

    refused = refusal(whole, whole.release())

    assert refused.cause == f"*:{port} is answered by {shop} today"
    assert "mtls_default_vhost: leave" in refused.hint
    assert whole.rehearse(whole.release(include="zzz-deployer.conf")) == "whole"


def test_one_address_is_not_taken_from_somebody_who_answers_on_all(whole: Machine) -> None:
    shop = whole.sites / "shop.conf"
    port = whole.lab.https_port
    shop.write_text(f"<VirtualHost *:{port}>\nServerName shop.test\n</VirtualHost>\n")

    refused = refusal(whole, whole.release(address="127.0.0.1", include="zzz-deployer.conf"))

    assert refused.cause == f"127.0.0.1:{port} is answered by {shop} today"


def test_a_module_is_enabled_inside_the_rehearsal_only(debian: Machine) -> None:
    before = debian.configuration()

    with untouched(debian):
        assert debian.rehearse(debian.release()) == "whole"

    assert debian.configuration() == before
    assert "ssl" not in debian.observe().modules


@pytest.mark.fault(37, how="a module that is not there")
def test_a_missing_module_is_named(debian: Machine) -> None:
    refused = refusal(debian, debian.release(modules=("ssl", "nonesuch")))

    assert "nonesuch" in refused.cause
    assert "package manager" in refused.hint


@pytest.mark.parametrize("where", ["whole", "shadow"])
def test_a_rehearsal_that_is_killed_leaves_no_server(
    where: str, request: pytest.FixtureRequest
) -> None:
    machine: Machine = request.getfixturevalue(where)
    # It waits for a port on which nobody will listen, so there is time.
    name = machine.stage(machine.release())
    before = apaches(machine)
    words = (*claim(machine), name, "ssl", str(machine.lab.https_port))
    killed = threaded(lambda: machine.host.run("rehearse", *words))
    assert until(lambda: bool(apaches(machine) - before), timeout=60)

    for pid in rehearsals_of(name):
        with suppress(ProcessLookupError):  # the one outside takes the one inside with it
            os.kill(pid, signal.SIGKILL)
    killed()

    assert machine.rehearse(machine.release()) == where
    assert until(lambda: apaches(machine) == before, timeout=60)


def rehearsals_of(release: str) -> list[int]:
    """Find the scripts that rehearse this release, and not those of another test."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = entry.joinpath("cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:2] == [b"sh", b"-c"] and {b"rehearse", release.encode()} <= set(words):
            found.append(int(entry.name))
    return found


def threaded(work: Callable[[], object]) -> Callable[[], None]:
    thread = threading.Thread(target=work)
    thread.start()
    return thread.join
