"""A small PKI on one day, and the openssl of this machine to judge it."""

import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from deployer.pki.authority import Signer
from deployer.pki.crl import CRL, ladder
from deployer.pki.issue import LeafRequest, issue_authority, issue_leaf, issue_root
from deployer.pki.keys import KeyType, PrivateKey
from deployer.pki.names import identity_alternative_names, subject_alternative_names
from deployer.pki.pem import write_certificates, write_crls
from deployer.pki.profiles import CLIENT, CLIENTS, SERVER, SERVERS
from deployer.store.randomness import generate_key, random_serial_number

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pki:
    root: Signer
    servers: Signer
    clients: Signer

    @property
    def signers(self) -> tuple[Signer, ...]:
        return self.root, self.servers, self.clients

    def crls(self, now: datetime = NOW) -> tuple[CRL, ...]:
        ladders = (ladder(signer, (), first_number=1, now=now) for signer in self.signers)
        return tuple(crl for rungs in ladders for crl in rungs)


@cache
def key_of(kind: KeyType, whose: str) -> PrivateKey:
    """Keys of RSA take long to make, so every kind is made once for each owner."""
    return generate_key(kind)


def throwaway() -> PrivateKey:
    return key_of(KeyType.P256, "nobody")


@cache
def pki(kind: KeyType = KeyType.P256, *, organization: str = "Example", now: datetime = NOW) -> Pki:
    root_key = key_of(kind, f"{organization} root")
    authority = issue_root(
        organization=organization,
        generation=1,
        key=root_key,
        now=now,
        serial=random_serial_number(),
        throwaway=throwaway(),
    )
    root = Signer(authority=authority, key=root_key)
    keys = {
        profile: key_of(kind, f"{organization} {profile.name}") for profile in (SERVERS, CLIENTS)
    }
    servers, clients = (
        Signer(
            authority=issue_authority(
                profile,
                generation=1,
                public_key=key.public_key(),
                signer=root,
                now=now,
                serial=random_serial_number(),
                throwaway=throwaway(),
            ),
            key=key,
        )
        for profile, key in keys.items()
    )
    return Pki(root=root, servers=servers, clients=clients)


def server_leaf(
    signer: Signer,
    *names: str,
    kind: KeyType = KeyType.P256,
    now: datetime = NOW,
    lifetime: timedelta | None = None,
) -> x509.Certificate:
    request = LeafRequest(
        profile=SERVER,
        common_name=names[0] if len(names[0]) <= 64 else "",
        alternative_names=subject_alternative_names(hosts=names, wildcard=True),
        public_key=key_of(kind, "server").public_key(),
        lifetime=lifetime,
    )
    return issue_leaf(
        request, signer, now=now, serial=random_serial_number(), throwaway=throwaway()
    )


def client_leaf(
    signer: Signer, name: str, *, kind: KeyType = KeyType.P256, now: datetime = NOW
) -> x509.Certificate:
    request = LeafRequest(
        profile=CLIENT,
        common_name=name,
        alternative_names=identity_alternative_names(name),
        public_key=key_of(kind, "client").public_key(),
    )
    return issue_leaf(
        request, signer, now=now, serial=random_serial_number(), throwaway=throwaway()
    )


def openssl_verify(
    directory: Path,
    leaf: x509.Certificate,
    *,
    untrusted: Iterable[x509.Certificate],
    roots: Iterable[x509.Certificate],
    crls: Iterable[CRL],
    purpose: str,
    at: datetime = NOW,
) -> str:
    """Verify as mod_ssl does in `chain` mode, and strictly; returns nothing or the complaint."""
    files = {
        "leaf.pem": leaf.public_bytes(Encoding.PEM),
        "untrusted.pem": write_certificates(untrusted),
        "roots.pem": write_certificates(roots),
        "crls.pem": write_crls(crls),
    }
    for name, content in files.items():
        (directory / name).write_bytes(content)
    command = (
        "openssl verify -x509_strict -crl_check_all -no-CApath -no-CAstore "
        f"-CAfile roots.pem -untrusted untrusted.pem -CRLfile crls.pem "
        f"-purpose {purpose} -attime {int(at.timestamp())} leaf.pem"
    )
    done = subprocess.run(
        command.split(), cwd=directory, capture_output=True, text=True, check=False
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr
