"""Knocking at the sites of a host: what to expect of them, and what they did."""

import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from cryptography.hazmat.primitives.hashes import SHA256

from deployer.apache.material import Leaf
from deployer.fleet.workplace import AtHost, Workplace
from deployer.host.script import Host
from deployer.observation import Observation
from deployer.pki import pem
from deployer.probe.verdict import Clients, Expectation, Knock, await_content
from deployer.result import Listener
from deployer.spec.server import ServerSpec

LOOPBACK = "127.0.0.1"
MOST_ADDRESSES = 8
"""A host full of containers has hundreds, and nobody outside reaches them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnockAt(AtHost):
    """The task of knocking at every site of a host; its result has the knocks at each."""

    wanted: tuple[Expectation, ...]
    clients: Clients = field(repr=False)
    patience: float
    """Seconds in which all of them must answer as expected; 0: one look, whatever it shows."""

    def perform(self, place: Workplace, _: Listener) -> tuple[tuple[Knock, ...], ...]:
        """Knock, through the connection that there is to the host, and hang up."""
        found = knocks(place.host(self.where), self.wanted, self.clients, timeout=self.patience)
        place.leave(self.host)
        return found


def expectations(
    spec: ServerSpec,
    leaves: Mapping[str, Leaf],
    found: Observation,
    *,
    admits: Collection[str],
) -> tuple[Expectation, ...]:
    """
    Say how each virtual host should answer; with no leaf, any certificate will do.

    A site on all addresses is looked for on each of the host's own: a virtual host of somebody
    else's on one of them would answer in its place there, and let anybody in. `admits` has the
    slugs of those that let in clients of ours.
    """
    others = tuple(one for one in found.addresses if not ip_address(one).is_loopback)
    return tuple(
        Expectation(
            address=vhost.ip or LOOPBACK,
            own_addresses=() if vhost.ip else others[:MOST_ADDRESSES],
            port=vhost.port,
            server_name=vhost.server_name,
            aliases=vhost.names[1:],
            fingerprint=_fingerprint(leaves.get(vhost.slug)),
            verify=vhost.client_auth.verify,
            admits_ours=vhost.slug in admits,
        )
        for vhost in spec.vhosts
    )


def knocks(
    host: Host, wanted: tuple[Expectation, ...], clients: Clients, *, timeout: float
) -> tuple[tuple[Knock, ...], ...]:
    """Knock at every virtual host through the host's own connection, each at least once."""
    deadline = time.monotonic() + timeout
    return tuple(
        await_content(host.dial, expected, clients, timeout=max(0, deadline - time.monotonic()))
        for expected in wanted
    )


def _fingerprint(leaf: Leaf | None) -> bytes | None:
    if leaf is None:
        return None
    certificate, *_ = pem.read_certificates(leaf.fullchain)
    return certificate.fingerprint(SHA256())
