"""
Which host keys are trusted for which names, as OpenSSH's known_hosts files say.

Parsed once for a run and indexed, so that ten thousand lines cost nothing per host. The
format is that of sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT": plain and hashed names, patterns,
negations, `[host]:port`, `@revoked`, `@cert-authority`. Lines that make no sense are skipped,
as OpenSSH does.
"""

import base64
import binascii
import enum
import hashlib
import hmac
import threading
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deployer.errors import DeployerError
from deployer.transport.certificates import SUFFIX, NotVouchedFor, check_host, parse
from deployer.transport.route import DEFAULT_KNOWN_HOSTS, SSH_PORT

_REVOKED = "@revoked"
_AUTHORITY = "@cert-authority"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostKey:
    """A public host key; where it was read from is for error messages alone."""

    algorithm: str
    blob: bytes = field(repr=False)
    source: str = field(default="", compare=False)

    @property
    def is_certificate(self) -> bool:
        """Whether it is a certificate, and not a key alone."""
        return self.algorithm.endswith(SUFFIX)

    @property
    def blobs(self) -> frozenset[bytes]:
        """What may be revoked of it: the key, or a certificate, the key in it and its authority."""
        if not self.is_certificate:
            return frozenset({self.blob})
        try:
            certificate = parse(self.algorithm, self.blob)
        except NotVouchedFor:
            return frozenset({self.blob})
        return frozenset({self.blob, certificate.key, certificate.authority})

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
    NOT_VOUCHED_FOR = enum.auto()
    """A certificate of an authority that is known, and that is no good all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Everything that known_hosts says about one host."""

    keys: tuple[HostKey, ...] = ()
    authorities: tuple[HostKey, ...] = ()
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

    def judge_certificate(
        self, shown: HostKey, name: str, *, now: float, algorithms: tuple[str, ...] | None = None
    ) -> tuple[Verdict, str]:
        """
        Judge a certificate that a host has shown, and say why it is not good enough.

        `name` and `now`, in seconds since 1970, have to be those that it is for; `algorithms` are
        those of CASignatureAlgorithms.
        """
        try:
            certificate = parse(shown.algorithm, shown.blob)
            if shown.blobs & {key.blob for key in self.revoked}:
                return Verdict.REVOKED, ""
            if certificate.authority in {key.blob for key in self.authorities}:
                check_host(certificate, name, now=now, algorithms=algorithms)
                return Verdict.TRUSTED, ""
        except NotVouchedFor as error:
            return Verdict.NOT_VOUCHED_FOR, str(error)
        # Of another authority, so it counts as the key that is in it (ssh(1) does the same).
        if certificate.key in {key.blob for key in self.keys}:
            return Verdict.TRUSTED, ""
        return Verdict.NOT_VOUCHED_FOR, "its authority is not one that known_hosts has for it"


@dataclass(frozen=True, slots=True)
class _Line:
    key: HostKey
    marker: str
    """`@revoked`, `@cert-authority` or nothing."""


class KnownHosts:
    """An index over any number of known_hosts files."""

    def __init__(self, home: Path = DEFAULT_KNOWN_HOSTS[0]) -> None:
        self.home = home
        """Where a new key belongs: the first of the files that are read."""
        self.believing = threading.Lock()
        """Held while a host that nobody knows is believed."""
        self._named: defaultdict[str, list[_Line]] = defaultdict(list)
        self._patterns: list[tuple[Sequence[str], _Line]] = []
        self._hashed: list[tuple[bytes, bytes, _Line]] = []

    @classmethod
    def read(cls, paths: Iterable[Path] = DEFAULT_KNOWN_HOSTS) -> "KnownHosts":
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
        if all(line.marker == _REVOKED for line in lines):
            lines += self._lines(address.lower())

        def marked(marker: str) -> tuple[HostKey, ...]:
            return tuple(line.key for line in lines if line.marker == marker)

        return Known(keys=marked(""), authorities=marked(_AUTHORITY), revoked=marked(_REVOKED))

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
    if marker not in {"", _REVOKED, _AUTHORITY} or len(words) < 3:  # noqa: PLR2004 - names, type, key
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
    return names, _Line(key=key, marker=marker)


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
