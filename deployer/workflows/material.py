"""What a host's release holds beside Apache's own files, put together."""

from collections.abc import Collection, Mapping
from datetime import datetime

from deployer.apache.material import BackendIdentity, Leaf, Material
from deployer.apache.passwords import write_passwords
from deployer.pki.authority import Authority
from deployer.spec.server import ServerSpec
from deployer.store.state import Store
from deployer.workflows.backends import backends_of
from deployer.workflows.supplies import Supplies
from deployer.workflows.trust import trust_of


def material_of(
    spec: ServerSpec,
    leaves: Mapping[str, Leaf],
    identities: Mapping[str, BackendIdentity],
    store: Store,
    supplies: Supplies,
    *,
    now: datetime,
    stale: Collection[Authority] = (),
) -> Material:
    """
    Put the material of a host together.

    `stale` has the authorities whose lists are about to be replaced.
    """
    return Material(
        leaves=leaves,
        trust=trust_of(spec, store, supplies, now=now, stale=stale),
        backends=backends_of(spec, identities, store, supplies, now=now, stale=stale),
        passwords=passwords_of(spec, supplies),
    )


def passwords_of(spec: ServerSpec, supplies: Supplies) -> dict[str, bytes]:
    """Write the password file of every site that asks for passwords, by slug."""
    return {
        vhost.slug: supplies.passwords[given.file] if given.file else write_passwords(given.users)
        for vhost in spec.vhosts
        if (given := vhost.passwords) is not None and vhost.asks_for_passwords
    }
