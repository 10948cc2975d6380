import base64
import subprocess
import time
from pathlib import Path

import pytest

from deployer.errors import DeployerError
from deployer.transport.known_hosts import HostKey, KnownHosts, Verdict
from tests.transport.sshd import keygen

NAMES = (
    "web1",
    "WEB1",
    "web2.example.com",
    "db1.example.com",
    "10.0.0.7",
    "2001:db8::7",
    "[web1]:2222",
    "[web2.example.com]:2222",
    "other",
    "",
)


def key(number: int, algorithm: str = "ssh-ed25519") -> str:
    """A key that is well formed and different for each number."""
    name = algorithm.encode()
    blob = (
        len(name).to_bytes(4, "big") + name + (32).to_bytes(4, "big") + number.to_bytes(32, "big")
    )
    return f"{algorithm} {base64.b64encode(blob).decode()}"


def shown(number: int, algorithm: str = "ssh-ed25519") -> HostKey:
    return HostKey(algorithm=algorithm, blob=base64.b64decode(key(number, algorithm).split()[1]))


def known(text: str) -> KnownHosts:
    hosts = KnownHosts()
    hosts.add(text)
    return hosts


@pytest.mark.parametrize(
    "names",
    [
        "web1",
        "other,web1,10.0.0.7",
        "*.example.com",
        "web?",
        "web?.example.com,!web2*",
        "!web1,*",
        "!web1",
        "[web1]:2222",
        "[*.example.com]:2222",
        "[*]:2222",
        "*",
        "10.0.0.*",
        "2001:db8::*",
        "WEB1",
        "web1,",
    ],
)
@pytest.mark.parametrize("hashed", [False, True], ids=["plain", "hashed"])
def test_names_match_as_ssh_keygen_says(tmp_path: Path, names: str, *, hashed: bool) -> None:
    file = tmp_path / "known_hosts"
    keygen(tmp_path / "key", "ed25519")
    line = f"{names.lower() if hashed else names} {(tmp_path / 'key.pub').read_text()}"
    file.write_text(line)
    if hashed:  # it hashes plain names, and leaves patterns as they are
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
        assert ("|1|" in file.read_text()) == (not set(names) & set("*?!"))
    hosts = KnownHosts.read([file])

    for name in filter(None, NAMES):
        asked = subprocess.run(
            # ssh lowers the name that it is given before it looks; ssh-keygen leaves that to us.
            ["ssh-keygen", "-F", name.lower(), "-f", file],
            check=False,
            capture_output=True,
        )
        address, port = name, 22
        if name.startswith("["):
            address, port = name[1:].split("]:")[0], 2222
            if asked.returncode:
                continue  # ssh would look for the bare name next; that is the test below
        assert bool(hosts.lookup(address, port).keys) == (asked.returncode == 0), name


def test_a_key_of_the_bare_name_is_good_on_any_port() -> None:
    hosts = known(f"web1 {key(1)}\n[web2]:2222 {key(2)}\nweb2 {key(3)}")

    assert hosts.lookup("web1", 2222).judge(shown(1)) is Verdict.TRUSTED
    assert hosts.lookup("web2", 2222).judge(shown(3)) is Verdict.CHANGED
    assert hosts.lookup("web2", 22).judge(shown(2)) is Verdict.CHANGED


def test_a_host_without_a_line_is_unknown() -> None:
    assert known("").lookup("web1").judge(shown(1)) is Verdict.UNKNOWN


def test_any_of_several_keys_is_trusted() -> None:
    hosts = known(f"web1 {key(1)}\nweb1 {key(2, 'ssh-rsa')}\n")

    assert hosts.lookup("web1").judge(shown(1)) is Verdict.TRUSTED
    assert hosts.lookup("web1").judge(shown(2, "ssh-rsa")) is Verdict.TRUSTED


def test_a_known_host_with_a_key_of_another_type_has_changed() -> None:
    hosts = known(f"web1 {key(1)}")

    assert hosts.lookup("web1").judge(shown(1, "ecdsa-sha2-nistp256")) is Verdict.CHANGED


def test_a_revoked_key_is_refused_even_where_it_is_also_trusted() -> None:
    hosts = known(f"web1 {key(1)}\n@revoked * {key(1)}\n")

    assert hosts.lookup("web1").judge(shown(1)) is Verdict.REVOKED
    assert hosts.lookup("web1", 2222).judge(shown(1)) is Verdict.REVOKED


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# a comment",
        f"@cert-authority *.example.com {key(2)}",
        f"@something-new * {key(2)}",
        "web1 ssh-ed25519",
        "web1 ssh-ed25519 !!!!",
        "web1 ssh-ed25519 AAAA",
        "web1 ssh-rsa " + key(2).split()[1],
        "web1 1024 35 1423567890",
        f"|1|not base64|x {key(2)}",
        f"|1|onlysalt {key(2)}",
        f"|2|a|b {key(2)}",
        "\x00\ufffd",
        f"   {key(2)}",
    ],
)
def test_a_line_that_means_nothing_to_us_does_not_spoil_the_others(line: str) -> None:
    hosts = known(f"{line}\nweb1 {key(1)} comment\n{line}")

    assert [found.source for found in hosts.lookup("web1").keys] == ["known_hosts:2"]


def test_a_key_says_where_it_was_read(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"\n\nweb1 {key(1)}\n")

    (found,) = KnownHosts.read([tmp_path / "missing", file]).lookup("web1").keys

    assert found.source == f"{file}:3"


def test_fingerprints_are_those_of_ssh_keygen(tmp_path: Path) -> None:
    keygen(tmp_path / "key", "ed25519")
    shows = subprocess.run(
        ["ssh-keygen", "-l", "-f", tmp_path / "key.pub"], capture_output=True, check=True, text=True
    )
    hosts = known(f"web1 {(tmp_path / 'key.pub').read_text()}")

    assert hosts.lookup("web1").keys[0].fingerprint == shows.stdout.split()[1]


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DeployerError, match="cannot read known hosts"):
        KnownHosts.read([tmp_path])


def test_ten_thousand_lines_cost_well_under_a_second() -> None:
    text = "".join(f"web{number}.example.com {key(number)}\n" for number in range(10_000))
    started = time.process_time()

    hosts = known(text)
    for number in range(10_000):
        assert (
            hosts.lookup(f"web{number}.example.com", 2222).judge(shown(number)) is Verdict.TRUSTED
        )

    assert time.process_time() - started < 1


def test_ten_thousand_hashed_lines_are_searched_quickly() -> None:
    salt = base64.b64encode(bytes(20)).decode()
    hosts = known("".join(f"|1|{salt}|{salt} {key(number)}\n" for number in range(10_000)))
    started = time.process_time()

    assert not hosts.lookup("web1").keys

    assert time.process_time() - started < 0.2
