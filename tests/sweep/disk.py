"""What lies on a host, read past the product: releases, the journal, and what is in flight."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)

from deployer.result import HostStep
from tests.hosts.fleet import FleetHost

LINE = re.compile(r"\S+Z (?P<step>\S+) (?P<token>\S+) ?(?P<words>.*)")
INCLUDES = ("000-deployer.conf", "zzz-deployer.conf")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the journal."""

    step: HostStep
    token: str
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A host at one moment; while something happens there, some of it may be gone already."""

    current: str
    """The live release, or nothing."""
    releases: Mapping[str, Mapping[str, bytes]] = field(repr=False)
    """The files of every complete release, by its name and their paths."""
    include: bytes | None = field(repr=False)
    """Our file among the administrator's."""
    state: frozenset[str]
    """The names in our state directory."""
    journal: tuple[Line, ...] = field(repr=False)

    @property
    def in_flight(self) -> frozenset[str]:
        """Switches that are neither confirmed nor undone."""
        return frozenset(name for name in self.state if name.startswith(("pending.", "undoing.")))

    @property
    def live(self) -> Mapping[str, bytes]:
        """The files of the live release."""
        return self.releases.get(self.current, {})


def look(host: FleetHost) -> Disk:
    """Read a host's disk."""
    root, state = (host.root / path.lstrip("/") for path in (host.layout.root, _state(host)))
    vhosts = host.root / host.layout.vhost_dir.lstrip("/")
    link = root / "current"
    return Disk(
        current=link.readlink().name if link.is_symlink() else "",
        releases={
            release.name: _files(release)
            for release in _listed(root / "releases")
            if not release.name.startswith(".")
        },
        include=next((found for name in INCLUDES if (found := read(vhosts / name))), None),
        state=frozenset(path.name for path in _listed(state)),
        journal=tuple(map(_line, read(state / "journal").decode().splitlines())),
    )


def mismatched(disk: Disk) -> list[str]:
    """Name the releases that hold a key and a certificate which do not belong together."""
    return [
        f"{name}/{path}"
        for name, files in disk.releases.items()
        for path, content in files.items()
        if path.endswith("/key.pem")
        if content and (chain := files.get(path.replace("key.pem", "fullchain.pem")))
        if _public(content) != _certified(chain)
    ]


def damage(disk: Disk) -> list[str]:
    """Say in what the live release is not whole."""
    files = dict(disk.live)
    manifest = files.pop("MANIFEST", b"")
    if not disk.current:
        return [] if disk.include is None else ["an include file without a release"]
    problems = []
    if hashlib.sha256(manifest).hexdigest()[:20] != disk.current.partition(".")[0]:
        problems.append(f"{disk.current} has another manifest")
    listed = {
        path: digest
        for kind, _, digest, path in (
            line.split(" ", 3) for line in manifest.decode().splitlines() if line.count(" ") >= 3
        )
        if kind == "file"
    }
    there = {path: hashlib.sha256(content).hexdigest() for path, content in files.items()}
    if listed != there:
        problems.append(f"{disk.current} differs from its manifest: {listed} {there}")
    if disk.include != files.get("include.conf"):
        problems.append("the include file is another release's")
    return problems


def leaves(disk: Disk) -> list[x509.Certificate]:
    """Every certificate of a server that is on the disk."""
    return [
        x509.load_pem_x509_certificates(content)[0]
        for files in disk.releases.values()
        for path, content in files.items()
        if path.endswith("/fullchain.pem") and content
    ]


def lists(disk: Disk) -> dict[str, int]:
    """The number of each revocation list of the live release, by its issuer."""
    blocks = [
        block
        for path, content in disk.live.items()
        if path.startswith("crl/")
        for block in re.findall(rb"-----BEGIN X509 CRL.*?END X509 CRL-----", content, re.DOTALL)
    ]
    found: dict[str, int] = {}
    for block in blocks:
        crl = x509.load_pem_x509_crl(block)
        number = crl.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number
        issuer = crl.issuer.rfc4514_string()
        found[issuer] = max(number, found.get(issuer, 0))
    return found


def _state(host: FleetHost) -> str:
    return host.layout.state_dir


def _listed(directory: Path) -> list[Path]:
    try:
        return sorted(directory.iterdir())
    except FileNotFoundError:
        return []


def read(path: Path) -> bytes:
    """Read a file, or nothing where there is none any more."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _files(release: Path) -> dict[str, bytes]:
    paths = [path for path in release.rglob("*") if path.is_file()]
    return {str(path.relative_to(release)): read(path) for path in paths}


def _line(text: str) -> Line:
    found = LINE.fullmatch(text)
    assert found, f"not a line of a journal: {text!r}"
    return Line(HostStep(found["step"]), found["token"], found["words"])


@cache
def _public(key: bytes) -> bytes:
    loaded = load_pem_private_key(key, None)
    return loaded.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@cache
def _certified(chain: bytes) -> bytes:
    leaf = x509.load_pem_x509_certificates(chain)[0]
    return leaf.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
