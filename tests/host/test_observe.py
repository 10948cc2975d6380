"""Observing: what a host says of itself, in one round trip that changes nothing."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from deployer.errors import StepFailed
from deployer.host import verbs
from deployer.host.script import Host, Stranger
from deployer.observation import Found
from deployer.pki.keys import KeyType, private_key_pem
from deployer.platforms import version_of
from deployer.sandbox import Sandbox
from deployer.sandbox.processes import until
from deployer.spec.supplied import CertificateOnHost
from deployer.transport import Completed, Stream, Transport
from tests.host.machine import HOLDER, InSandbox, Machine
from tests.host.releases import KEY, SITE
from tests.pki.examples import key_of, pki, server_leaf


def test_a_host_without_us_reports_its_apache_and_nothing_else(any_shell: Machine) -> None:
    found = any_shell.observe()

    assert abs(found.clock - time.time()) < 10
    assert found.user_id == os.geteuid()
    assert found.apache_pid == pid_of(any_shell)
    assert found.apache_version.startswith("2.4.")
    assert (found.current, found.confirmed, found.manifest) == ("", "", "")
    assert not found.files
    assert not found.includes
    assert not found.releases
    assert found.pending is None
    assert (found.lease, found.fence, found.last_outcome) == (None, 0, "")


def test_a_stranger_is_looked_at_in_any_shell(any_shell: Machine) -> None:
    found = verbs.observe(Stranger("web1", any_shell.host.transport))

    # This computer: its Apache is Debian's, or the sandbox would have none.
    assert found.layout == "debian"
    assert found.apache_version == any_shell.observe().apache_version


def test_a_host_tells_what_its_apache_serves_and_how_much_it_may(any_shell: Machine) -> None:
    any_shell.deploy(any_shell.release())
    # Between a reload and its first worker there is none: connections wait in the kernel.
    found = any_shell.observe()
    while found.existing is None or not found.existing.scoreboard.processes:
        found = any_shell.observe()

    existing = found.existing
    assert [site.server_name for site in existing.others(any_shell.layout.root)] == ["localhost"]
    (ours,) = (site for site in existing.sites if site.is_below(any_shell.layout.root))
    assert (ours.server_name, ours.tls, ours.default) == ("one.test", True, True)
    assert {"ssl", "socache_shmcb", "mpm_event", "so"} <= existing.modules
    assert existing.ports(any_shell.layout.root) == tuple(sorted(any_shell.layout.listens))
    assert existing.pid_file == any_shell.layout.pid_file
    board = existing.scoreboard
    assert (board.server_limit, board.threads_per_child, board.max_request_workers) == (16, 16, 256)
    assert 1 <= board.processes <= board.working
    with Path(f"/proc/{found.apache_pid}/maps").open() as maps:
        assert any("libcrypto" in line for line in maps)
    assert version_of(found.openssl_version) >= (3, 0)


def test_a_broken_configuration_says_nothing_of_what_it_serves(machine: Machine) -> None:
    (machine.sites / "broken.conf").write_text("Bogus on\n")

    found = machine.observe()

    assert found.existing is None
    assert found.apache_pid == pid_of(machine)


def test_observing_changes_nothing(machine: Machine) -> None:
    before = machine.configuration()

    machine.observe()

    assert machine.configuration() == before
    assert not machine.root.exists()
    assert not machine.state.exists()


def test_a_host_reports_the_live_release_file_by_file(any_shell: Machine) -> None:
    release = any_shell.release()
    switch = any_shell.deploy(release)

    found = verbs.observe(any_shell.host, texts=True)

    assert found.current == found.confirmed == release.id
    assert found.manifest == release.manifest
    assert found.files == {
        file.path: Found(digest=file.digest, mode=file.mode) for file in release.files
    }
    include = release.file("include.conf")
    assert found.includes == {"000-deployer.conf": include.digest}
    assert found.releases == {release.id}
    assert found.last_outcome.startswith(f"confirmed {switch.token} {release.id} none ")
    assert found.texts["include.conf"].encode() == include.content
    assert found.texts[SITE].encode() == release.file(SITE).content
    assert not [path for path in found.texts if path.endswith(".pem")]


def test_a_host_reports_who_holds_it_and_until_when(any_shell: Machine) -> None:
    switch = any_shell.activate(any_shell.release(), timeout=50)

    found = any_shell.observe()

    assert found.lease is not None
    assert (found.lease.token, found.lease.holder) == (switch.token, HOLDER)
    assert 0 <= found.clock - found.lease.heartbeat < 60
    assert found.pending is not None
    assert found.pending.token == switch.token
    assert 0 < found.pending.deadline - found.clock <= 50
    assert not found.pending.undoing
    assert found.confirmed == ""


def test_what_was_changed_by_hand_shows(machine: Machine) -> None:
    release = machine.release()
    machine.deploy(release)
    live = machine.root / "current"
    (live / SITE).write_text("# gone\n")
    (live / KEY).chmod(0o644)
    (live / "sites" / "extra.conf").write_text("# more\n")
    (live / "sites" / "linked.conf").symlink_to("extra.conf")

    found = machine.observe().files

    assert found[SITE].digest == sha256(b"# gone\n").hexdigest()
    assert found[KEY] == Found(digest=release.file(KEY).digest, mode=0o644)
    assert found["sites/extra.conf"].digest == sha256(b"# more\n").hexdigest()
    assert found["sites/linked.conf"].mode == 0o777


def test_debian_reports_the_enabled_modules(debian: Machine) -> None:
    before = debian.observe().modules

    debian.deploy(debian.release())

    assert "mpm_event" in before
    assert "ssl" not in before
    assert debian.observe().modules - before == {"ssl", "socache_shmcb"}


def test_a_dead_apache_is_not_reported_although_its_pid_file_is_there(machine: Machine) -> None:
    pid = pid_of(machine)
    os.killpg(pid, signal.SIGKILL)
    # Where the first process is slow to reap, it stays a zombie.
    assert until(lambda: machine.observe().apache_pid is None, timeout=10)
    assert Path(machine.layout.pid_file).exists()


def test_a_pid_file_that_names_another_program_is_not_believed(machine: Machine) -> None:
    # A name that an editor of Apache's configuration might have in its arguments.
    with subprocess.Popen(["sleep", "600"]) as other:
        Path(machine.layout.pid_file).write_text(f"{other.pid}\n")

        assert machine.observe().apache_pid is None
        other.kill()


class Greeting(InSandbox):
    """A login shell that runs something of its own before each command."""

    def __init__(self, sandbox: Sandbox, before: str) -> None:
        super().__init__(sandbox)
        self._before = before

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float) -> Completed:
        login = ("sh", "-c", f'{self._before}; exec "$@"', "login", *argv)
        return super().run(login, stdin=stdin, timeout=timeout)


def greeted(machine: Machine, sandbox: Sandbox, before: str) -> Machine:
    return replace(machine, host=Host("web1", Greeting(sandbox, before), sandbox.layout, ""))


def test_what_a_login_shell_prints_is_survived(machine: Machine, sandbox: Sandbox) -> None:
    noise = "echo 'current events: none'; echo 'release party at 5'; printf 'module x'"
    noisy = greeted(machine, sandbox, noise)
    release = machine.release()

    noisy.deploy(release)

    assert noisy.observe().current == release.id
    assert noisy.observe().releases == {release.id}
    assert not noisy.observe().modules


def test_a_login_shell_that_says_something_else_altogether_is_refused(
    machine: Machine, sandbox: Sandbox
) -> None:
    closed = greeted(machine, sandbox, "echo 'This account is not available'; exit 1")

    with pytest.raises(StepFailed, match="no observation: This account is not av") as refused:
        closed.observe()

    assert "POSIX shell" in refused.value.hint


def test_a_login_shell_that_eats_the_script_lets_nothing_of_it_run(
    machine: Machine, sandbox: Sandbox
) -> None:
    release = machine.release()
    hungry = greeted(machine, sandbox, "read line; read line")

    with pytest.raises(StepFailed, match="did not arrive whole"):
        hungry.observe()
    done = hungry.host.run("stage", release.id, payload=release.to_tar({}))

    assert done.status == 1
    assert "did not arrive whole" in done.last_words
    assert not machine.root.exists()


def test_half_an_answer_is_none(machine: Machine, sandbox: Sandbox) -> None:
    class Cut(InSandbox):
        def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float) -> Completed:
            done = super().run(argv, stdin=stdin, timeout=timeout)
            return replace(done, stdout=done.stdout[: len(done.stdout) // 2])

    machine.deploy(machine.release())
    with pytest.raises(StepFailed, match="broke off"):
        verbs.observe(Host("web1", Cut(sandbox), sandbox.layout, ""))


def pid_of(machine: Machine) -> int:
    return int(Path(machine.layout.pid_file).read_text())


def test_a_certificate_that_others_keep_is_looked_at_and_its_key_is_not(
    any_shell: Machine,
) -> None:
    leaf = server_leaf(pki().servers, "api.example.com").public_bytes(Encoding.PEM)
    key = private_key_pem(key_of(KeyType.P256, "server"))
    other = private_key_pem(key_of(KeyType.P256, "other"))
    base = str(any_shell.root.parent / "kept by others")
    write(any_shell, f"{base}/both.pem", key + leaf)
    write(any_shell, f"{base}/other.key", other)
    both = CertificateOnHost(certificate=f"{base}/both.pem", private_key=f"{base}/both.pem")
    wrong = CertificateOnHost(certificate=f"{base}/both.pem", private_key=f"{base}/other.key")
    squeezed = ["short.key"] if shutil.which("openssl") else []
    if squeezed:
        compress = ["openssl", "ec", "-conv_form", "compressed"]
        made = subprocess.run(compress, input=key, capture_output=True, check=True).stdout
        write(any_shell, f"{base}/short.key", made)
    short = CertificateOnHost(certificate=f"{base}/both.pem", private_key=f"{base}/short.key")
    gone = CertificateOnHost(certificate=f"{base}/gone.pem", private_key=f"{base}/gone.key")
    transport = Remembering(any_shell.host.transport)

    found = verbs.observe(
        replace(any_shell.host, transport=transport), watched=(both, wrong, gone, short)
    )

    assert set(found.watched) == {f"{base}/{name}" for name in ("both.pem", "other.key", *squeezed)}
    assert found.watched[both.certificate].digest == sha256(key + leaf).hexdigest()
    assert x509.load_pem_x509_certificate(
        found.watched[both.certificate].certificates.encode()
    ) == x509.load_pem_x509_certificate(leaf)
    assert found.watched[wrong.private_key].certificates == ""
    # A host without openssl cannot tell; the rehearsal will.
    assert found.fits == (
        {
            (both.certificate, both.private_key): "yes",
            (wrong.certificate, wrong.private_key): "no",
            **dict.fromkeys([(short.certificate, short.private_key)] * len(squeezed), "yes"),
        }
        if shutil.which("openssl")
        else {}
    )
    for secret in (key, other):
        assert secret.splitlines()[1] not in transport.said


def test_a_key_is_for_those_who_can_come_to_it(any_shell: Machine) -> None:
    with tempfile.TemporaryDirectory(prefix="deployer-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        key = directory / "key.pem"
        key.write_bytes(private_key_pem(key_of(KeyType.P256, "server")))
        source = CertificateOnHost(certificate=str(key), private_key=str(key))

        def readers() -> str:
            return verbs.observe(any_shell.host, watched=(source,)).watched[str(key)].readers

        key.chmod(0o644)
        assert readers() == "everyone"
        key.chmod(0o640)
        assert readers() == "nobody"
        if os.geteuid() == 0:  # otherwise everything is of one user
            shutil.chown(key, group="www-data")
            assert readers() == "workers"
            key.chmod(0o600)
            assert readers() == "nobody"
            shutil.chown(key, "www-data")
            assert readers() == "workers"
        key.chmod(0o644)
        directory.chmod(0o700)
        assert readers() == "nobody"


class Remembering:
    """A transport that keeps whatever came back."""

    def __init__(self, inner: Transport) -> None:
        self.inner = inner
        self.said = b""

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float) -> Completed:
        done = self.inner.run(argv, stdin=stdin, timeout=timeout)
        self.said += done.stdout + done.stderr
        return done

    def dial(self, address: str, port: int, *, timeout: float) -> Stream:
        return self.inner.dial(address, port, timeout=timeout)

    def close(self) -> None:
        self.inner.close()


def write(machine: Machine, path: str, content: bytes) -> None:
    file = Path(path)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(content)
    file.chmod(0o600)
