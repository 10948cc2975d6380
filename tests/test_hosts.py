"""The test hosts themselves: real, alone, quick to start, and gone afterwards."""

import io
import socket
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from deployer.errors import DeployerError
from deployer.sandbox import Sandbox
from deployer.sandbox.processes import until
from tests.hosts.fleet import Fleet, FleetHost
from tests.hosts.host import LabHost
from tests.hosts.prober import Prober, fetch, listens
from tests.hosts.sandbox import SandboxHost

ROOT = Path(__file__).parent.parent


def ssh(
    host: LabHost, command: str, *, user: str = "", stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    options = ["BatchMode=yes", "IdentitiesOnly=yes", f"UserKnownHostsFile={host.known_hosts}"]
    return subprocess.run(
        [
            *("ssh", "-F", "none", "-p", str(host.ssh_port), "-i", str(host.private_key_file)),
            *(word for option in options for word in ("-o", option)),
            *(f"{user or host.user}@{host.address}", command),
        ],
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def test_a_host_is_reached_over_ssh_with_its_key_known(any_host: LabHost) -> None:
    answer = ssh(any_host, "id -un; cat", stdin="through the connection")

    assert answer.stderr == ""
    assert answer.stdout == f"{any_host.user}\nthrough the connection"


def test_a_session_starts_without_the_users_own_settings(any_host: LabHost) -> None:
    home = ssh(any_host, 'ls -A "$HOME"')

    assert home.returncode == 0
    assert home.stdout == ""


def test_a_host_already_serves_a_site(any_host: LabHost) -> None:
    assert fetch(any_host.site_url).status == 200


def test_a_host_is_looked_at_and_changed_past_ssh(any_host: LabHost) -> None:
    path = f"{any_host.document_root}/deep/page.html"

    any_host.write(path, "a page\n", mode=0o600)

    assert any_host.read(path) == b"a page\n"
    assert any_host.root.joinpath(path.lstrip("/")).read_bytes() == b"a page\n"
    assert any_host.exec(["stat", "-c", "%a", path]).stdout == b"600\n"
    with pytest.raises(AssertionError, match="exited 3: out of cheese"):
        any_host.exec(["sh", "-c", "echo out of cheese >&2; exit 3"])


def test_the_layout_names_a_configuration_that_apache_accepts(any_host: LabHost) -> None:
    layout = any_host.layout
    environment = f". {layout.envvars};" if layout.envvars else ""
    command = " ".join(layout.httpd)

    said = any_host.exec(["sh", "-c", f"{environment} exec {command} -t"])

    assert b"Syntax OK" in said.stderr


def test_a_dead_apache_is_brought_back_by_the_layouts_own_command(any_host: LabHost) -> None:
    stop(any_host)

    any_host.exec(any_host.layout.start)

    assert until(lambda: listens(any_host.address, any_host.http_port), timeout=10)
    assert fetch(any_host.site_url).status == 200


def test_a_prober_sees_no_failure_during_a_graceful_reload(any_host: LabHost) -> None:
    log = f"{any_host.layout.private_dirs[-1]}/error.log"
    generations = any_host.read(log).count(b"resuming normal operations")

    with Prober(any_host.site_url) as prober:
        any_host.exec(any_host.layout.reload)
        assert until(
            lambda: any_host.read(log).count(b"resuming normal operations") > generations,
            timeout=10,
        )
        prober.wait_for_more(10)

    assert prober.failures == ()


def test_a_prober_sees_apache_stop(any_host: LabHost) -> None:
    with Prober(any_host.site_url) as prober:
        before = prober.failures
        stop(any_host)
        prober.wait_for(lambda seen: not seen[-1].ok)

    assert before == ()
    assert "refused" in prober.failures[-1].detail


def test_a_prober_sees_an_outage_as_short_as_one_restart(any_host: LabHost) -> None:
    with Prober(any_host.site_url) as prober:
        stop(any_host)
        prober.wait_for_more()
        any_host.exec(any_host.layout.start)
        prober.wait_for(lambda seen: seen[-1].ok)

    assert prober.failures
    assert prober.observations[0].ok
    assert prober.observations[-1].ok


def test_a_prober_takes_a_wrong_page_for_a_failure(sandbox: Sandbox) -> None:
    with Prober(f"http://{sandbox.address}:{sandbox.http_port}/missing") as prober:
        pass

    assert prober.failures == prober.observations
    assert "answered 404" in prober.failures[0].detail


def test_a_prober_calls_what_it_is_given_on_a_steady_beat() -> None:
    calls = iter(range(1000))

    def ask() -> str:
        if (number := next(calls)) == 7:
            raise ValueError("seven")
        return f"call {number}"

    with Prober(ask) as prober:
        prober.wait_for(lambda seen: len(seen) >= 25)

    assert [(one.detail, one.ok) for one in prober.failures] == [("ValueError: seven", False)]
    assert prober.observations[8].detail == "call 8"
    first, last = prober.observations[0].at, prober.observations[24].at
    assert last - first >= 24 * 0.02 * 0.9


# The sandbox


def test_a_closed_sandbox_leaves_no_process_not_even_a_detached_one(room: Path) -> None:
    with Sandbox.start(room / "sandbox") as sandbox:
        host = SandboxHost(sandbox)
        started = ssh(host, "setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $!")
        detached = int(started.stdout)
        apache = int(host.read(sandbox.layout.pid_file))
        assert is_running(detached)

    assert not is_running(detached)
    assert not is_running(apache)
    assert not listens(sandbox.address, sandbox.ssh_port)
    assert not listens(sandbox.address, sandbox.http_port)


def test_a_sandbox_whose_owner_was_killed_is_cleared_by_the_next(room: Path) -> None:
    directory = room / "sandbox"
    script = (
        "import sys; from pathlib import Path; from deployer.sandbox import Sandbox\n"
        "s = Sandbox.start(Path(sys.argv[1])); print(s.ssh_port, s.http_port, flush=True)\n"
        "sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script, str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as owner:
        assert owner.stdout is not None
        old = [int(port) for port in owner.stdout.readline().split()]
        owner.kill()
    left = directory / "apache" / "sites" / "left.conf"
    left.write_text("Bogus\n")
    assert all(listens("127.0.0.1", port) for port in old)

    with Sandbox.start(directory) as sandbox:
        assert fetch(SandboxHost(sandbox).site_url).status == 200
        assert not left.exists()
        new = {sandbox.ssh_port, sandbox.http_port, sandbox.https_port}
        assert not [port for port in old if port not in new and listens("127.0.0.1", port)]


def test_a_sandbox_removes_nothing_that_it_did_not_make(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("ten years")

    with pytest.raises(DeployerError, match="is not empty and is not a sandbox"):
        Sandbox.start(tmp_path)

    assert (tmp_path / "thesis.txt").read_text() == "ten years"


def test_a_path_that_servers_would_misread_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DeployerError, match="unusual characters"):
        Sandbox.start(tmp_path / "50% ${HOME}")


def test_a_port_stays_ours_while_apache_is_down(sandbox: Sandbox) -> None:
    host = SandboxHost(sandbox)
    stop(host)

    with pytest.raises(OSError, match="in use"), _bound(sandbox.http_port):
        pass


def test_two_sandboxes_live_side_by_side(room: Path) -> None:
    with Sandbox.start(room / "a") as one, Sandbox.start(room / "b") as other:
        assert fetch(SandboxHost(one).site_url).status == 200
        one.close()
        assert fetch(SandboxHost(other).site_url).status == 200


SELF_TEST = """
import subprocess, sys, urllib.request
from pathlib import Path
sys.path.insert(0, "/opt/checkout")
from deployer.errors import DeployerError
from deployer.sandbox import Sandbox
try:
    with Sandbox.start(Path("/tmp/sandbox")) as s:
        print(urllib.request.urlopen(f"http://127.0.0.1:{s.http_port}/").status)
        subprocess.run(
            ["ssh", "-F", "none", "-p", str(s.ssh_port), "-i", s.private_key_file,
             "-o", "BatchMode=yes", "-o", f"UserKnownHostsFile={s.known_hosts}",
             f"{s.user}@127.0.0.1", "id -un"],
        )
except DeployerError as error:
    print(error.message, "/", error.hint)
"""


def run_sandbox_on(host: FleetHost, user: str) -> str:
    """Run a sandbox on a fleet host, whose accounts and packages we may change."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(ROOT / "deployer", "deployer", filter=without_caches)
    host.exec(["mkdir", "-p", "/opt/checkout"])
    host.exec(["tar", "-xC", "/opt/checkout", "--no-same-owner"], stdin=packed.getvalue())
    host.write("/opt/checkout/self_test.py", SELF_TEST)
    python = ["env", "LD_LIBRARY_PATH=/opt/python/lib", "/opt/python/bin/python3", "-u"]
    done = host.exec(["runuser", "-u", user, "--", *python, "/opt/checkout/self_test.py"])
    return done.stdout.decode()


def without_caches(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    return None if member.name.endswith("__pycache__") else member


def test_a_plain_user_can_run_a_sandbox(fleet_host: FleetHost) -> None:
    account = fleet_host.plain_user()

    assert run_sandbox_on(fleet_host, account.user) == f"200\n{account.user}\n"


def test_root_can_run_a_sandbox_although_its_password_is_locked(fleet_host: FleetHost) -> None:
    fleet_host.exec(["usermod", "--password", "!", "root"])

    assert run_sandbox_on(fleet_host, "root") == "200\nroot\n"


def test_a_missing_apache_is_named_with_the_command_that_installs_it(fleet: Fleet) -> None:
    host = fleet.host(apache="absent")

    said = run_sandbox_on(host, host.user)

    assert said == "apache2 is not installed / sudo apt-get install apache2\n"
    host.kill()


# The fleet


def test_fleet_hosts_are_alone_with_their_names_processes_and_files(fleet: Fleet) -> None:
    one, other = fleet.hosts(2)
    one.write("/etc/only-here", "")
    sleeper = one.exec(["sh", "-c", "setsid sleep 600 >/dev/null 2>&1 </dev/null & echo $!"])

    assert one.exec(["hostname"]).stdout.decode().strip() == one.name
    assert other.exec(["hostname"]).stdout.decode().strip() == other.name
    assert one.read("/etc/machine-id") != other.read("/etc/machine-id")
    assert other.exec(["test", "-e", "/etc/only-here"], check=False).status == 1
    assert not Path("/etc/only-here").exists()
    assert b"sleep" in one.exec(["ps", "-e"]).stdout
    assert b"sleep" not in other.exec(["ps", "-e"]).stdout
    assert int(sleeper.stdout) < 1000
    assert fetch(one.site_url).body == fetch(other.site_url).body
    one.kill()
    assert fetch(other.site_url).status == 200
    other.kill()


def test_a_fleet_host_has_debians_apache_as_installed(fleet_host: FleetHost) -> None:
    modules = fleet_host.exec(["apache2ctl", "-M"]).stdout
    sites = fleet_host.exec(["ls", "/etc/apache2/sites-enabled"]).stdout

    assert b"mpm_event" in modules
    assert b"ssl_module" not in modules
    assert sites == b"000-default.conf\n"
    assert not listens(fleet_host.address, 443)


def test_a_process_that_ends_on_a_fleet_host_does_not_stay_a_zombie(fleet_host: FleetHost) -> None:
    pid = fleet_host.read(fleet_host.layout.pid_file).decode().strip()

    fleet_host.exec(["kill", "-9", pid])

    gone = ["sh", "-c", f"! kill -0 {pid}"]
    assert until(lambda: fleet_host.exec(gone, check=False).status == 0, timeout=5)


def test_a_fleet_host_starts_in_well_under_a_second(fleet: Fleet) -> None:
    def start() -> float:
        began = time.monotonic()
        host = fleet.host()
        seconds = time.monotonic() - began
        host.kill()
        return seconds

    # The best of several: another program may be busy, and that is not what is measured.
    assert min(start() for _ in range(5)) < 0.5


def test_twenty_fleet_hosts_start_at_once(fleet: Fleet) -> None:
    hosts = fleet.hosts(20)

    assert len({host.address for host in hosts}) == 20
    assert all(fetch(host.site_url).status == 200 for host in hosts)
    assert all(listens(host.address, host.ssh_port) for host in hosts)
    for host in hosts:
        host.kill()


@pytest.mark.slow
def test_a_hundred_fleet_hosts_run_together(fleet: Fleet) -> None:
    hosts = fleet.hosts(100)

    assert all(fetch(host.site_url).status == 200 for host in hosts)
    for host in hosts:
        host.kill()


@pytest.mark.usefixtures("fleet")  # which knows whether one may be had here
def test_a_closed_fleet_leaves_nothing_behind(tmp_path: Path) -> None:
    with Fleet.start(tmp_path) as other:
        host = other.host()
        host.exec(["sh", "-c", "setsid sleep 600 >/dev/null 2>&1 </dev/null &"])
        inside = processes_in(host)
        assert len(inside) >= 4
        devices = {path.name for path in Path("/sys/class/net").iterdir()}
        assert host.cable in devices
        indices = {interface_index(host.cable), interface_index(other.bridge)}

    assert not [pid for pid in inside if is_running(pid)]
    left = {interface_index(path.name) for path in Path("/sys/class/net").iterdir()}
    assert indices.isdisjoint(left)
    assert str(tmp_path) not in Path("/proc/mounts").read_text()


@pytest.mark.usefixtures("fleet")
def test_a_killed_test_process_takes_its_fleet_with_it(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from tests.hosts.fleet import Fleet\n"
        "fleet = Fleet.start(Path(sys.argv[1])); host = fleet.host()\n"
        "print(host.pid, fleet.bridge, flush=True); sys.stdin.read()"
    )
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path / "first")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as owner:
        assert owner.stdout is not None
        pid, bridge = owner.stdout.readline().decode().split()
        index = interface_index(bridge)
        assert index
        owner.kill()

    assert until(lambda: not is_running(int(pid)), timeout=10)
    with Fleet.start(tmp_path / "second"):
        assert interface_index(bridge) != index


def test_sudo_works_without_a_password_where_it_should(fleet_host: FleetHost) -> None:
    admin = fleet_host.sudo_user()

    assert ssh(fleet_host, "sudo -n id -un", user=admin.user).stdout == "root\n"


def test_sudo_asks_for_a_password_where_it_should(fleet_host: FleetHost) -> None:
    admin = fleet_host.sudo_user(password="correct horse")

    refused = ssh(fleet_host, "sudo -n id -un", user=admin.user)
    wrong = ssh(fleet_host, "sudo -S id -un", user=admin.user, stdin="battery staple\n")
    right = ssh(fleet_host, "sudo -S id -un", user=admin.user, stdin=f"{admin.password}\n")

    assert refused.returncode == wrong.returncode == 1
    assert right.stdout == "root\n"


def test_sudo_refuses_a_plain_user(fleet_host: FleetHost) -> None:
    guest = fleet_host.plain_user()

    assert ssh(fleet_host, "id -un", user=guest.user).stdout == "guest\n"
    assert ssh(fleet_host, "sudo -n id -un", user=guest.user).returncode == 1


def test_a_fleet_host_can_start_with_a_fault(fleet: Fleet) -> None:
    host = fleet.host(
        apache="stopped",
        tmpfs={"/etc/apache2/deployer": "size=64k"},
        files={"/etc/apache2/sites-enabled/broken.conf": "Bogus\n"},
    )

    assert not listens(host.address, 80)
    assert b"Bogus" in host.exec(["apache2ctl", "-t"], check=False).stderr
    with pytest.raises(AssertionError, match="No space left"):
        host.write("/etc/apache2/deployer/large", bytes(100_000))
    host.kill()


def test_connections_live_on_when_another_host_leaves_the_network(fleet: Fleet) -> None:
    address = Path("/sys/class/net", fleet.bridge, "address")
    hosts = fleet.hosts(3)
    before = address.read_text()
    for host in hosts[1:]:
        host.kill()
    gone = until(
        lambda: not any(Path("/sys/class/net", one.cable).exists() for one in hosts[1:]), timeout=10
    )

    assert gone
    assert address.read_text() == before
    assert ssh(hosts[0], "echo here").stdout == "here\n"


def test_an_unplugged_host_is_lost_in_silence_and_comes_back(fleet_host: FleetHost) -> None:
    fleet_host.unplug()
    with pytest.raises(OSError, match=r"timed out|No route"):
        fetch(fleet_host.site_url, timeout=0.5)

    fleet_host.plug()

    assert until(answers(fleet_host), timeout=10)


def answers(host: LabHost) -> Callable[[], bool]:
    return lambda: listens(host.address, host.http_port)


def stop(host: LabHost) -> None:
    """Stop Apache at once and wait until its port is closed."""
    pid = host.read(host.layout.pid_file).decode().strip()
    host.exec(["kill", "-TERM", pid])
    assert until(lambda: not listens(host.address, host.http_port), timeout=10)
    assert until(
        lambda: host.exec(["test", "-e", host.layout.pid_file], check=False).status == 1, timeout=10
    )


def is_running(pid: int) -> bool:
    """Say whether a process exists and is not just waiting for its parent to notice its end."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] not in {"Z", "X"}


def processes_in(host: FleetHost) -> list[int]:
    """List a host's processes as this machine numbers them."""
    namespace = Path(f"/proc/{host.pid}/ns/pid").readlink()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if (entry / "ns" / "pid").readlink() == namespace:
                found.append(int(entry.name))
    return found


def interface_index(name: str) -> int:
    try:
        return int(Path("/sys/class/net", name, "ifindex").read_text())
    except OSError:
        return 0


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    try:
        made.bind(("127.0.0.1", port))
    except OSError:
        made.close()
        raise
    return made
