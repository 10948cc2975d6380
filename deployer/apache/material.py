"""
Material: what a release holds beside Apache's own files, and what those files are written for.

Certificates, keys, authorities and lists, as they will lie on the host.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Whom a virtual host lets in: everything that judges a client's certificate."""

    bundle: bytes
    """PEM: the issuing authorities and everything above them, up to the root."""
    names: bytes
    """PEM: the issuing authorities alone, whose names clients are shown."""
    crls: bytes | None
    """PEM: the CRLs of every authority in the bundle, or None where nobody looks into them."""
    depth: int
    """What `SSLVerifyDepth` must be at least: CA certificates above a leaf, root included."""
    issuers: tuple[str, ...]
    """The names of the issuing authorities, as Apache writes them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A virtual host's own certificate with its chain, and its key, as they lie on the host."""

    fullchain: bytes
    key_digest: str
    key: bytes | None = field(default=None, repr=False)
    """The key as PEM, or None when the host has it already and the controller does not."""
    on_host: str = ""
    """The digests of the files where somebody else keeps it on the host; empty where we do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendIdentity:
    """The client certificate that a virtual host shows to its backends."""

    fullchain: bytes
    """PEM: the certificate and the authorities above it, without the root."""
    digest: str
    """Of `content`, in lower-case hex."""
    content: bytes | None = field(default=None, repr=False)
    """Certificate and key as PEM, without the chain; None when the host alone has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Backend:
    """Whom a virtual host takes for its backends, and what it shows them."""

    trust: bytes
    """PEM: the authorities that certify backends, up to the root."""
    crls: bytes | None
    """PEM: their CRLs, or None where nobody has any."""
    depth: int
    """As `SSLProxyVerifyDepth` counts: CA certificates above a leaf, root included."""
    identity: BackendIdentity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """Everything for the sites of one host, by their slugs."""

    leaves: Mapping[str, Leaf] = field(default_factory=dict, repr=False)
    trust: Mapping[str, Trust] = field(default_factory=dict)
    """Of each site that asks for client certificates."""
    backends: Mapping[str, Backend] = field(default_factory=dict)
    """Of each site with an https backend."""
    passwords: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Of each site that asks for passwords: a file as `htpasswd` writes it."""
