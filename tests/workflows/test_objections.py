"""What speaks against a release that a host keeps."""

from dataclasses import replace
from datetime import timedelta

import pytest

from deployer.errors import StepFailed
from deployer.kept import Kept
from deployer.observation import Found
from deployer.pki.crl import CRL
from deployer.pki.pem import write_certificates, write_crls
from deployer.store.records import IssuedCertificate
from deployer.store.state import Store
from deployer.workflows.objections import objections, refusal
from deployer.workflows.rollback import chosen
from tests.store.examples import (
    CHEAP,
    NOW,
    PASSPHRASE,
    client_request,
    lists_above,
    server_request,
)

SITE = """\
<VirtualHost *:443>
    ServerName a.lab
    SSLEngine on
    SSLCertificateFile ${DEPLOYER_RELEASE}/tls/a.lab/fullchain.pem
    SSLVerifyClient require
    SSLCACertificateFile ${DEPLOYER_RELEASE}/trust/a.lab.pem
    SSLCADNRequestFile ${DEPLOYER_RELEASE}/trust/a.lab.names.pem
    SSLCARevocationFile ${DEPLOYER_RELEASE}/crl/a.lab.pem
    SSLCARevocationCheck chain
</VirtualHost>
"""


def issued(store: Store) -> IssuedCertificate:
    signer = store.unlock("servers", PASSPHRASE)
    return store.certificates.issue(server_request(), signer, now=NOW)


def kept(store: Store, server: IssuedCertificate) -> Kept:
    """A release as it would be made today, as the host tells of it."""
    clients = store.authorities.current("clients")
    lists: tuple[CRL, ...] = lists_above(store, clients)
    return Kept(
        names=("a", "b"),
        before="b",
        name="b",
        texts={"sites/a.lab.conf": SITE},
        certificates={
            "tls/a.lab/fullchain.pem": server.fullchain_pem.decode(),
            "trust/a.lab.pem": write_certificates(clients.bundle).decode(),
            "trust/a.lab.names.pem": write_certificates([clients.certificate]).decode(),
        },
        lists={"crl/a.lab.pem": write_crls(lists).decode()},
    )


def found(store: Store, release: Kept, *, days: float = 1) -> list[str]:
    problems = objections("web1", release, store, NOW + timedelta(days=days))
    return [f"{problem.subject}: {problem.message}" for problem in problems]


def test_nothing_speaks_against_a_release_that_would_be_made_again(store: Store) -> None:
    assert found(store, kept(store, issued(store))) == []


def test_certificates_and_lists_end(store: Store) -> None:
    release = kept(store, issued(store))

    (lists,) = found(store, release, days=60)
    later = found(store, release, days=100)

    assert "a.lab: the CRL of CN=Example Client CA G1,O=Example expired on " in lists
    assert "a.lab: CN=api.example.com expired on " in later[0]


def test_a_certificate_that_was_revoked_since_is_not_served_again(store: Store) -> None:
    server = issued(store)
    release = kept(store, server)
    serial = server.certificate.serial_number
    store.certificates.revoke(serial, store.unlock("servers", PASSPHRASE), now=NOW)

    assert found(store, release) == [f"a.lab: its certificate {serial:x} was revoked"]


def test_a_client_that_was_revoked_since_is_not_let_in_again(store: Store) -> None:
    release = kept(store, issued(store))
    signer = store.unlock("clients", PASSPHRASE)
    alice = store.certificates.issue(client_request(), signer, now=NOW).certificate.serial_number
    store.certificates.revoke(alice, signer, now=NOW)

    assert found(store, release) == [
        f"a.lab: it would let in again what was revoked since: {alice:x}"
    ]
    assert found(store, kept(store, issued(store))) == []
    leaf_only = SITE.replace("Check chain", "Check none")
    assert found(store, replace(release, texts={"sites/a.lab.conf": leaf_only})) == []


def test_clients_and_servers_of_other_generations_are_not_turned_away(store: Store) -> None:
    server = issued(store)
    release = kept(store, server)
    for name in ("clients", "servers"):
        root = store.unlock("root", PASSPHRASE)
        store.prepare(name, root=root, passphrase=PASSPHRASE, now=NOW, cost=CHEAP)
    assert found(store, release) == []

    for name in ("clients", "servers"):
        store.activate(name, now=NOW)
    assert found(store, release) == ["a.lab: it knows nothing of clients of clients G2"]

    store.certificates.revoke(
        server.certificate.serial_number, store.unlock("servers", PASSPHRASE, generation=1), now=NOW
    )
    store.retire("servers", generation=1, now=NOW)
    assert "a.lab: its certificate is from servers G1, which was retired" in found(store, release)


def test_an_identity_for_backends_ends_and_is_revoked_like_any_other(store: Store) -> None:
    signer = store.unlock("clients", PASSPHRASE)
    one = store.certificates.issue(client_request("web1", host="web1"), signer, now=NOW)
    release = kept(store, issued(store))
    path = "backend/a.lab/certificate.pem"
    certificates = {**release.certificates, path: one.fullchain_pem.decode()}
    release = replace(release, certificates=certificates)
    assert found(store, release) == []

    store.certificates.revoke(one.certificate.serial_number, signer, now=NOW)

    assert "a.lab: identity for backends: it was revoked" in found(store, release)


def test_what_was_edited_or_cannot_be_read_is_told_of(store: Store) -> None:
    release = kept(store, issued(store))
    edited = replace(release, files={"x": Found(digest="0", mode=0o644)})
    empty = replace(release, certificates={}, lists={})

    assert found(store, edited) == ["b: edited on the host: x"]
    assert "a.lab: there is no certificate in tls/a.lab/fullchain.pem" in found(store, empty)
    error = refusal("web1", "b", objections("web1", edited, store, NOW))
    assert "--force goes back all the same" in error.hint


def test_a_release_before_that_is_gone_is_named() -> None:
    with pytest.raises(StepFailed, match="before the live one: b is not here any more") as caught:
        chosen("web1", Kept(names=("a",), before="b"), "a", "")

    assert "kept, newest first: a (live)" in caught.value.hint
    with pytest.raises(StepFailed, match="no release of ours is here"):
        chosen("web1", Kept(names=(), before=""), "", "")
