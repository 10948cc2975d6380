"""What is done to a host in the middle of a run, and how it is mended."""

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

from deployer.result import HostStep
from tests.host.kill import editing
from tests.hosts.fleet import FleetHost
from tests.journey.fleet_desk import FleetDesk

Cut = Literal["reset", "silence", "cable", "session"]
"""Packets of SSH are refused, or lost; the cable is pulled; the session's processes are killed."""
CUTS: tuple[Cut, ...] = get_args(Cut)

FAULT = "/run/fault"
SHELL = r"""#!/bin/dash
# The shell of this host, which kills a script of ours at a line of its journal, once.
if [ -e /run/fault ]; then
  case $1 in
    -c)
      edited='eval "$(printf "%s\\n" "$script" | sed -f /run/fault)"'
      text=$(printf '%s\n' "$2" | sed "s#eval \"\$script\"#$edited#")
      shift 2
      exec dash -c "$text" "$@"
      ;;
    */undo.*)
      file=$1
      shift
      exec dash -c "$(sed -f /run/fault "$file")" "$file" "$@"
      ;;
  esac
fi
exec dash "$@"
"""

RULES = """\
table inet cut {{
chain in {{
type filter hook input priority 0
tcp dport 22 {verdict}
}}
}}
"""
# There may be none yet when a run begins to look.
SESSIONS = "pkill -9 -f '^sshd: [a-z]+(@|$| \\[)' || :"


def plan_a_kill(host: FleetHost, step: HostStep, moment: str) -> None:
    """Have the next script that comes to a line of the journal killed there."""
    act = f"{{ rm -f {FAULT}; kill -KILL $$; }}"
    host.write(FAULT, f"{editing(step, moment, act)}\n")
    host.write("/usr/local/bin/sh", SHELL, mode=0o755)


def cutter(desk: FleetDesk, kind: Cut) -> str:
    """Write a program that cuts the connection to the host that is named to it."""
    path = Path(desk.directory, f"cut-{kind}")
    cases = [f"{name}) {_command(host, kind)} ;;" for name, host in desk.hosts.items()]
    path.write_text("\n".join(["#!/bin/sh", "case $1 in", *cases, "esac", ""]))
    path.chmod(0o755)
    return str(path)


def mend(hosts: Iterable[FleetHost]) -> None:
    """Undo every cut, and every kill that nobody came to."""
    for host in hosts:
        host.plug()
        host.exec(["sh", "-c", f"rm -f {FAULT} /usr/local/bin/sh; nft flush ruleset"])


def _command(host: FleetHost, kind: Cut) -> str:
    enter = f"nsenter --target={host.pid} --mount --net --pid --root --wd --"
    if kind == "cable":
        return f"ip link set {host.cable} down"
    if kind == "session":
        return f"{enter} sh -c {shlex.quote(SESSIONS)}"
    verdict = "drop" if kind == "silence" else "reject with tcp reset"
    return f"printf %s {shlex.quote(RULES.format(verdict=verdict))} | {enter} nft -f -"
