"""Whom virtual hosts let in: authorities of the state and of the project's files, put together."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from cryptography import x509

from deployer.apache.compile import Trust
from deployer.apache.names import distinguished_name
from deployer.errors import DeployerError
from deployer.pki import pem
from deployer.pki.authority import Authority, Signer
from deployer.pki.crl import CRL
from deployer.pki.material import title
from deployer.pki.profiles import CLIENT
from deployer.pki.trust import depth, is_signed_by, issuing
from deployer.release import Release
from deployer.spec.server import ServerSpec
from deployer.spec.vhost import VhostSpec
from deployer.store.state import Store
from deployer.workflows.supplies import Supplies


class Unlock(Protocol):
    """Open the key of an authority; asks for the passphrase the first time only."""

    def __call__(self, authority: str, generation: int | None = None, /) -> Signer:
        """Open that of a generation, or of the one that issues now."""


class TooShallow(DeployerError):
    """A verification depth at which no client of ours would get in."""


class NoList(DeployerError):
    """An authority whose revocation list would be looked into, and is nowhere."""


UNSIGNED = b""
"""Stands in a plan for revocation lists that will be signed anew."""


def trust_of(
    spec: ServerSpec, store: Store, supplies: Supplies, *, stale: Collection[Authority] = ()
) -> dict[str, Trust]:
    """
    Build the trust of every virtual host that asks for certificates, by slug.

    `stale` has the authorities whose lists are about to be replaced.
    """
    return {
        vhost.slug: _trust(spec.host, vhost, store, supplies, stale)
        for vhost in spec.vhosts
        if vhost.client_auth.verify != "none"
    }


def ladders(
    vhost: VhostSpec, store: Store, supplies: Supplies
) -> dict[x509.Certificate, tuple[CRL, ...]]:
    """Find the lists that a virtual host gets, by the authority that signed them."""
    if not _looks(vhost):
        return {}
    bundle = _bundle(vhost, store, supplies)
    found = {
        ca.certificate: lists
        for ca in store.authorities.list()
        if ca.certificate in bundle and (lists := store.crls.current(ca))
    }
    for one in vhost.client_auth.authorities:
        for crl in supplies.authorities[one].lists if one.file else ():
            for ca in bundle:
                if is_signed_by(crl, ca) and crl not in (known := found.get(ca, ())):
                    found[ca] = (*known, crl)
    return found


def looked_into(vhost: VhostSpec, store: Store, supplies: Supplies) -> tuple[Authority, ...]:
    """List the authorities of ours whose lists a virtual host gets: all in its bundle."""
    bundle = _bundle(vhost, store, supplies) if _looks(vhost) else ()
    return tuple(ca for ca in store.authorities.list() if ca.certificate in bundle)


def unsigned(release: Release) -> frozenset[str]:
    """Name the files of a planned release whose lists will be signed anew."""
    return frozenset(
        file.path
        for file in release.files
        if file.path.startswith("crl/") and file.content == UNSIGNED
    )


def crls_due(store: Store, now: datetime) -> tuple[Authority, ...]:
    """
    List the authorities whose lists should be signed anew, and whose keys are here.

    A root whose key was taken elsewhere must not keep every host from its release for half a
    year: its list is good until then, and status warns.
    """
    here = {one.authority.certificate for one in store.authorities.records() if one.has_key}
    return tuple(ca for ca in store.crls.due(now) if ca.certificate in here)


def _trust(
    host: str, vhost: VhostSpec, store: Store, supplies: Supplies, stale: Collection[Authority]
) -> Trust:
    bundle = _bundle(vhost, store, supplies)
    # The authority itself issues clients, also where it issued others of the bundle as well.
    ours = {ca.certificate for ca in _ours(vhost, store)}
    below = issuing(bundle)
    issuers = tuple(one for one in bundle if one in ours or one in below)
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
        names=pem.write_certificates(issuers),
        crls=_lists(host, vhost, store, supplies, stale),
        depth=asked or needed,
        issuers=tuple(dict.fromkeys(distinguished_name(one.subject) for one in issuers)),
    )


def _lists(
    host: str, vhost: VhostSpec, store: Store, supplies: Supplies, stale: Collection[Authority]
) -> bytes | None:
    if not _looks(vhost):
        return None
    found = ladders(vhost, store, supplies)
    bundle = _bundle(vhost, store, supplies)
    lowest = issuing(bundle)
    for ca in bundle if vhost.client_auth.revocation == "chain" else lowest:
        if ca not in found:
            less = "none" if ca in lowest else "leaf"
            raise NoList(
                f"{host}: {vhost.server_name}: there is no CRL of {title(ca)}, and without one "
                "every client below it is refused",
                hint="bring it, with its CA, in client_auth.authorities: {file: …, crl: …}; or "
                f"set revocation: {less}",
            )
    if any(ca.certificate in found for ca in stale):
        return UNSIGNED
    return pem.write_crls(crl for ladder in found.values() for crl in ladder)


def _looks(vhost: VhostSpec) -> bool:
    return vhost.client_auth.verify != "none" and vhost.client_auth.revocation != "none"


def _bundle(vhost: VhostSpec, store: Store, supplies: Supplies) -> tuple[x509.Certificate, ...]:
    """Put together every authority that a virtual host trusts, each once."""
    ours = [one for ca in _ours(vhost, store) for one in ca.bundle]
    foreign = [
        certificate
        for one in vhost.client_auth.authorities
        if one.file is not None
        for certificate in supplies.authorities[one].certificates
    ]
    return tuple(dict.fromkeys([*ours, *foreign]))


def _ours(vhost: VhostSpec, store: Store) -> tuple[Authority, ...]:
    if all(one.file is not None for one in vhost.client_auth.authorities):
        return ()
    return store.authorities.trusted(CLIENT.authority)
