"""
Compile a server's spec and its TLS material into the release that its host should have.

Pure: the same spec and material give the same bytes, so a plan is a comparison of digests.
"""

from collections.abc import Iterator

from deployer.apache.material import Backend, Material
from deployer.apache.rendering import Templates
from deployer.apache.sites import modules_for, render_sites
from deployer.pki.crl import newest_numbers
from deployer.platforms import Platform
from deployer.release import File, Release
from deployer.spec.server import ServerSpec

DEFAULT_FIRST = "000-deployer.conf"
DEFAULT_LEFT = "zzz-deployer.conf"
ON_HOST = "on-host.sha256"
"""What a release holds in place of a certificate that is not ours to move: `sha256sum` lines."""


def compile_release(
    spec: ServerSpec, platform: Platform, material: Material, templates: Templates
) -> Release:
    """Compile the complete release of a host."""
    files = [
        File.of(path, text.encode())
        for path, text in render_sites(
            spec, platform, material.trust, material.backends, templates
        ).items()
    ]
    for slug, leaf in material.leaves.items():
        if leaf.on_host:
            # Nothing reads it: with it, another certificate there is another release.
            files.append(File.of(f"tls/{slug}/{ON_HOST}", leaf.on_host.encode()))
        else:
            files.append(File.of(f"tls/{slug}/fullchain.pem", leaf.fullchain))
            files.append(_secret(f"tls/{slug}/key.pem", leaf.key_digest, leaf.key))
    for slug, bundle in material.trust.items():
        files.append(File.of(f"trust/{slug}.pem", bundle.bundle))
        files.append(File.of(f"trust/{slug}.names.pem", bundle.names))
        if bundle.crls is not None:
            files.append(File.of(f"crl/{slug}.pem", bundle.crls))
    for slug, backend in material.backends.items():
        files += _backend_files(f"backend/{slug}", backend)
    for slug, passwords in material.passwords.items():
        files.append(File.of(f"auth/{slug}.htpasswd", passwords, secret=True, group=True))
    return Release(
        files=tuple(files),
        include=DEFAULT_FIRST if spec.default_vhost == "deny" else DEFAULT_LEFT,
        modules=modules_for(spec.vhosts),
        ports=tuple(sorted({vhost.port for vhost in spec.vhosts})),
        lists=_newest_lists(material),
    )


def _newest_lists(material: Material) -> tuple[tuple[str, int], ...]:
    found: dict[str, int] = {}
    trust, backends = material.trust.values(), material.backends.values()
    for crls in (*(one.crls for one in trust), *(one.crls for one in backends)):
        for authority, number in newest_numbers(crls or b""):
            found[authority] = max(number, found.get(authority, 0))
    return tuple(sorted(found.items()))


def _backend_files(directory: str, backend: Backend) -> Iterator[File]:
    yield File.of(f"{directory}/trust.pem", backend.trust)
    if backend.crls is not None:
        yield File.of(f"{directory}/crl.pem", backend.crls)
    if backend.identity is not None:
        one = backend.identity
        yield File.of(f"{directory}/certificate.pem", one.fullchain)
        yield _secret(f"{directory}/identity.pem", one.digest, one.content)


def _secret(path: str, digest: str, content: bytes | None) -> File:
    """Make a secret file, or name the one that the host has and we do not."""
    return File.kept(path, digest) if content is None else File.of(path, content, secret=True)
