"""
Which host keys are trusted for which names, as OpenSSH's known_hosts files say.

Parsed once for a run and indexed, so that ten thousand lines cost nothing per host. The
format is that of sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT": plain and hashed names, patterns,
negations, `[host]:port`, `@revoked`. Lines that make no sense are skipped, as OpenSSH does,
and so are `@cert-authority` lines: host certificates are not asked for, so a host known by
its authority alone counts as unknown.
"""

import base64
import binascii
import enum
import hashlib
import hmac
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deployer.errors import DeployerError

USER_FILE = Path("~/.ssh/known_hosts")
DEFAULT_FILES = (
    USER_FILE,
    Path("~/.ssh/known_hosts2"),
    Path("/etc/ssh/ssh_known_hosts"),
    Path("/etc/ssh/ssh_known_hosts2"),
)
"""What ssh_config(5) gives for UserKnownHostsFile and GlobalKnownHostsFile."""

SSH_PORT = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKey:
    """A public host key; where it was read from is for error messages alone."""

    algorithm: str
    blob: bytes = field(repr=False)
    source: str = field(default="", compare=False)

    @property
    def fingerprint(self) -> str:
        """The form in which `ssh` and `ssh-keygen -l` show a key."""
        digest = hashlib.sha256(self.blob).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


class Verdict(enum.Enum):
    """What known_hosts says about a key that a host has shown."""

    TRUSTED = enum.auto()
    UNKNOWN = enum.auto()
    CHANGED = enum.auto()
    REVOKED = enum.auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything that known_hosts says about one host."""

    keys: tuple[HostKey, ...] = ()
    revoked: tuple[HostKey, ...] = ()

    def judge(self, shown: HostKey) -> Verdict:
        """
        Compare the key a host has shown with the keys it should have.

        A host that is known by other keys only has changed, even when they are of another
        type: otherwise an impostor would only have to offer a type nobody recorded.
        """
        if shown in self.revoked:
            return Verdict.REVOKED
        if shown in self.keys:
            return Verdict.TRUSTED
        return Verdict.CHANGED if self.keys else Verdict.UNKNOWN


@dataclass(frozen=True, slots=True)
class _Line:
    key: HostKey
    revoked: bool


class KnownHosts:
    """An index over any number of known_hosts files."""

    def __init__(self, home: Path = USER_FILE) -> None:
        self.home = home
        """Where a new key belongs: the first of the files that are read."""
        self._named: defaultdict[str, list[_Line]] = defaultdict(list)
        self._patterns: list[tuple[Sequence[str], _Line]] = []
        self._hashed: list[tuple[bytes, bytes, _Line]] = []

    @classmethod
    def read(cls, paths: Iterable[Path] = DEFAULT_FILES) -> "KnownHosts":
        """Read files in order; one that does not exist is empty, as it is to OpenSSH."""
        paths = tuple(paths)
        known = cls(paths[0]) if paths else cls()
        for path in paths:
            try:
                text = path.expanduser().read_text(encoding="utf-8", errors="replace")
            except (FileNotFoundError, RuntimeError):  # the second where there is no home
                continue
            except OSError as error:
                raise DeployerError(
                    f"cannot read known hosts {path}: {error.strerror}",
                    hint=f"ls -la {path}",
                ) from error
            known.add(text, source=str(path))
        return known

    def add(self, text: str, *, source: str = "known_hosts") -> None:
        """Index the lines of one file."""
        for number, raw in enumerate(text.splitlines(), start=1):
            names, line = _parse(raw, f"{source}:{number}")
            if line is None:
                continue
            if names.startswith("|1|"):
                self._add_hashed(names, line)
            elif any(character in names for character in "*?!"):
                self._patterns.append((names.lower().split(","), line))
            else:
                for name in names.lower().split(","):
                    self._named[name].append(line)

    def _add_hashed(self, name: str, line: _Line) -> None:
        try:
            salt, digest = (base64.b64decode(part) for part in name.split("|")[2:])
        except ValueError:
            return
        self._hashed.append((salt, digest, line))

    def lookup(self, address: str, port: int = SSH_PORT) -> Known:
        """
        Find what is known about an address.

        A host on a port of its own is recorded as `[address]:port`; when nothing is recorded
        under that name, the keys of the bare name are good too, as in ssh(1).
        """
        lines: list[_Line] = []
        if port != SSH_PORT:
            lines = self._lines(f"[{address}]:{port}".lower())
        if not any(not line.revoked for line in lines):
            lines += self._lines(address.lower())
        return Known(
            keys=tuple(line.key for line in lines if not line.revoked),
            revoked=tuple(line.key for line in lines if line.revoked),
        )

    def _lines(self, name: str) -> list[_Line]:
        encoded = name.encode()
        found = list(self._named.get(name, ()))
        found += [line for patterns, line in self._patterns if _matches(patterns, name)]
        found += [
            line
            for salt, digest, line in self._hashed
            if hmac.digest(salt, encoded, "sha1") == digest
        ]
        return found


def _parse(raw: str, source: str) -> tuple[str, _Line | None]:
    """Split a line into its names and its key; no key when the line says nothing to us."""
    words = raw.split()
    if not words or words[0].startswith("#"):
        return "", None
    marker = words.pop(0) if words[0].startswith("@") else ""
    if marker not in {"", "@revoked"} or len(words) < 3:  # noqa: PLR2004 - names, type, key
        return "", None
    names, algorithm, encoded = words[:3]
    try:
        blob = binascii.a2b_base64(encoded, strict_mode=True)
    except ValueError:
        return "", None
    # A key blob opens with its own type (RFC 4253 §6.6); one that disagrees is damaged.
    if not blob.startswith(len(algorithm).to_bytes(4, "big") + algorithm.encode()):
        return "", None
    key = HostKey(algorithm=algorithm, blob=blob, source=source)
    return names, _Line(key=key, revoked=marker == "@revoked")


def _matches(patterns: Iterable[str], name: str) -> bool:
    """Say whether one pattern matches and no negated one does, as in ssh_config(5)."""
    matched = False
    for pattern in patterns:
        if pattern.startswith("!"):
            if _glob(pattern[1:], name):
                return False
        elif _glob(pattern, name):
            matched = True
    return matched


def _glob(pattern: str, name: str) -> bool:
    """
    Match a pattern of `*` and `?`; nothing else is special.

    `fnmatch` would read the brackets of `[host]:port` as a set of characters.
    """
    position = start = 0
    star = resume = -1
    while position < len(name):
        if start < len(pattern) and pattern[start] == "*":
            star, resume = start, position
            start += 1
        elif start < len(pattern) and pattern[start] in {"?", name[position]}:
            start += 1
            position += 1
        elif star >= 0:
            resume += 1
            start, position = star + 1, resume
        else:
            return False
    return pattern[start:].strip("*") == ""
