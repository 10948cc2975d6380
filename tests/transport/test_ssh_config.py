"""What ssh_config says is done, as `ssh` itself reads it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from deployer.errors import Unreachable
from deployer.spec.connection import Connection, Defaults, connection
from deployer.transport.route import DEFAULT_KNOWN_HOSTS, Hop, Route
from deployer.transport.ssh_config import SshConfig
from tests.inventory import written

Find = Callable[..., Route]


@pytest.fixture
def find(tmp_path: Path) -> Find:
    """Settle the way to `web1` with a configuration of one file."""

    def found(text: str, **said: object) -> Route:
        file = tmp_path / "ssh_config"
        file.write_text(text)
        values = {"name": "web1", "address": "web1", "config_file": str(file), **said}
        return SshConfig().route(Connection(**values))  # type: ignore[arg-type]

    return found


def test_a_host_of_which_nothing_is_said_is_reached_as_it_is(find: Find) -> None:
    route = find("", user="me")

    assert (route.address, route.port, route.user) == ("web1", 22, "root")
    assert route.hops == ()
    assert route.proxy_command == ""
    assert route.identity_files == ()
    assert route.known_hosts == DEFAULT_KNOWN_HOSTS
    assert route.algorithms.ciphers is None


def test_host_match_and_include_are_followed(find: Find, tmp_path: Path) -> None:
    (tmp_path / "more").write_text("Host web*\n  Port 2222\n  User deploy\n")
    route = find(f"""
        Include {tmp_path}/more
        Match originalhost web1 exec "test %p = 2222"
            HostName web1.internal
            ConnectTimeout 7
        Host *
            Port 2223
            ConnectionAttempts 3
            Compression yes
            AddressFamily inet6
            BindAddress ::1
    """)

    assert (route.address, route.port, route.user) == ("web1.internal", 2222, "deploy")
    assert (route.connect_timeout, route.attempts, route.compression) == (7, 3, True)
    assert (route.family, route.bind_address) == ("inet6", "::1")


def test_what_the_inventory_says_wins(find: Find) -> None:
    options = (("port", "1"), ("user", "a"), ("user", "b"), ("proxyjump", "mine"))

    route = find("Host *\n  Port 2\n  User c\n  ProxyJump theirs\n", options=options)

    assert (route.port, route.user, route.hops) == (1, "a", (Hop(name="mine"),))


@pytest.mark.parametrize(
    ("text", "hops"),
    [
        ("one", [Hop(name="one")]),
        ("a@one:2222,two", [Hop(name="one", user="a", port=2222), Hop(name="two")]),
        ("ssh://a@one:2222", [Hop(name="one", user="a", port=2222)]),
        ("[2001:db8::1]:22", [Hop(name="2001:db8::1", port=22)]),
        ("none", []),
    ],
)
def test_jump_hosts_are_read_in_every_form(find: Find, text: str, hops: list[Hop]) -> None:
    route = find(f"ProxyJump {text}")

    assert route.hops == tuple(hops)


def test_keys_and_their_tokens_are_found(
    find: Find, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEYS", str(tmp_path))
    route = find(
        """
        Host web1
            HostName web1.internal
            IdentityFile ${KEYS}/%h-%n-%r-%p-%%
            CertificateFile ~/%n-cert.pub
            IdentitiesOnly yes
            IdentityAgent none
            User deploy
            PreferredAuthentications publickey,keyboard-interactive
        """,
        private_key_file="mine",
        options=(("identityfile", "mine"),),
    )

    assert route.private_key_file == Path("mine")
    assert route.identity_files == (tmp_path / "web1.internal-web1-deploy-22-%",)
    assert route.certificate_files == (Path.home() / "web1-cert.pub",)
    assert route.identities_only
    assert route.agent == "none"
    assert route.methods == {"publickey", "keyboard-interactive"}


def test_a_key_may_have_a_space_in_its_name() -> None:
    host = written.host('ansible_ssh_private_key_file: "/keys/my key"')
    said = connection(host, Defaults(config_file="none"))

    route = SshConfig().route(said)

    assert route.private_key_file == Path("/keys/my key")
    assert route.identity_files == ()


def test_host_keys_are_looked_for_where_it_says(find: Find, tmp_path: Path) -> None:
    route = find(f"""
        UserKnownHostsFile {tmp_path}/%n "{tmp_path}/other"
        GlobalKnownHostsFile none
        HostKeyAlias the-web
        RevokedHostKeys {tmp_path}/revoked
        StrictHostKeyChecking accept-new
        HashKnownHosts yes
        HostKeyAlgorithms ssh-ed25519
        Ciphers aes256-ctr,aes128-ctr
    """)

    assert route.known_hosts[0] == tmp_path / "web1"
    assert route.known_as == "the-web"
    assert route.revoked_host_keys == tmp_path / "revoked"
    assert (route.accept_new, route.hashed_names) == (True, True)
    assert route.algorithms.host_keys == ("ssh-ed25519",)
    assert route.algorithms.ciphers == ("aes256-ctr", "aes128-ctr")
    assert route.algorithms.kex is None


def test_known_hosts_of_the_command_line_win(tmp_path: Path) -> None:
    config = SshConfig(known_hosts=[tmp_path / "ours"])
    said = Connection(name="web1", address="web1", options=(("userknownhostsfile", "/dev/null"),))

    assert config.route(said).known_hosts == (tmp_path / "ours",)


def test_a_proxy_command_is_ready_to_run(find: Find) -> None:
    route = find("Host web1\n  HostName w.internal\n  ProxyCommand nc -X 5 %h %p %r %n 100%%\n")

    assert route.proxy_command == "nc -X 5 w.internal 22 root web1 100%"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Bogus 1", "line 1: Bad configuration option: bogus"),
        ("ProxyUseFdpass yes", "it sets proxyusefdpass, which only the program ssh can follow"),
        ("BindInterface lo", "it sets bindinterface"),
        ("ProxyCommand nc %z", "%z means nothing here"),
        ("IdentityFile ${NO_SUCH_THING}/x", "no environment variable NO_SUCH_THING"),
        ("ProxyJump a/b", "ssh_config"),
    ],
)
def test_what_cannot_be_followed_is_said_before_anything_is_connected(
    find: Find, text: str, said: str
) -> None:
    with pytest.raises(Unreachable) as refused:
        find(text)

    assert refused.value.step == "ssh_config"
    assert said in refused.value.message


def test_options_that_only_help_to_log_in_are_kept_for_the_error(find: Find) -> None:
    route = find("PKCS11Provider /usr/lib/p11.so\nGSSAPIAuthentication yes\n")

    assert route.beyond_us == ("pkcs11provider", "gssapiauthentication")


def test_without_the_program_what_it_would_have_to_read_is_refused() -> None:
    config = SshConfig(program=None)
    plain = Connection(name="web1", address="w", port=2222, user="me", options=(("port", "2222"),))

    assert (config.route(plain).address, config.route(plain).port) == ("w", 2222)
    with pytest.raises(Unreachable, match="no program ssh here"):
        config.route(Connection(name="web1", address="w", options=(("proxyjump", "a"),)))
    with pytest.raises(Unreachable, match="no program ssh here"):
        config.route(Connection(name="web1", address="w", config_file="theirs"))
