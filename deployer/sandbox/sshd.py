"""A real sshd for the current user on a loopback port, with keys of its own."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deployer.errors import DeployerError
from deployer.sandbox import ports, processes

# sshd leaves its root user's privileges in this directory; Debian's service creates it.
PRIVILEGE_SEPARATION = Path("/run/sshd")

# HOME is the sandbox's: bash reads ~/.bashrc when it is started by sshd, and a sandbox must
# behave the same for everyone. StrictModes is about directories that others may write to,
# which a temporary directory lies in. Nothing is read from the user's own ~/.ssh.
CONFIGURATION = """\
ListenAddress {address}
Port {port}
PidFile {home}/sshd.pid
HostKey {home}/host_key
AuthorizedKeysFile {home}/user_key.pub
AllowUsers {user}
SetEnv HOME={home}/home {mark}={directory}
UsePAM {pam}
StrictModes no
PermitRootLogin prohibit-password
PermitUserRC no
PasswordAuthentication no
KbdInteractiveAuthentication no
AllowTcpForwarding yes
X11Forwarding no
PrintMotd no
PrintLastLog no
LogLevel VERBOSE
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SSHD:
    """A running sshd and what a client needs to reach it."""

    process: subprocess.Popen[bytes]
    user: str
    private_key_file: Path
    known_hosts: Path


def start(directory: Path, port: int) -> SSHD:
    """Start sshd below a sandbox's directory and wait until it answers."""
    program = processes.find("sshd", package="openssh-server")
    keygen = processes.find("ssh-keygen", package="openssh-client")
    home, log = directory / "ssh", directory / "ssh" / "sshd.log"
    user = pwd.getpwuid(os.geteuid()).pw_name
    home.mkdir(mode=0o700)
    (home / "home").mkdir()
    for name in ("host_key", "user_key"):
        make = [
            keygen,
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            f"sandbox {name}",
            "-f",
            str(home / name),
        ]
        subprocess.run(make, check=True, stdin=subprocess.DEVNULL)
    known_hosts = home / "known_hosts"
    host_key = (home / "host_key.pub").read_text()
    known_hosts.write_text(f"[{ports.LOOPBACK}]:{port} {host_key}")
    (home / "sshd_config").write_text(
        CONFIGURATION.format(
            address=ports.LOOPBACK,
            port=port,
            home=home,
            user=user,
            mark=processes.MARK,
            directory=directory,
            pam="yes" if _is_locked(user) else "no",
        )
    )
    if os.geteuid() == 0:
        PRIVILEGE_SEPARATION.mkdir(mode=0o755, exist_ok=True)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [program, "-D", "-e", "-f", home / "sshd_config"],
            env=processes.environment(directory),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
    # The pid file is written last, once sshd listens: then `listener` knows it too.
    ended_or_up = processes.until(
        lambda: (
            process.poll() is not None or ((home / "sshd.pid").exists() and ports.answers(port))
        ),
        timeout=10,
    )
    if not ended_or_up or process.poll() is not None:
        process.kill()
        process.wait()
        raise DeployerError(
            f"the sandbox's sshd does not answer on port {port}:\n{processes.tail(log)}",
            hint=f"the rest is in {log}",
        )
    return SSHD(
        process=process,
        user=user,
        private_key_file=home / "user_key",
        known_hosts=known_hosts,
    )


def listener(directory: Path) -> tuple[int, ...]:
    """
    Return the pid of the sshd that listens for a sandbox, if one does.

    sshd writes its title over its environment, so it bears no mark. The title names the
    configuration file, which tells a live sshd from another process with a reused pid.
    """
    home = directory / "ssh"
    try:
        pid = int((home / "sshd.pid").read_text())
        title = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return ()
    return (pid,) if os.fsencode(home / "sshd_config") in title else ()


def _is_locked(user: str) -> bool:
    """
    Say whether an account's password is locked, as root's is on Ubuntu.

    Without PAM, sshd refuses such an account even with a key (sshd(8), authentication). Only
    root may look, and only root's sshd would know.
    """
    try:
        accounts = Path("/etc/shadow").read_text().splitlines()
    except PermissionError:
        return False
    return any(account.startswith(f"{user}:!") for account in accounts)
