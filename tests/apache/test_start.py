"""
Every kind of site in a real Apache: it starts, and lets in whom its inventory says.

The same inventory as the golden files; only ports, addresses and directories are this sandbox's.
"""

import socket
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.apache.compile import compile_release
from deployer.apache.material import Backend, BackendIdentity, Leaf, Material, Trust
from deployer.apache.names import distinguished_name
from deployer.apache.passwords import write_passwords
from deployer.inventory.loading import load_inventory
from deployer.layouts import LAYOUTS
from deployer.pki.keys import KeyType, key_digest, private_key_pem
from deployer.pki.pem import write_certificates, write_crls
from deployer.platforms import platform_of
from deployer.probe.handshake import End, Identity, ask
from deployer.sandbox import Sandbox, ports
from deployer.sources import read_sources
from deployer.spec.server import ServerSpec, server_specs
from deployer.spec.supplied import CertificateOnHost, CertificateSource
from deployer.spec.vhost import VhostSpec
from deployer.workflows.own_templates import templates_of
from tests.apache.test_rendering import CASES
from tests.host.machine import Machine, in_sandbox
from tests.host.releases import NOW
from tests.pki.examples import client_leaf, key_of, pki, server_leaf

REFUSED = "refused"
UP = "up"
"""The site answers, and its backend, which is not there, does not."""
# What alice gets, who has a certificate, and what somebody without one.
EXPECTED: Mapping[str, tuple[str, str]] = {
    "strict": ("200", REFUSED),
    "optional": ("200", "200"),
    "closed": ("200", "403"),
    "allow": ("200", REFUSED),
    "proxy": (UP, REFUSED),
    "backend": (UP, REFUSED),
    "certbot": ("200", "200"),
    "addresses": ("200", REFUSED),
    "leave": ("200", REFUSED),
    "modern": ("200", REFUSED),
    "extra": ("200", REFUSED),
    "template": ("200", REFUSED),
    # The other layouts' files differ in directories and ports alone: see test_rendering.
    "debian": ("200", REFUSED),
}


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    with tempfile.TemporaryDirectory(prefix="deployer-") as name:
        Path(name).chmod(0o711)
        with Sandbox.start(Path(name) / "sandbox") as sandbox:
            yield in_sandbox(sandbox)


@pytest.fixture(scope="module")
def specs() -> dict[str, ServerSpec]:
    inventory = load_inventory(read_sources([CASES / "hosts.yml"]))
    return {spec.host: spec for spec in server_specs(inventory.hosts.values())}


def here(spec: ServerSpec, machine: Machine) -> ServerSpec:
    """Move a host's sites to this sandbox."""
    with ports.reserve() as held:
        plain = ports.number(held)
    port = machine.lab.https_port
    sites = tuple(
        site.model_copy(
            update={
                "listen": f"{machine.lab.address}:{port}" if ":" in str(site.listen) else port,
                "document_root": site.document_root and machine.lab.document_root,
                "redirect_http": site.redirect_port and plain,
                "certificate": kept_here(site, machine),
            }
        )
        for site in spec.vhosts
    )
    return replace(spec, layout=machine.layout, vhosts=sites)


def kept_here(site: VhostSpec, machine: Machine) -> CertificateSource:
    """Put what another program keeps where it may be in a sandbox."""
    if site.certificate.on_host is None:
        return site.certificate
    chain, key = (Path(machine.layout.config_root, name) for name in ("other.pem", "other.key"))
    leaf = leaf_of(site)
    chain.write_bytes(leaf.fullchain)
    key.write_bytes(leaf.key or b"")
    return CertificateSource(
        on_host=CertificateOnHost(certificate=str(chain), private_key=str(key))
    )


def leaf_of(site: VhostSpec) -> Leaf:
    servers = pki(now=NOW).servers
    chain = servers.authority.fullchain(server_leaf(servers, *site.names, now=NOW))
    key = private_key_pem(key_of(KeyType.P256, "server"))
    return Leaf(fullchain=write_certificates(chain), key_digest=key_digest(key), key=key)


def material(spec: ServerSpec) -> Material:
    """Make what a release holds beside Apache's files."""
    authorities = pki(now=NOW)
    clients, servers = authorities.clients.authority, authorities.servers.authority
    crls = write_crls(authorities.crls(NOW))
    identity = write_certificates([client_leaf(authorities.clients, "shop gateway", now=NOW)])
    content = identity + private_key_pem(key_of(KeyType.P256, "client"))
    trust = Trust(
        bundle=clients.bundle_pem,
        names=write_certificates([clients.certificate]),
        crls=crls,
        depth=2,
        issuers=(distinguished_name(clients.certificate.subject),),
    )
    shown = BackendIdentity(fullchain=identity, digest=key_digest(content), content=content)
    backend = Backend(trust=servers.bundle_pem, crls=crls, depth=2, identity=shown)
    ours = [site for site in spec.vhosts if site.certificate.on_host is None]
    users = {site.slug: site.passwords.users for site in spec.vhosts if site.passwords}
    return Material(
        leaves={site.slug: leaf_of(site) for site in ours},
        trust=dict.fromkeys((site.slug for site in spec.vhosts), trust),
        backends={site.slug: backend for site in spec.vhosts if site.tls_route},
        passwords={slug: write_passwords(known) for slug, known in users.items()},
    )


def answer(machine: Machine, site: VhostSpec, name: str) -> str:
    """Knock as somebody, or as nobody in particular."""
    identity = None
    if name:
        clients = pki(now=NOW).clients
        identity = Identity(
            certificate=client_leaf(clients, name, now=NOW),
            chain=clients.authority.bundle[:-1],
            key=key_of(KeyType.P256, "client"),
        )
    said = ask(
        lambda: socket.create_connection((machine.lab.address, site.port), timeout=10),
        site.server_name,
        identity,
    )
    assert said.end in {End.ANSWERED, End.REFUSED}, said
    if said.status is None:
        return REFUSED
    return UP if said.status >= 500 else str(said.status)


def test_every_kind_is_tried(specs: dict[str, ServerSpec]) -> None:
    assert set(EXPECTED) == set(specs) - set(LAYOUTS) | {"debian"}


@pytest.mark.parametrize("case", EXPECTED)
def test_it_starts_and_lets_in_whom_it_should(
    case: str, specs: dict[str, ServerSpec], machine: Machine
) -> None:
    spec = here(specs[case], machine)
    platform = platform_of(machine.observe(), machine.layout)
    assert platform is not None

    machine.deploy(compile_release(spec, platform, material(spec), templates_of(CASES)))

    for site in spec.vhosts:
        assert (answer(machine, site, "alice"), answer(machine, site, "")) == EXPECTED[case]
