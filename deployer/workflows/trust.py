"""Whom virtual hosts let in, put together from the authorities in the state, and checked."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from deployer.apache.compile import Leaf, Trust
from deployer.errors import DeployerError, StepFailed, nearest
from deployer.pki import pem
from deployer.pki.authority import Authority, Signer
from deployer.pki.material import Problem, check_server
from deployer.pki.profiles import AUTHORITIES, ROOT
from deployer.pki.renewal import are_crls_due
from deployer.pki.trust import check_crls, check_trust, depth
from deployer.release import Release
from deployer.result import Step
from deployer.spec.server import ServerSpec
from deployer.spec.vhost import VhostSpec
from deployer.store.state import Store

Unlock = Callable[[str], Signer]
"""Open the key of an authority by name; asks for the passphrase the first time only."""


class PassphraseMissing(DeployerError):
    """Something is to be signed, and there is nobody to ask for the passphrase."""


class TooShallow(DeployerError):
    """A verification depth at which no client of ours would get in."""


UNSIGNED = b""
"""Stands in a plan for revocation lists that will be signed anew."""


def trust_of(spec: ServerSpec, store: Store, *, stale: Collection[str] = ()) -> dict[str, Trust]:
    """
    Build the trust of every virtual host that asks for certificates, by slug.

    `stale` names the authorities whose lists are about to be replaced.
    """
    return {
        vhost.slug: _trust(spec.host, vhost, store, stale)
        for vhost in spec.vhosts
        if vhost.client_auth.verify != "none"
    }


def looked_into(vhost: VhostSpec) -> frozenset[str]:
    """Name the authorities whose lists a virtual host gets: every one above its clients."""
    auth = vhost.client_auth
    if auth.verify == "none" or auth.revocation == "none":
        return frozenset()
    # Every authority of ours is below the root, whose lists are in the same file.
    return frozenset({ROOT.name, *auth.authorities})


def unsigned(release: Release) -> frozenset[str]:
    """Name the files of a planned release whose lists will be signed anew."""
    return frozenset(
        file.path
        for file in release.files
        if file.path.startswith("crl/") and file.content == UNSIGNED
    )


def crls_due(store: Store, now: datetime) -> tuple[str, ...]:
    """Name the authorities whose lists should be signed anew."""
    return tuple(
        name
        for name in AUTHORITIES
        if are_crls_due(store.crls.current(store.authorities.current(name)), now)
    )


def check(
    spec: ServerSpec, leaves: Mapping[str, Leaf], trust: Mapping[str, Trust], clock: datetime
) -> None:
    """
    Refuse material that would kill the server or lock its clients out, before it is sent.

    `clock` is what the host reads: it is the host that will judge the dates.
    """
    found: list[Problem] = []
    for vhost in spec.vhosts:
        leaf = leaves[vhost.slug]
        found += check_server(
            vhost.slug,
            fullchain=leaf.fullchain,
            private_key=leaf.key,
            names=vhost.names,
            now=clock,
        )
        if vhost.slug in trust:
            found += _check_clients(vhost, trust[vhost.slug], clock)
    if found:
        cause = "\n".join(f"{problem.subject}: {problem.message}" for problem in found)
        raise StepFailed(spec.host, Step.CHECK, cause, hint=found[0].hint)


def _check_clients(vhost: VhostSpec, trust: Trust, clock: datetime) -> tuple[Problem, ...]:
    problems = check_trust(vhost.slug, trust.bundle, now=clock)
    revocation = vhost.client_auth.revocation
    if problems or revocation == "none" or trust.crls is None:
        return problems
    anchors = pem.read_certificates(trust.bundle)
    return check_crls(vhost.slug, trust.crls, trust=anchors, revocation=revocation, now=clock)


def _trust(host: str, vhost: VhostSpec, store: Store, stale: Collection[str]) -> Trust:
    authorities = [_authority(host, vhost, name, store) for name in vhost.client_auth.authorities]
    bundle = tuple(dict.fromkeys(one for ca in authorities for one in ca.bundle))
    needed = depth(bundle)
    asked = vhost.client_auth.depth
    if asked is not None and asked < needed:
        raise TooShallow(
            f"{host}: {vhost.server_name}: client_auth.depth {asked} would refuse every client: "
            f"there are {needed} authorities above their certificates",
            hint="leave depth out, and it is computed",
        )
    return Trust(
        bundle=pem.write_certificates(bundle),
        names=pem.write_certificates(ca.certificate for ca in authorities),
        crls=_lists(vhost, bundle, store, stale),
        depth=asked or needed,
        issuers=tuple(_common_name(ca.certificate) for ca in authorities),
    )


def _lists(
    vhost: VhostSpec, bundle: Collection[x509.Certificate], store: Store, stale: Collection[str]
) -> bytes | None:
    names = looked_into(vhost)
    if not names:
        return None
    if names & set(stale):
        return UNSIGNED
    above = [ca for ca in store.authorities.list() if ca.certificate in bundle]
    return pem.write_crls(crl for ca in above for crl in store.crls.current(ca))


def _authority(host: str, vhost: VhostSpec, name: str, store: Store) -> Authority:
    issuing = [one for one in AUTHORITIES if one != ROOT.name]
    if name not in issuing:
        raise DeployerError(
            f"{host}: {vhost.server_name}: there is no authority named {name}",
            hint=nearest(name, issuing),
        )
    return store.authorities.current(name)


def _common_name(certificate: x509.Certificate) -> str:
    (attribute,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(attribute.value)
