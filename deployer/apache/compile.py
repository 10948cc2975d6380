"""
Compile a server's spec and its TLS material into the release that its host should have.

Pure: the same spec and material give the same bytes, so a plan is a comparison of digests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from deployer.apache.rendering import Templates
from deployer.platforms import Platform
from deployer.release import File, Release
from deployer.spec.server import ServerSpec
from deployer.spec.vhost import VhostSpec

DEFAULT_FIRST = "000-deployer.conf"
DEFAULT_LEFT = "zzz-deployer.conf"
ON_HOST = "on-host.sha256"
"""What a release holds in place of a certificate that is not ours to move: `sha256sum` lines."""


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


def render_sites(
    spec: ServerSpec, platform: Platform, trust: Mapping[str, Trust], templates: Templates
) -> dict[str, str]:
    """
    Render every Apache file of a host, by its path in the release. Needs no key.

    `trust` maps the slug of each virtual host that asks for client certificates.
    """
    first_on = {vhost.address: vhost for vhost in reversed(spec.vhosts)}
    listens = sorted(
        {vhost.listen for vhost in spec.vhosts if vhost.port not in platform.layout.listens},
        key=str,
    )
    deny = spec.default_vhost == "deny"
    sites = {
        "include.conf": templates.render("apache/include.conf.j2", layout=platform.layout),
        "sites/000-server.conf": templates.render(
            "apache/server.conf.j2",
            host=spec.host,
            listens=listens,
            defaults=[first_on[address] for address in sorted(first_on)] if deny else (),
        ),
    }
    for vhost in spec.vhosts:
        sites[f"sites/{vhost.slug}.conf"] = templates.render(
            "apache/vhost.conf.j2",
            host=spec.host,
            layout=platform.layout,
            site=vhost,
            trust=trust.get(vhost.slug),
        )
    return sites


def compile_release(
    spec: ServerSpec,
    platform: Platform,
    leaves: Mapping[str, Leaf],
    trust: Mapping[str, Trust],
    templates: Templates,
) -> Release:
    """Compile the complete release of a host."""
    files = [
        File.of(path, text.encode())
        for path, text in render_sites(spec, platform, trust, templates).items()
    ]
    for slug, leaf in leaves.items():
        if leaf.on_host:
            # Nothing reads it: with it, another certificate there is another release.
            files.append(File.of(f"tls/{slug}/{ON_HOST}", leaf.on_host.encode()))
        else:
            files.append(File.of(f"tls/{slug}/fullchain.pem", leaf.fullchain))
            files.append(_key_file(f"tls/{slug}/key.pem", leaf))
    for slug, bundle in trust.items():
        files.append(File.of(f"trust/{slug}.pem", bundle.bundle))
        files.append(File.of(f"trust/{slug}.names.pem", bundle.names))
        if bundle.crls is not None:
            files.append(File.of(f"crl/{slug}.pem", bundle.crls))
    return Release(
        files=tuple(files),
        include=DEFAULT_FIRST if spec.default_vhost == "deny" else DEFAULT_LEFT,
        modules=_modules(spec.vhosts),
        ports=tuple(sorted({vhost.port for vhost in spec.vhosts})),
    )


def _key_file(path: str, leaf: Leaf) -> File:
    if leaf.key is None:
        return File.kept(path, leaf.key_digest)
    return File.of(path, leaf.key, secret=True)


def _modules(vhosts: tuple[VhostSpec, ...]) -> tuple[str, ...]:
    # Without any site as well: the log format that the server's own file defines is of mod_ssl.
    modules = {"ssl"}
    if any(vhost.proxy for vhost in vhosts):
        modules |= {"headers", "proxy", "proxy_http"}
    return tuple(sorted(modules))
