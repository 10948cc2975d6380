"""Units of systemd that apply a project every day, with nobody at the terminal."""

import shutil
import sys
from pathlib import Path

from deployer.errors import DeployerError

_UNITS = """\
# /etc/systemd/system/deployer.service
[Unit]
Description=Renew certificates and revocation lists, and bring hosts to their releases
Documentation=man:systemd.service(5)
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
WorkingDirectory={directory}
# The passphrase of the CA: chmod 600, owned by root. Without a line for it, hosts that need nothing
# signed are served all the same.
LoadCredential=passphrase:/etc/deployer/passphrase
ExecStart={program} apply --yes --passphrase-file "${{CREDENTIALS_DIRECTORY}}/passphrase"
# Somebody else is at work: the next run will do.
SuccessExitStatus=75
# The first signal finishes the hosts in flight; that takes a minute at most.
TimeoutStopSec=120

# /etc/systemd/system/deployer.timer
[Unit]
Description=Daily run of deployer

[Timer]
OnCalendar=daily
# Not everybody at midnight.
RandomizedDelaySec=2h
Persistent=true

[Install]
WantedBy=timers.target
"""


def units(project: Path) -> str:
    """Write the service and the timer of a project, each below a line with its path."""
    directory = project.resolve()
    program = _program()
    for path in (str(directory), program):
        if not path.isprintable():
            raise DeployerError(f"{path!r} cannot be written into a unit of systemd")
    return _UNITS.format(
        directory=_unspecified(str(directory)),
        program=_word(program),
    )


def _program() -> str:
    beside = Path(sys.executable).with_name("deployer")
    return str(beside) if beside.exists() else shutil.which("deployer") or str(beside)


def _unspecified(text: str) -> str:
    """Write a text in which systemd sees no specifier (systemd.unit(5))."""
    return text.replace("%", "%%")


def _word(text: str) -> str:
    """Write a word of a command line (systemd.service(5), "Command lines")."""
    escaped = _unspecified(text).replace("\\", "\\\\").replace('"', '\\"').replace("$", "$$")
    return f'"{escaped}"' if set(text) & set(" '\"\\;") else escaped
