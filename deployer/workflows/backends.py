"""Whom sites trust behind them: authorities of https backends, and lists of what they revoked."""

from collections.abc import Collection, Mapping
from datetime import datetime

from cryptography import x509

from deployer.apache.material import Backend, BackendIdentity
from deployer.pki import pem
from deployer.pki.authority import Authority
from deployer.pki.crl import CRL
from deployer.pki.material import title
from deployer.pki.profiles import SERVER
from deployer.pki.scope import distinct
from deployer.pki.trust import depth
from deployer.spec.proxy import ProxyRoute
from deployer.spec.server import ServerSpec
from deployer.spec.vhost import VhostSpec
from deployer.store.state import Store
from deployer.workflows.supplies import Foreign, Supplies
from deployer.workflows.trust import UNSIGNED, NoList, lasting, lists_of


def backends_of(
    spec: ServerSpec,
    identities: Mapping[str, BackendIdentity],
    store: Store,
    supplies: Supplies,
    *,
    now: datetime,
    stale: Collection[Authority] = (),
) -> dict[str, Backend]:
    """
    Build what every site with an https backend knows of it, by slug.

    `stale` has the authorities whose lists are about to be replaced.
    """
    found = {}
    for vhost in spec.vhosts:
        route = vhost.tls_route
        if route is None:
            continue
        trusted = authorities(route, store, supplies, now=now)
        found[vhost.slug] = Backend(
            trust=pem.write_certificates(trusted),
            crls=_lists(spec.host, vhost, store, supplies, now=now, stale=stale),
            depth=depth(trusted),
            identity=None if route.identity is None else identities[vhost.slug],
        )
    return found


def authorities(
    route: ProxyRoute, store: Store, supplies: Supplies, *, now: datetime
) -> tuple[x509.Certificate, ...]:
    """Put together every authority that may have certified a backend, each once."""
    foreign = _foreign(route, supplies)
    if foreign is not None:
        return foreign.certificates
    ours = lasting(SERVER.authority, store, now)
    return tuple(dict.fromkeys(one for ca in ours for one in ca.bundle))


def ladders(
    vhost: VhostSpec, store: Store, supplies: Supplies, *, now: datetime
) -> dict[x509.Certificate, tuple[CRL, ...]]:
    """Find the lists that a site asks about its backends, by the authority that signed them."""
    route = vhost.tls_route
    if route is None or not _looks(route):
        return {}
    foreign = _foreign(route, supplies)
    others = () if foreign is None else foreign.lists
    return lists_of(authorities(route, store, supplies, now=now), others, store)


def looked_into(
    vhost: VhostSpec, store: Store, supplies: Supplies, *, now: datetime
) -> tuple[Authority, ...]:
    """List the authorities of ours whose lists a site asks about its backends."""
    found = ladders(vhost, store, supplies, now=now)
    return tuple(ca for ca in store.authorities.list() if ca.certificate in found)


def _lists(
    host: str,
    vhost: VhostSpec,
    store: Store,
    supplies: Supplies,
    *,
    now: datetime,
    stale: Collection[Authority],
) -> bytes | None:
    route = vhost.tls_route
    if route is None or not _looks(route):
        return None
    found = ladders(vhost, store, supplies, now=now)
    for ca in authorities(route, store, supplies, now=now):
        if ca not in found:
            raise NoList(
                f"{host}: {vhost.server_name}: there is no CRL of {title(ca)}, and without one "
                "every backend below it is refused",
                hint="give the backend's authority: {file: …, crl: …} with the lists of all that "
                "are in the file, or without crl: then what they revoke is not heeded",
            )
    if any(ca.certificate in found for ca in stale):
        return UNSIGNED
    return pem.write_crls(distinct(crl for ladder in found.values() for crl in ladder))


def _looks(route: ProxyRoute) -> bool:
    """Say whether lists are asked: always ours, and others' where they are given."""
    one = route.authority
    return one is None or one.file is None or one.crl is not None


def _foreign(route: ProxyRoute, supplies: Supplies) -> Foreign | None:
    one = route.authority
    return None if one is None or one.file is None else supplies.backends[one]
