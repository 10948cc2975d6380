"""The clients that a probe knocks with: one of ours, and a stranger. Both live in memory alone."""

from datetime import datetime, timedelta

from deployer.pki.authority import Signer
from deployer.pki.issue import LeafRequest
from deployer.pki.keys import KeyType, key_digest, private_key_pem
from deployer.pki.names import identity_alternative_names
from deployer.pki.profiles import CLIENT
from deployer.pki.stranger import stranger
from deployer.probe.handshake import Identity
from deployer.probe.verdict import Clients
from deployer.store.randomness import generate_key, random_serial_number
from deployer.store.records import CertificateRequest
from deployer.store.state import Store

NAME = "deployer-probe"
LIFETIME = timedelta(hours=1)


def a_stranger(now: datetime) -> Identity:
    """Make a client that certified itself."""
    key = generate_key(KeyType.P256)
    certificate = stranger(key, now=now, serial=random_serial_number())
    return Identity(certificate=certificate, chain=(), key=key)


def a_certified_client(store: Store, signer: Signer, now: datetime) -> Identity:
    """Issue an identity for this run: on record like any other, and over within the hour."""
    key = generate_key(KeyType.P256)
    request = CertificateRequest(
        leaf=LeafRequest(
            profile=CLIENT,
            common_name=NAME,
            alternative_names=identity_alternative_names(NAME),
            public_key=key.public_key(),
            lifetime=LIFETIME,
        ),
        host="",
        name=NAME,
        key_sha256=key_digest(private_key_pem(key)),
    )
    issued = store.certificates.issue(request, signer, now=now)
    chain = issued.authority.fullchain(issued.certificate)[1:]
    return Identity(certificate=issued.certificate, chain=chain, key=key)


def knockers(certified: Identity | None, now: datetime) -> Clients:
    """Put together whoever knocks."""
    return Clients(certified=certified, stranger=a_stranger(now))
