"""
Releases: the exact files one target should have, and the name that proves it.

A release is a value. Its id is a digest of its manifest, so equal wishes give equal ids and
an unchanged host is a string comparison. Nothing here touches a disk or a network.
"""

import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Self

MANIFEST_HEADER = "deployer-release 1"
PUBLIC = 0o644
"""The mode of a file without a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """
    One file of a release.

    `content` is None for a file that the host has already and the controller does not: a
    private key. It is then known by its digest alone and copied from the live release.
    """

    path: str
    digest: str
    """SHA-256 of the content, in lower-case hex."""
    content: bytes | None = field(repr=False)
    mode: int = PUBLIC
    secret: bool = False

    @classmethod
    def of(cls, path: str, content: bytes, *, secret: bool = False, group: bool = False) -> "File":
        """
        Make a file from its content; a secret one is readable by its owner alone.

        With `group` by the group of Apache's workers as well: they open password files themselves.
        """
        if secret:
            digest = hashlib.sha256(content).hexdigest()
        else:
            content, digest = _shared(content)
        mode = (0o640 if group else 0o600) if secret else PUBLIC
        return cls(path=path, digest=digest, content=content, mode=mode, secret=secret)

    @classmethod
    def kept(cls, path: str, digest: str) -> "File":
        """Name a secret file that never leaves its host."""
        return cls(path=path, digest=digest, content=None, mode=0o600, secret=True)


@dataclass(frozen=True)
class Release:
    """
    The complete set of files of one target, and what activating them needs.

    Iteration order is the order of paths, so that equal sets have equal manifests.
    """

    files: tuple[File, ...]
    include: str
    """The name of our one file in Apache's directory of virtual hosts."""
    modules: tuple[str, ...] = ()
    """Modules that the virtual hosts need, by their names in `mods-available`."""
    ports: tuple[int, ...] = ()
    """Ports on which the server must listen once the release is live."""
    lists: tuple[tuple[str, int], ...] = ()
    """The newest revocation list of each authority: its key identifier in hex, and the number."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", tuple(sorted(self.files, key=lambda file: file.path)))
        paths = [file.path for file in self.files]
        if len(set(paths)) != len(paths):
            message = f"a release holds one path twice: {paths}"
            raise ValueError(message)

    @classmethod
    def of_manifest(cls, manifest: str, texts: Mapping[str, bytes]) -> Self:
        """
        Read back what `manifest` wrote; `texts` are the contents that are known, by path.

        A text that is not what the manifest promises is left out. Raises `ValueError`.
        """
        header, *lines = manifest.splitlines() or [""]
        if header != MANIFEST_HEADER:
            message = "its manifest cannot be read"
            raise ValueError(message)
        facts: dict[str, list[str]] = {}
        for line in lines:
            kind, _, value = line.partition(" ")
            facts.setdefault(kind, []).append(value)
        return cls(
            files=tuple(_promised(line, texts) for line in facts.get("file", [])),
            include=facts.get("include", [""])[-1],
            modules=tuple(facts.get("module", [])),
            ports=tuple(int(port) for port in facts.get("port", [])),
            lists=tuple(lists_of(manifest).items()),
        )

    @cached_property
    def manifest(self) -> str:
        """What the host verifies and keeps: settings, then mode, SHA-256 and path of each file."""
        lines = [MANIFEST_HEADER, f"include {self.include}"]
        lines += [f"module {module}" for module in self.modules]
        lines += [f"port {port}" for port in self.ports]
        lines += [f"crl {authority} {number}" for authority, number in self.lists]
        lines += [f"file {file.mode:04o} {file.digest} {file.path}" for file in self.files]
        return "\n".join(lines) + "\n"

    @cached_property
    def id(self) -> str:
        """The first 20 hex digits of the manifest's SHA-256."""
        return hashlib.sha256(self.manifest.encode()).hexdigest()[:20]

    @cached_property
    def texts(self) -> dict[str, str]:
        """Apache's own files by their paths, in which there is no secret."""
        return {
            file.path: file.content.decode()
            for file in self.files
            if file.path.endswith(".conf") and not file.secret and file.content is not None
        }

    def file(self, path: str) -> File:
        """Return the file at a path; raise `KeyError` when there is none."""
        for file in self.files:
            if file.path == path:
                return file
        raise KeyError(path)

    def sharing(self, other: Self) -> Self:
        """Take the files that are the same from `other`: of each there is one in memory then."""
        theirs = {file.path: file for file in other.files}
        ours = {file.path: file for file in self.files}
        same = {path: file for path, file in theirs.items() if ours.get(path) == file}
        return replace(self, files=tuple({**ours, **same}.values()))

    def to_tar(self, present: Mapping[str, str]) -> bytes:
        """
        Pack the manifest and the files that the host does not have.

        `present` maps the paths of the live release to digests. Deterministic: no times, no
        owners. What is left out, the host copies from the live release.
        """
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            _add(tar, "MANIFEST", self.manifest.encode(), 0o644)
            for file in self.files:
                if file.content is not None and present.get(file.path) != file.digest:
                    _add(tar, file.path, file.content, file.mode)
        return buffer.getvalue()


@lru_cache(maxsize=256)
def _shared(content: bytes) -> tuple[bytes, str]:
    """Return the first of all equal contents, and its digest: a thousand hosts have the same CA."""
    return content, hashlib.sha256(content).hexdigest()


def _promised(line: str, texts: Mapping[str, bytes]) -> File:
    """Read the line of a file; Apache's own are the only ones whose texts we may know."""
    mode, digest, path = line.split(" ", 2)
    content = texts.get(path)
    known = content is not None and hashlib.sha256(content).hexdigest() == digest
    return File(
        path=path,
        digest=digest,
        content=content if known else None,
        mode=int(mode, 8),
        secret=int(mode, 8) != PUBLIC,
    )


def lists_of(manifest: str) -> dict[str, int]:
    """Read which revocation lists a manifest names: the number of the newest, by authority."""
    lines = (line.split(" ") for line in manifest.splitlines() if line.startswith("crl "))
    return {authority: int(number) for _, authority, number in lines}


def _add(tar: tarfile.TarFile, path: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(path)
    entry.size = len(content)
    entry.mode = mode
    tar.addfile(entry, io.BytesIO(content))
