"""One answer of `ssh -G` serves every host where it would be the same for each, and only there."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from deployer.spec.connection import Connection
from deployer.transport.route import Route
from deployer.transport.ssh_answer import is_plain, is_port
from deployer.transport.ssh_config import SshConfig


class Counted(SshConfig):
    """Counts how often ssh is asked."""

    asked = 0

    def _run(self, host: str, arguments: Sequence[str]) -> tuple[dict[str, list[str]], str]:
        self.asked += arguments[-1] != "localhost"
        settings, said = super()._run(host, arguments)
        return {name: list(values) for name, values in settings.items()}, said


def routes(config: SshConfig, file: Path, addresses: Sequence[str]) -> list[Route]:
    return [
        config.route(
            Connection(
                name=f"web{number}",
                address=address,
                port=2200 + number,
                options=(("port", str(2200 + number)),),
                config_file=str(file),
            )
        )
        for number, address in enumerate(addresses)
    ]


SAME = [
    "  # Host web1\n#  ProxyCommand ssh -W %h:%p gateway\n",
    "Compression yes\nUser deploy\n",
    "Host *\n  IdentityFile ~/keys/%h\n  SendEnv LANG\n",
    "  host = *\nServerAliveInterval 5\nMatch all\nUser other\nInclude more/*\n",
]
DIFFERENT = [
    "UserKnownHostsFile ~/%n\n",
    "UserKnownHostsFile ~/%p\n",
    "UserKnownHostsFile ~/%C\n",
    "Host web*\n  User deploy\n",
    "Host * !10.0.0.2\n  User deploy\n",
    "Match host 10.0.0.1\n  User deploy\n",
    '"Host" 10.0.0.1\n  User deploy\n',
    "HostName %h.example.com\n",
    "CanonicalizeHostname yes\nCanonicalDomains example.com\n",
    "\tMATCH exec true\n  User deploy\n",
]
ADDRESSES = ("10.0.0.1", "10.0.0.2", "web3.example.com")


@pytest.mark.parametrize("text", SAME)
def test_ssh_is_asked_once_where_it_has_nothing_to_say_of_one_host(
    tmp_path: Path, text: str
) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    config = Counted()

    found = routes(config, file, ADDRESSES)

    assert config.asked == 1
    assert found == asked_for_each(file)


@pytest.mark.parametrize("text", DIFFERENT)
def test_ssh_is_asked_for_each_host_where_one_may_differ(tmp_path: Path, text: str) -> None:
    file = tmp_path / "config"
    file.write_text(text)
    config = Counted()

    found = routes(config, file, ADDRESSES)

    assert config.asked == 1 + len(ADDRESSES)
    assert found == asked_for_each(file)


def test_a_file_that_is_included_may_speak_of_one_host(tmp_path: Path) -> None:
    (tmp_path / "more").write_text("Host 10.0.0.1\n  User deploy\n")
    file = tmp_path / "config"
    file.write_text(f"Include {tmp_path}/more\n")
    config = Counted()

    found = routes(config, file, ADDRESSES)

    assert [route.user == "deploy" for route in found] == [True, False, False]


def test_a_name_that_ssh_would_rewrite_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text("")

    assert routes(Counted(), file, ["WEB.example.com"])[0].address == "web.example.com"
    assert is_plain("web.example.com")
    assert is_plain("10.0.0.1")
    for other in ("WEB", "2001:DB8::1", "10.1", "010.0.0.1", "-oProxyCommand=x", "web%h", "a b"):
        assert not is_plain(other)


def test_only_what_ssh_takes_for_a_port_is_one() -> None:
    assert is_port("22")
    for other in ("0", "65536", "022", "-1", "ssh", ""):
        assert not is_port(other)


def asked_for_each(file: Path) -> list[Route]:
    """What the same routes are when every one is asked for, as they were before."""

    class Each(SshConfig):
        def _of_all(self, *_: object) -> None:
            return None

    return routes(Each(), file, ADDRESSES)
