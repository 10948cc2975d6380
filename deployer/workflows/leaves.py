"""The certificates of servers: which to keep, which to issue, and the issuing itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from deployer.apache.material import Leaf
from deployer.decision import ASKED_FOR, Held, Wanted, reason_to_issue
from deployer.observation import Observation
from deployer.pki import pem
from deployer.pki.authority import Authority, Signer
from deployer.pki.issue import LeafRequest
from deployer.pki.keys import key_digest, private_key_pem
from deployer.pki.names import LONGEST_COMMON_NAME, subject_alternative_names
from deployer.pki.profiles import SERVER
from deployer.spec.server import ServerSpec
from deployer.spec.supplied import CertificateOnHost
from deployer.spec.vhost import VhostSpec
from deployer.store.randomness import generate_key
from deployer.store.records import CertificateRequest
from deployer.store.state import Store
from deployer.workflows.checks import on_host_chain
from deployer.workflows.supplies import Supplies

UNISSUED = Leaf(fullchain=b"", key_digest="")
"""Stands in a plan for a certificate that will be issued: different from whatever is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What happens to the certificates of one host, by the slug of the virtual host."""

    kept: Mapping[str, Leaf]
    """What stays as it is, and what others supply; one that is not there yet is missing."""
    due: Mapping[str, str]
    """Why each of these needs a new certificate."""

    def preview(self) -> dict[str, Leaf]:
        """Return every leaf of the host, with a stand-in for those not yet issued."""
        return {**self.kept, **dict.fromkeys(self.due, UNISSUED)}


def decide(
    spec: ServerSpec,
    found: Observation,
    store: Store,
    supplies: Supplies,
    now: datetime,
    *,
    anew: bool = False,
) -> Decision:
    """
    Keep what is good or not ours to issue, and say why the rest is not.

    `anew`: what is ours to issue is replaced, good or not.
    """
    kept: dict[str, Leaf] = {}
    due: dict[str, str] = {}
    issuer = store.authorities.current(SERVER.authority)
    for vhost in spec.vhosts:
        if not vhost.certificate.is_issued:
            if (leaf := _supplied(vhost, found, supplies)) is not None:
                kept[vhost.slug] = leaf
            continue
        issued = store.certificates.of_target(
            kind="server",
            host=spec.host,
            name=vhost.slug,
            key_sha256=found.digest(f"tls/{vhost.slug}/key.pem"),
        )
        held = None
        if issued is not None:
            held = Held(
                certificate=issued.certificate,
                fullchain=issued.fullchain_pem,
                key_digest=issued.key_sha256,
            )
        wanted = Wanted(
            slug=vhost.slug,
            names=subject_alternative_names(hosts=vhost.names, wildcard=True),
            key_type=vhost.key_type,
            issuer=issuer.certificate,
        )
        reason = reason_to_issue(wanted, held, found, now) or (ASKED_FOR if anew else None)
        if reason is not None:
            due[vhost.slug] = reason + _cut(vhost, issuer, now)
        elif held is not None:
            kept[vhost.slug] = Leaf(fullchain=held.fullchain, key_digest=held.key_digest)
    return Decision(kept=kept, due=due)


def _cut(vhost: VhostSpec, issuer: Authority, now: datetime) -> str:
    """Say of a certificate that its authority will end first, and it with that."""
    end = issuer.certificate.not_valid_after_utc
    if now + vhost.lifetime <= end:
        return ""
    return f"; it will end with its authority on {end:%Y-%m-%d}"


def _supplied(vhost: VhostSpec, found: Observation, supplies: Supplies) -> Leaf | None:
    if vhost.certificate.files is not None:
        return supplies.leaves[vhost.certificate.files]
    source = vhost.certificate.on_host
    return None if source is None else _on_host(source, found)


def _on_host(source: CertificateOnHost, found: Observation) -> Leaf | None:
    if any(path not in found.watched for path in source.paths):
        return None
    chain = on_host_chain(source, found)
    try:
        pem.read_certificates(chain)
    except pem.MalformedPem:
        return None
    return Leaf(
        fullchain=chain,
        key_digest=found.watched[source.private_key].digest,
        # A digest of a key says nothing of it: there is too much chance in a key to try them all.
        on_host="".join(f"{found.watched[path].digest}  {path}\n" for path in source.paths),
    )


def issue(
    due: Sequence[tuple[ServerSpec, Decision]], store: Store, signer: Signer, now: datetime
) -> dict[str, dict[str, Leaf]]:
    """
    Issue everything that is due, for all hosts in one batch, and return the leaves by host.

    The keys are made here and live in the result alone, until they travel to their hosts.
    """
    orders = [
        _order(spec.host, vhost)
        for spec, decision in due
        for vhost in spec.vhosts
        if vhost.slug in decision.due
    ]
    issued = store.certificates.issue_all([request for request, _ in orders], signer, now=now)
    leaves: dict[str, dict[str, Leaf]] = {}
    for certificate, (request, key) in zip(issued, orders, strict=True):
        leaves.setdefault(request.host, {})[request.name] = Leaf(
            fullchain=certificate.fullchain_pem, key_digest=request.key_sha256, key=key
        )
    return leaves


def _order(host: str, vhost: VhostSpec) -> tuple[CertificateRequest, bytes]:
    key = generate_key(vhost.key_type)
    pem = private_key_pem(key)
    name = vhost.server_name
    leaf = LeafRequest(
        profile=SERVER,
        common_name=name if len(name) <= LONGEST_COMMON_NAME else "",
        alternative_names=subject_alternative_names(hosts=vhost.names, wildcard=True),
        public_key=key.public_key(),
        lifetime=vhost.lifetime,
    )
    digest = key_digest(pem)
    return CertificateRequest(leaf=leaf, host=host, name=vhost.slug, key_sha256=digest), pem
