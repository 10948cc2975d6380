"""Whom virtual hosts let in: authorities of the state and of the project's files, put together."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Protocol

from cryptography import x509

from deployer.apache.material import Trust
from deployer.apache.names import distinguished_name
from deployer.errors import DeployerError
from deployer.pki import pem
from deployer.pki.authority import Authority, Signer
from deployer.pki.crl import CRL
from deployer.pki.material import title
from deployer.pki.profiles import CLIENT
from deployer.pki.scope import distinct, is_signed_by
from deployer.pki.trust import depth, issuing
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


class NoIssuer(DeployerError):
    """A virtual host that asks for certificates and would accept none."""


class NoList(DeployerError):
    """An authority whose revocation list would be looked into, and is nowhere."""


UNSIGNED = b""
"""Stands in a plan for revocation lists that will be signed anew."""


def trust_of(
    spec: ServerSpec,
    store: Store,
    supplies: Supplies,
    *,
    now: datetime,
    stale: Collection[Authority] = (),
) -> dict[str, Trust]:
    """
    Build the trust of every virtual host that asks for certificates, by slug.

    `stale` has the authorities whose lists are about to be replaced.
    """
    return {
        vhost.slug: _trust(spec.host, vhost, store, supplies, now=now, stale=stale)
        for vhost in spec.vhosts
        if vhost.client_auth.verify != "none"
    }


def ladders(
    vhost: VhostSpec, store: Store, supplies: Supplies, *, now: datetime
) -> dict[x509.Certificate, tuple[CRL, ...]]:
    """Find the lists that a virtual host gets, by the authority that signed them."""
    if not _looks(vhost):
        return {}
    bundle = _bundle(vhost, store, supplies, now=now)
    given = [one for one in vhost.client_auth.authorities if one.file]
    return lists_of(
        bundle, [crl for one in given for crl in supplies.authorities[one].lists], store
    )


def lists_of(
    bundle: Collection[x509.Certificate], others: Collection[CRL], store: Store
) -> dict[x509.Certificate, tuple[CRL, ...]]:
    """Find the lists of the authorities in a bundle: ours, and what others brought."""
    found = {
        ca.certificate: lists
        for ca in store.authorities.list()
        if ca.certificate in bundle and (lists := store.crls.current(ca))
    }
    for crl in others:
        for ca in bundle:
            if is_signed_by(crl, ca) and crl not in (known := found.get(ca, ())):
                found[ca] = (*known, crl)
    return found


def lasting(name: str, store: Store, now: datetime) -> tuple[Authority, ...]:
    """
    List the generations of an authority that hosts trust, without those that are over.

    Nobody gets in by them any more, and an expired authority in a bundle is refused as a whole.
    """
    trusted = store.authorities.trusted(name)
    remaining = (ca for ca in trusted if all(now < one.not_valid_after_utc for one in ca.bundle))
    return tuple(remaining) or trusted


def issuers(
    vhost: VhostSpec, store: Store, supplies: Supplies, *, now: datetime
) -> tuple[x509.Certificate, ...]:
    """
    Find the authorities whose clients a virtual host lets in: ours, and the lowest of each file.

    Of each file, for an authority may issue clients in one project and authorities in another.
    One above ours is there for its list: whom else it certified is nobody whom we know.
    """
    ours = _ours(vhost, store, now)
    above = {one for ca in ours for one in ca.bundle[1:]}
    lowest = {
        certificate
        for one in vhost.client_auth.authorities
        if one.file is not None
        for certificate in issuing(supplies.authorities[one].certificates)
        if certificate not in above
    } | {ca.certificate for ca in ours}
    return tuple(one for one in _bundle(vhost, store, supplies, now=now) if one in lowest)


def admitting_ours(spec: ServerSpec, store: Store, trust: Mapping[str, Trust]) -> frozenset[str]:
    """
    Name the virtual hosts that let in clients of ours, by slug.

    It is not the word in the inventory that decides: a file may hold our authority as well.
    """
    ours = {ca.certificate for ca in store.authorities.trusted(CLIENT.authority)}
    return frozenset(
        vhost.slug
        for vhost in spec.vhosts
        if vhost.slug not in trust
        or not ours.isdisjoint(pem.read_certificates(trust[vhost.slug].names))
    )


def looked_into(
    vhost: VhostSpec, store: Store, supplies: Supplies, *, now: datetime
) -> tuple[Authority, ...]:
    """List the authorities of ours whose lists a virtual host gets: all in its bundle."""
    bundle = _bundle(vhost, store, supplies, now=now) if _looks(vhost) else ()
    return tuple(ca for ca in store.authorities.list() if ca.certificate in bundle)


def unsigned(release: Release) -> frozenset[str]:
    """Name the files of a planned release whose lists will be signed anew."""
    return frozenset(
        file.path
        for file in release.files
        if file.content == UNSIGNED
        and (file.path.startswith("crl/") or file.path.endswith("/crl.pem"))
    )


def crls_due(store: Store, now: datetime, *, anew: bool = False) -> tuple[Authority, ...]:
    """
    List the authorities whose lists should be signed anew, and whose keys are here.

    `anew`: whether that has been asked for, of all of them.

    A root whose key was taken elsewhere must not keep every host from its release for half a
    year: its list is good until then, and status warns.
    """
    here = {one.authority.certificate for one in store.authorities.records() if one.has_key}
    due = store.crls.due(now)
    for ca in due:
        if ca.certificate not in here and store.crls.forgotten(ca):
            raise NoList(
                f"the list of {ca.name} G{ca.generation} is from a backup, and hosts may have a "
                "newer one that revokes more",
                hint=f"deployer ca crl {ca.name} --renew --root-key FILE",
            )
    if anew:
        return tuple(one.authority for one in store.authorities.records() if one.has_key)
    return tuple(ca for ca in due if ca.certificate in here)


def _trust(
    host: str,
    vhost: VhostSpec,
    store: Store,
    supplies: Supplies,
    *,
    now: datetime,
    stale: Collection[Authority],
) -> Trust:
    bundle = _bundle(vhost, store, supplies, now=now)
    lowest = issuers(vhost, store, supplies, now=now)
    if not lowest:
        raise NoIssuer(
            f"{host}: {vhost.server_name}: nobody's clients would get in: the authorities in "
            "client_auth.authorities issued each other",
            hint="name the authority that issues the clients, and its root",
        )
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
        names=pem.write_certificates(lowest),
        crls=_lists(host, vhost, store, supplies, now=now, stale=stale),
        depth=asked or needed,
        issuers=tuple(dict.fromkeys(distinguished_name(one.subject) for one in lowest)),
    )


def _lists(
    host: str,
    vhost: VhostSpec,
    store: Store,
    supplies: Supplies,
    *,
    now: datetime,
    stale: Collection[Authority],
) -> bytes | None:
    if not _looks(vhost):
        return None
    found = ladders(vhost, store, supplies, now=now)
    bundle = _bundle(vhost, store, supplies, now=now)
    lowest = issuers(vhost, store, supplies, now=now)
    for ca in bundle if vhost.client_auth.revocation == "chain" else lowest:
        if ca not in found:
            less = "none, also for clients of ours" if ca in lowest else "leaf"
            raise NoList(
                f"{host}: {vhost.server_name}: there is no CRL of {title(ca)}, and without one "
                "every client below it is refused",
                hint="bring it, with its CA, in client_auth.authorities: {file: …, crl: …}; or "
                f"set revocation: {less}",
            )
    if any(ca.certificate in found for ca in stale):
        return UNSIGNED
    return pem.write_crls(distinct(crl for ladder in found.values() for crl in ladder))


def _looks(vhost: VhostSpec) -> bool:
    return vhost.client_auth.verify != "none" and vhost.client_auth.revocation != "none"


def _bundle(
    vhost: VhostSpec, store: Store, supplies: Supplies, *, now: datetime
) -> tuple[x509.Certificate, ...]:
    """Put together every authority that a virtual host trusts, each once."""
    ours = [one for ca in _ours(vhost, store, now) for one in ca.bundle]
    foreign = [
        certificate
        for one in vhost.client_auth.authorities
        if one.file is not None
        for certificate in supplies.authorities[one].certificates
    ]
    return tuple(dict.fromkeys([*ours, *foreign]))


def _ours(vhost: VhostSpec, store: Store, now: datetime) -> tuple[Authority, ...]:
    """List the generations of ours whose clients a virtual host lets in."""
    if all(one.file is not None for one in vhost.client_auth.authorities):
        return ()
    return lasting(CLIENT.authority, store, now)
