"""A state directory with a CA in it, cheap to open, and things to ask of it."""

import subprocess
import sys
import textwrap
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509

from deployer.layouts import DEBIAN
from deployer.pki.authority import Authority
from deployer.pki.crl import CRL
from deployer.pki.issue import LeafRequest
from deployer.pki.keys import KeyType, key_digest, private_key_pem
from deployer.pki.names import identity_alternative_names, subject_alternative_names
from deployer.pki.profiles import CLIENT, SERVER
from deployer.platforms import Platform
from deployer.store.deployments import Deployed
from deployer.store.keys import Cost
from deployer.store.records import CertificateRequest
from deployer.store.state import Store
from tests.pki.examples import key_of

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PASSPHRASE = "correct horse battery staple"
CHEAP = Cost(memory_kib=64, iterations=1, lanes=1)


def found_ca(directory: Path) -> tuple[Authority, ...]:
    with Store.create(directory, now=NOW) as store:
        return store.init_ca(
            organization="Example",
            passphrase=PASSPHRASE,
            now=NOW,
            key_type=KeyType.P256,
            cost=CHEAP,
        )


def busy_state(directory: Path) -> None:
    """Let something of every kind happen in a state."""
    with Store.open(directory, now=NOW) as store:
        root, servers, clients = (
            store.unlock(name, PASSPHRASE) for name in ("root", "servers", "clients")
        )
        store.certificates.issue(server_request(), servers, now=NOW)
        alice, mallory = (
            store.certificates.issue(client_request(name), clients, now=NOW).certificate
            for name in ("alice", "mallory")
        )
        reason = x509.ReasonFlags.key_compromise
        store.certificates.revoke(mallory.serial_number, clients, now=NOW, reason=reason)
        store.certificates.revoke(alice.serial_number, clients, now=NOW)
        store.prepare(
            "clients",
            root=root,
            passphrase=PASSPHRASE,
            now=NOW,
            key_type=KeyType.P256,
            cost=CHEAP,
        )
        store.activate("clients", now=NOW)
        store.authorities.forget_key("root", now=NOW)
        store.deployments.record(
            Deployed(
                host=host,
                release="20260301-120000-abcdef",
                at=NOW,
                platform=Platform.assumed(DEBIAN),
                texts={"include.conf": "# Written by deployer.\n"},
            )
            for host in ("web1", "web2")
        )


def lists_above(store: Store, authority: Authority) -> tuple[CRL, ...]:
    """The lists that verify clients of an authority: its own and those of all above it."""
    above = [one for one in store.authorities.list() if one.certificate in authority.bundle]
    return tuple(crl for one in above for crl in store.crls.current(one))


def server_request(host: str = "web1", name: str = "api.example.com") -> CertificateRequest:
    key = key_of(KeyType.P256, "server")
    return CertificateRequest(
        leaf=LeafRequest(
            profile=SERVER,
            common_name=name,
            alternative_names=subject_alternative_names(hosts=[name]),
            public_key=key.public_key(),
        ),
        host=host,
        name=name,
        key_sha256=key_digest(private_key_pem(key)),
    )


def client_request(name: str = "alice", host: str = "") -> CertificateRequest:
    key = key_of(KeyType.P256, "client")
    return CertificateRequest(
        leaf=LeafRequest(
            profile=CLIENT,
            common_name=name,
            alternative_names=identity_alternative_names(name),
            public_key=key.public_key(),
        ),
        host=host,
        name=name,
        key_sha256=key_digest(private_key_pem(key)),
    )


def process(directory: Path, program: str) -> "subprocess.Popen[str]":
    """Run a few lines in a process of their own, with a store of `directory` open."""
    preamble = """
        import os, signal, sys
        from pathlib import Path
        from deployer.pki.authority import Signer
        from deployer.store.state import Store
        from tests.store.examples import NOW, PASSPHRASE, client_request, server_request

        class Interrupted(Signer):
            def sign_certificate(self, builder):
                during_signing()
                return super().sign_certificate(builder)

        store = Store.open(Path(sys.argv[1]), now=NOW, lock_timeout=120)
        unlocked = store.unlock("servers", PASSPHRASE)
        signer = Interrupted(authority=unlocked.authority, key=unlocked.key)
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(preamble) + textwrap.dedent(program), directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
