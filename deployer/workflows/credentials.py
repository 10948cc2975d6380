"""
The identities that sites show to their backends: which to keep, which to issue, and the issuing.

They are client certificates like those that people get, but made, renewed and replaced as the
certificates of servers are: the key is made in memory, and lives on the host alone.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509

from deployer.apache.material import BackendIdentity
from deployer.decision import (
    ASKED_FOR,
    HeldIdentity,
    Wanted,
    certificate_path,
    kept_identity,
    reason_to_identify,
)
from deployer.observation import Observation
from deployer.pki import pem
from deployer.pki.authority import Signer
from deployer.pki.issue import LeafRequest
from deployer.pki.keys import key_digest, private_key_pem
from deployer.pki.names import identity_alternative_names
from deployer.pki.profiles import CLIENT
from deployer.spec.server import ServerSpec
from deployer.spec.vhost import VhostSpec
from deployer.store.randomness import generate_key
from deployer.store.records import CertificateRequest
from deployer.store.state import Store

UNISSUED = BackendIdentity(fullchain=b"", digest="")
"""Stands in for an identity that will be issued, or that only its host knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What happens to the identities of one host, by the slug of the virtual host."""

    kept: Mapping[str, BackendIdentity]
    due: Mapping[str, str]
    """Why each of these needs a new one."""
    there: Mapping[str, x509.Certificate] = field(repr=False)
    """What is on the host, as far as it is on record."""

    def preview(self) -> dict[str, BackendIdentity]:
        """Return every identity of the host, with a stand-in for those not yet issued."""
        return {**self.kept, **dict.fromkeys(self.due, UNISSUED)}


def unissued(spec: ServerSpec) -> dict[str, BackendIdentity]:
    """Return stand-ins for every identity of a host that nobody asked what it has."""
    return {vhost.slug: UNISSUED for vhost, _ in _presenting(spec)}


def decide(
    spec: ServerSpec, found: Observation, store: Store, now: datetime, *, anew: bool = False
) -> Credentials:
    """Keep the identities that are good, and say why the others are not; `anew`: replace all."""
    kept: dict[str, BackendIdentity] = {}
    due: dict[str, str] = {}
    there: dict[str, x509.Certificate] = {}
    for vhost, name in _presenting(spec):
        held = _held(spec.host, found.digest(certificate_path(vhost.slug)), store)
        wanted = Wanted(
            slug=vhost.slug,
            names=identity_alternative_names(name),
            key_type=vhost.key_type,
            issuer=store.authorities.current(CLIENT.authority).certificate,
        )
        reason = reason_to_identify(wanted, held, found, now) or (ASKED_FOR if anew else None)
        digest = kept_identity(vhost.slug, found)
        if held is not None:
            there[vhost.slug] = held.certificate
        if reason is not None:
            due[vhost.slug] = reason
        elif held is not None and digest is not None:
            kept[vhost.slug] = BackendIdentity(fullchain=held.fullchain, digest=digest)
    return Credentials(kept=kept, due=due, there=there)


def issue(
    due: Sequence[tuple[ServerSpec, Credentials]], store: Store, signer: Signer, now: datetime
) -> dict[str, dict[str, BackendIdentity]]:
    """Issue every identity that is due, for all hosts in one batch, and return them by host."""
    orders = [
        (spec.host, vhost, *_order(spec.host, vhost, name))
        for spec, credentials in due
        for vhost, name in _presenting(spec)
        if vhost.slug in credentials.due
    ]
    issued = store.certificates.issue_all([order[2] for order in orders], signer, now=now)
    found: dict[str, dict[str, BackendIdentity]] = {}
    for certificate, (host, vhost, _, key) in zip(issued, orders, strict=True):
        # The chain is no part of it: Apaches before 2.4.59 end over an authority in this file.
        content = pem.write_certificates([certificate.certificate]) + key
        found.setdefault(host, {})[vhost.slug] = BackendIdentity(
            fullchain=certificate.fullchain_pem, digest=key_digest(content), content=content
        )
    return found


def _presenting(spec: ServerSpec) -> list[tuple[VhostSpec, str]]:
    """List the sites that show an identity to their backends, and which."""
    routes = [(vhost, vhost.tls_route) for vhost in spec.vhosts]
    return [(vhost, route.identity) for vhost, route in routes if route and route.identity]


def _held(host: str, digest: str | None, store: Store) -> HeldIdentity | None:
    """
    Find the certificate on record that a host has, whatever name it was issued for.

    Newest first: the books have one for each renewal of each of its sites.
    """
    if digest is None:
        return None
    for record in reversed(store.certificates.list(kind="client", host=host)):
        if record.status != "issued":
            continue
        issued = store.certificates.read(record.serial)
        if hashlib.sha256(issued.fullchain_pem).hexdigest() == digest:
            return HeldIdentity(
                certificate=issued.certificate,
                fullchain=issued.fullchain_pem,
                revoked=record.revoked_at is not None,
            )
    return None


def _order(host: str, vhost: VhostSpec, name: str) -> tuple[CertificateRequest, bytes]:
    key = generate_key(vhost.key_type)
    text = private_key_pem(key)
    leaf = LeafRequest(
        profile=CLIENT,
        common_name=name,
        alternative_names=identity_alternative_names(name),
        public_key=key.public_key(),
        lifetime=vhost.lifetime,
    )
    request = CertificateRequest(leaf=leaf, host=host, name=name, key_sha256=key_digest(text))
    return request, text
