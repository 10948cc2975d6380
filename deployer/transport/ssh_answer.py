"""
What `ssh -G` answers, and whether one answer holds for every host.

It does where no file that ssh reads has anything to say of one host and not of another, which is
what a new system has. ssh itself says which files it reads. What may select a host there is looked
for and not understood: the least doubt, and ssh is asked for each host.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from deployer.spec.ssh_arguments import Option

Settings = Mapping[str, Sequence[str]]
"""What ssh -G prints: values by the lower-case name of their option."""

ANYBODY = "any-host.deployer.invalid"
"""Stands for every host; where it comes back in an answer, the answer depends on the host."""

_READ = re.compile(r"debug1: Reading configuration data (.*?)\r?")
# "Host *" and "Match all" select everybody. Words may be quoted, and an equals sign may follow.
_SELECTS = re.compile(
    rb"\s*[\"']?(?:(?P<host>host|match)|canonical\w*|hostname|include)\b[\"']?[\s=]*(?P<whom>.*)",
    re.IGNORECASE,
)
_EVERYBODY = {b"host": b"*", b"match": b"all"}
_SELECTING = frozenset({"host", "match", "hostname", "include"})
# As ssh prints them back: it lower-cases names, and rewrites addresses.
_PLAIN = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


class Said:
    """Single values of what `ssh -G` printed; `none` says nothing."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def one(self, name: str) -> str:
        """Return the first value."""
        value = self._settings.get(name, ("",))[0]
        return "" if value == "none" and name != "identityagent" else value

    def all(self, name: str) -> Sequence[str]:
        """Return every value."""
        return [value for value in self._settings.get(name, ()) if value != "none"]

    def number(self, name: str) -> float | None:
        """Return a value that is a number, and not nought."""
        value = self.one(name)
        return float(value) if value.isdecimal() and int(value) else None


def is_plain(address: str) -> bool:
    """Say whether ssh would call a host by just this name or address."""
    if address.rpartition(".")[2].isdecimal():
        parts = address.split(".")
        return len(parts) == _OCTETS and all(
            part.isdecimal() and str(int(part)) == part for part in parts
        )
    return bool(_PLAIN.fullmatch(address)) and not address.startswith("0x")


def is_port(value: str) -> bool:
    """Say whether ssh would take this for a port, and print it just so."""
    return value.isdecimal() and str(int(value)) == value and 0 < int(value) < _PORTS


def shared(
    settings: Settings, said: str, options: Sequence[Option], config_file: str | None
) -> Settings | None:
    """
    Return what ssh answered for `ANYBODY` if it holds for every host.

    `said` is what it told of its work (`ssh -v`), `options` what it was given besides its files.
    """
    if any(name.lower() in _SELECTING or "canonical" in name.lower() for name, _ in options):
        return None
    if any("%p" in value or "%C" in value for _, value in options):
        return None
    if list(settings.get("hostname", ())) != [ANYBODY]:
        return None
    others = (value for name, values in settings.items() for value in values if name not in _OWN)
    if any(ANYBODY in value for value in others):
        return None
    files = [found[1] for line in said.splitlines() if (found := _READ.fullmatch(line))]
    if not files and config_file != "none":
        return None  # it may have read some and not said so
    return settings if all(_says_nothing_of_hosts(Path(file)) for file in files) else None


_OWN = frozenset({"host", "hostname"})
_OCTETS = 4
_PORTS = 1 << 16


def _says_nothing_of_hosts(file: Path) -> bool:
    try:
        lines = file.read_bytes().splitlines()
    except OSError:
        return False
    return not any(_selects(line) for line in lines if not line.lstrip().startswith(b"#"))


def _selects(line: bytes) -> bool:
    # Tokens for the port, and for a digest of host and port: ssh may have put in those of ANYBODY.
    if b"%p" in line or b"%C" in line:
        return True
    found = _SELECTS.match(line)
    if found is None:
        return False
    kind = found["host"]
    if kind is None:
        # What is included is among the files that ssh reads, whoever it is included for.
        return not line.strip().lower().startswith(b"include")
    return found["whom"].strip() != _EVERYBODY[kind.lower()]
