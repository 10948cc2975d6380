"""Ways to a host that is not reached directly, and hosts that an authority vouches for."""

import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployer.errors import Interrupted, Unreachable
from deployer.spec.connection import Connection
from deployer.transport.deadlines import Deadlines
from deployer.transport.session import SSH
from deployer.transport.ssh import Connections
from deployer.transport.ssh_config import SshConfig
from tests.transport.sshd import Sshd, keygen, sshd, wait_for


@dataclass(frozen=True)
class Neighbourhood:
    """A target, two hosts on the way to it, and a configuration that knows them."""

    directory: Path
    one: Sshd
    two: Sshd
    target: Sshd

    @property
    def config(self) -> str:
        known = self.directory / "known_hosts"
        hosts = {"one": self.one, "two": self.two, "target": self.target}
        known.write_text(
            "".join(f"[127.0.0.1]:{host.port} {host.host_key()}\n" for host in hosts.values())
        )
        sections = [
            f"Host {name}\n HostName 127.0.0.1\n Port {host.port}\n IdentityFile {host.key}\n"
            for name, host in hosts.items()
        ]
        return "".join(sections) + f"Host *\n UserKnownHostsFile {known}\n"

    @contextmanager
    def connected(
        self, before: str, *, timeouts: Deadlines | None = None, **said: object
    ) -> Iterator[SSH]:
        with (
            self.connections(timeouts) as connections,
            closing(connections.connect(self.way(before, **said))) as ssh,
        ):
            yield ssh

    @contextmanager
    def connections(self, timeouts: Deadlines | None = None) -> Iterator[Connections]:
        with closing(Connections(SshConfig(), timeouts=timeouts)) as connections:
            yield connections

    def way(self, before: str, **said: object) -> Connection:
        file = self.directory / "ssh_config"
        file.write_text(before + "\n" + self.config)
        values = {"name": "web1", "address": "target", "config_file": str(file), **said}
        return Connection(**values)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Sshd, Sshd, Sshd]]:
    make = tmp_path_factory.mktemp
    with sshd(make("one")) as one, sshd(make("two")) as two, sshd(make("target")) as target:
        yield one, two, target


@pytest.fixture
def neighbourhood(servers: tuple[Sshd, Sshd, Sshd], tmp_path: Path) -> Neighbourhood:
    return Neighbourhood(tmp_path, *servers)


def lengths(*servers: Sshd) -> list[int]:
    return [len(server.log()) for server in servers]


def logins(server: Sshd, position: int) -> int:
    return server.log()[position:].count("Accepted publickey")


def test_a_chain_of_jump_hosts_leads_to_the_target(neighbourhood: Neighbourhood) -> None:
    way = neighbourhood
    before = lengths(way.one, way.two, way.target)

    with way.connected("Host target\n ProxyJump one,two\n") as ssh:
        payload = bytes(range(256)) * 8192
        assert ssh.run(["cat"], stdin=payload, timeout=20).stdout == payload

    servers = (way.one, way.two, way.target)
    assert [logins(s, n) for s, n in zip(servers, before, strict=True)] == [1, 1, 1]


def test_a_jump_host_may_lie_behind_another_of_its_own(neighbourhood: Neighbourhood) -> None:
    way = neighbourhood
    before = lengths(way.one)

    with way.connected("Host target\n ProxyJump two\nHost two\n ProxyJump one\n") as ssh:
        assert ssh.run(["true"], timeout=20).status == 0

    assert logins(way.one, before[0]) == 1


def test_a_jump_host_for_everybody_does_not_go_through_itself(
    neighbourhood: Neighbourhood,
) -> None:
    with neighbourhood.connected("Host *\n ProxyJump one\n") as ssh:
        assert ssh.run(["true"], timeout=20).status == 0


def test_jump_hosts_in_a_circle_are_an_error(neighbourhood: Neighbourhood) -> None:
    circle = "Host target two\n ProxyJump one\nHost one\n ProxyJump two\n"

    with pytest.raises(Unreachable, match="circle"), neighbourhood.connected(circle):
        pass


def test_many_hosts_share_one_connection_to_their_jump_host(neighbourhood: Neighbourhood) -> None:
    way = neighbourhood
    before = lengths(way.one, way.target)

    with way.connections() as connections, ThreadPoolExecutor(8) as pool:
        connection = way.way("Host target\n ProxyJump one\n")
        found = list(pool.map(lambda _: connections.connect(connection), range(8)))
        said = pool.map(lambda ssh: ssh.run(["echo", "here"], timeout=20).stdout, found)
        assert set(said) == {b"here\n"}
        for ssh in found:
            ssh.close()

    assert logins(way.one, before[0]) == 1
    assert logins(way.target, before[1]) == 8


def test_a_jump_host_that_was_lost_is_connected_to_again(neighbourhood: Neighbourhood) -> None:
    way = neighbourhood
    with way.connections() as connections:
        connection = way.way("Host target\n ProxyJump one\n")
        with closing(connections.connect(connection)):
            way.one.cut()
        wait_for(lambda: None if way.one.processes() else True, "end of the connections")

        with closing(connections.connect(connection)) as ssh:
            assert ssh.run(["true"], timeout=20).status == 0


def test_a_jump_host_that_refuses_us_is_named_and_not_asked_by_every_host(
    neighbourhood: Neighbourhood, tmp_path: Path
) -> None:
    way = neighbourhood
    keygen(tmp_path / "stranger", "ed25519")
    only = f"IdentitiesOnly yes\n IdentityFile {tmp_path}/stranger\n"
    text = f"Host target\n ProxyJump jump\nHost jump\n {only} HostName 127.0.0.1\n"
    connection = way.way(f"{text} Port {way.one.port}\n")
    before = len(way.one.log())

    with way.connections() as connections:
        for _ in range(3):
            with pytest.raises(Unreachable) as refused:
                connections.connect(connection)

    assert refused.value.message.startswith(
        "web1: authenticate: on the way, at the jump host jump: the host accepts none"
    )
    way.one.log_from(before, until="Connection closed")
    assert way.one.log()[before:].count("Connection from") == 1


def test_a_jump_host_that_forwards_nothing_says_so(
    neighbourhood: Neighbourhood, tmp_path_factory: pytest.TempPathFactory
) -> None:
    home = tmp_path_factory.mktemp("closed")
    with sshd(home, extra="AllowTcpForwarding no") as closed:
        way = Neighbourhood(neighbourhood.directory, closed, closed, neighbourhood.target)
        refused = pytest.raises(Unreachable, match="jump host one forwards no TCP connections")
        with refused, way.connected("Host target\n ProxyJump one\n"):
            pass


@pytest.mark.fault(11, how="SIGSTOP for the sshd of a jump host")
def test_what_lies_behind_a_jump_host_may_be_silent(neighbourhood: Neighbourhood) -> None:
    way = neighbourhood
    short = Deadlines(connect=0.5, handshake=0.5, authenticate=0.5)
    with way.connections(short) as connections:
        connection = way.way("Host target\n ProxyJump one\n")
        with closing(connections.connect(connection)) as ssh:
            way.one.freeze()
            try:
                with pytest.raises(Unreachable, match=r"web1: (connect|banner): "):
                    connections.connect(connection)
                with pytest.raises(Interrupted, match=r"true did not end"):
                    ssh.run(["true"], timeout=0.5)
            finally:
                assert way.one.thaw()


def test_a_proxy_command_is_a_way(neighbourhood: Neighbourhood) -> None:
    script = neighbourhood.directory / "proxy"
    script.write_text(
        "import socket, sys, threading, os\n"
        "wire = socket.create_connection((sys.argv[1], int(sys.argv[2])))\n"
        "def up():\n"
        "    while data := os.read(0, 65536): wire.sendall(data)\n"
        "    os._exit(0)\n"
        "threading.Thread(target=up, daemon=True).start()\n"
        "while data := wire.recv(65536): os.write(1, data)\n"
    )
    with neighbourhood.connected(f"ProxyCommand python3 {script} %h %p\n") as ssh:
        payload = bytes(range(256)) * 8192
        assert ssh.run(["cat"], stdin=payload, timeout=20).stdout == payload


def test_what_a_proxy_command_says_is_in_the_error(neighbourhood: Neighbourhood) -> None:
    command = "ProxyCommand echo no route to you >&2; false\n"

    refused = pytest.raises(Unreachable, match=r"banner: .*ProxyCommand says: no route to you")
    with refused, neighbourhood.connected(command):
        pass


def test_a_proxy_command_ends_with_its_connection(neighbourhood: Neighbourhood) -> None:
    marker = neighbourhood.directory / "ended"
    command = f"ProxyCommand sh -c 'trap \"touch {marker}; exit\" TERM; sleep 60 & wait'\n"
    short = Deadlines(handshake=0.5)

    refused = pytest.raises(Unreachable, match=r"banner: nothing for 0.5 s")
    with refused, neighbourhood.connected(command, timeouts=short):
        pass

    wait_for(lambda: marker.exists() or None, "end of the ProxyCommand")


@pytest.mark.fault(10, how="`MaxStartups 1` and six logins at once")
def test_a_busy_host_is_tried_again(tmp_path_factory: pytest.TempPathFactory) -> None:
    home = tmp_path_factory.mktemp("busy")
    with sshd(home, extra="MaxStartups 1\nLoginGraceTime 20") as busy:
        way = Neighbourhood(home, busy, busy, busy)
        connection = way.way("")
        gate = threading.Barrier(6)
        with way.connections() as connections, ThreadPoolExecutor(6) as pool:

            def log_in(_: int) -> int:
                gate.wait()
                with closing(connections.connect(connection)) as ssh:
                    return ssh.run(["true"], timeout=20).status

            assert list(pool.map(log_in, range(6))) == [0] * 6

        assert "MaxStartups" in busy.log()


def test_a_new_host_is_believed_once_where_ssh_config_says_so(
    neighbourhood: Neighbourhood, tmp_path_factory: pytest.TempPathFactory
) -> None:
    way = neighbourhood
    known = way.directory / "new_known_hosts"
    text = f"StrictHostKeyChecking accept-new\nUserKnownHostsFile {known}\nHostKeyAlias web\n"
    with way.connections() as connections:
        for _ in range(2):
            connections.connect(way.way(text)).close()
        # Another machine takes its place, in the middle of the run.
        with pytest.raises(Unreachable, match="the host key has changed"):
            connections.connect(way.way(text, address="one"))

    assert known.read_text() == f"web {way.target.host_key()}\n"


@pytest.mark.fault(14, how="`RevokedHostKeys`")
@pytest.mark.parametrize("accept", ["yes", "accept-new"])
def test_a_key_in_the_file_of_revoked_ones_is_never_believed(
    neighbourhood: Neighbourhood, accept: str
) -> None:
    way = neighbourhood
    revoked = way.directory / "revoked"
    revoked.write_text(f"# stolen\n{way.target.host_key()} web\n")
    known = way.directory / "new_known_hosts"
    text = (
        f"StrictHostKeyChecking {accept}\nUserKnownHostsFile {known}\nRevokedHostKeys {revoked}\n"
    )

    refused = pytest.raises(Unreachable, match=r"host key: .* is marked as revoked")
    with refused, way.connected(text):
        pass

    assert not known.exists()


def test_the_chain_that_is_named_wins_over_the_proxy_of_its_members(
    neighbourhood: Neighbourhood,
) -> None:
    text = "Host target\n ProxyJump one,two\nHost two\n ProxyCommand false\n"

    with neighbourhood.connected(text) as ssh:
        assert ssh.run(["true"], timeout=20).status == 0


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return keygen(tmp_path_factory.mktemp("authority") / "ca", "ed25519")


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory, authority: Path) -> Iterator[Sshd]:
    """An sshd with a certificate for `*.internal`, another key, and nothing in known_hosts."""
    home = tmp_path_factory.mktemp("certified")
    extra = f"HostCertificate {home}/host_ed25519-cert.pub"
    with sshd(home, extra=extra, prepare=lambda: sign(authority, home, "*.internal")) as running:
        yield running


def sign(authority: Path, home: Path, principals: str, *options: str) -> None:
    names = ["-n", principals] if principals else []
    key = home / "host_ed25519.pub"
    subprocess.run(
        ["ssh-keygen", "-q", "-s", authority, "-h", "-I", "web1", *names, *options, key],
        check=True,
    )


def reach_certified(
    server: Sshd, known: str, alias: str = "web1.internal", *, revoked: str = ""
) -> SSH:
    file = server.home / "known"
    file.write_text(known)
    (server.home / "revoked").write_text(f"{revoked}\n")
    options = (
        ("revokedhostkeys", str(server.home / "revoked")),
        ("userknownhostsfile", str(file)),
        ("hostkeyalias", alias),
        ("identityfile", str(server.key)),
    )
    connection = Connection(
        name="web1", address="127.0.0.1", config_file="none", options=(*options, port(server))
    )
    return Connections(SshConfig()).connect(connection)


def port(server: Sshd) -> tuple[str, str]:
    return "port", str(server.port)


def public(key: Path) -> str:
    return " ".join(Path(f"{key}.pub").read_text().split()[:2])


def test_a_host_with_a_certificate_of_a_known_authority_is_known(
    certified: Sshd, authority: Path
) -> None:
    known = f"@cert-authority *.internal {public(authority)}\n"

    with closing(reach_certified(certified, known)) as ssh:
        assert ssh.run(["true"], timeout=10).status == 0


@pytest.mark.fault(14, how="`ssh-keygen -s` for other names and by others, `@revoked`")
@pytest.mark.parametrize(
    ("known", "alias", "said"),
    [
        ("@cert-authority *.internal {ca}", "web1.external", "web1.external is not in known_hosts"),
        ("@cert-authority * {ca}", "web1.external", r"it is for \*\.internal and not for web1"),
        ("@cert-authority * {other}", "web1.internal", "its authority is not one"),
        ("@cert-authority * {ca}\n@revoked * {ca}", "web1.internal", "is marked as revoked"),
        ("@cert-authority * {ca}\n@revoked * {key}", "web1.internal", "is marked as revoked"),
        ("@cert-authority * {ca}\nREVOKED {ca}", "web1.internal", "is marked as revoked"),
        ("@cert-authority * {ca}\nREVOKED {key}", "web1.internal", "is marked as revoked"),
    ],
)
def test_a_certificate_proves_what_it_says_and_no_more(
    certified: Sshd, authority: Path, tmp_path: Path, known: str, alias: str, said: str
) -> None:
    other = public(keygen(tmp_path / "other", "ed25519"))
    text = known.format(ca=public(authority), other=other, key=certified.host_key())

    lines, _, revoked = text.partition("REVOKED ")

    with pytest.raises(Unreachable, match=f"web1: host key: .*{said}"):
        reach_certified(certified, lines + "\n", alias, revoked=revoked)


def test_a_host_known_by_its_key_needs_no_certificate(certified: Sshd, tmp_path: Path) -> None:
    other = public(keygen(tmp_path / "other", "ed25519"))
    known = f"@cert-authority * {other}\nweb1.internal {certified.host_key()}\n"

    with closing(reach_certified(certified, known)) as ssh:
        assert ssh.run(["true"], timeout=10).status == 0


@pytest.mark.fault(14, how="`ssh-keygen -s -V` for other years")
@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-V", "20200101:20210101"], "it has expired"),
        (["-V", "20900101:20910101"], "it is not valid yet"),
        (["-O", "critical:new@example.com=1"], "it demands what we do not know: new@example.com"),
        ([], ""),
    ],
)
def test_certificates_are_checked_as_openssh_does(
    tmp_path_factory: pytest.TempPathFactory, authority: Path, options: list[str], said: str
) -> None:
    home = tmp_path_factory.mktemp("dated")
    extra = f"HostCertificate {home}/host_ed25519-cert.pub"
    known = f"@cert-authority * {public(authority)}\n"
    with sshd(home, extra=extra, prepare=lambda: sign(authority, home, "", *options)) as server:
        ours = openssh = ""
        try:
            reach_certified(server, known).close()
        except Unreachable as error:
            ours = error.message
        tried = subprocess.run(
            [
                *("ssh", "-F", "none", "-o", f"UserKnownHostsFile={home}/known"),
                *("-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"),
                *("-o", "HostKeyAlias=web1.internal", "-i", str(server.key)),
                *("-p", str(server.port), "127.0.0.1", "true"),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
        openssh = tried.stderr if tried.returncode else ""

    assert said in ours
    assert bool(ours) == bool(openssh), openssh
