"""The identities that sites show to their backends: kept as long as they are good."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from deployer.apache.material import BackendIdentity
from deployer.decision import certificate_path, identity_path
from deployer.layouts import DEBIAN
from deployer.observation import Found, Observation
from deployer.pki import pem
from deployer.pki.keys import KeyType, is_same_key
from deployer.release import File, Release
from deployer.spec.server import ServerSpec
from deployer.spec.vhost import VhostSpec
from deployer.store.state import Store
from deployer.workflows.credentials import UNISSUED, decide, issue, unissued
from deployer.workflows.holders import Taken, Which, already_held, holders
from deployer.workflows.identities import UnknownIdentity, newest_of
from deployer.workflows.revocation import others_of, valid_of
from tests.store.examples import CHEAP, NOW, PASSPHRASE

DAY = timedelta(days=1)
A, B = "a.example.com", "b.example.com"


def site(name: str = A, identity: str | None = "shop", **changes: object) -> VhostSpec:
    route = {"path": "/", "to": "https://app.example.com", "identity": identity}
    return VhostSpec.model_validate({"server_name": name, "proxy": [route], **changes})


def spec_of(*sites: VhostSpec) -> ServerSpec:
    return ServerSpec(
        host="web1",
        layout=DEBIAN,
        vhosts=sites or (site(),),
        default_vhost="deny",
        confirm_timeout=30,
    )


def observed(files: Mapping[str, str] | None = None, manifest: str = "") -> Observation:
    """A host with these files, of which its manifest says so."""
    return Observation(
        clock=0,
        user_id=0,
        apache_pid=1,
        apache_version="2.4.71",
        current="",
        confirmed="",
        manifest=manifest,
        files={path: Found(digest=digest, mode=0o600) for path, digest in (files or {}).items()},
    )


def holding(identities: Mapping[str, BackendIdentity]) -> Observation:
    """A host on which these identities arrived as they were sent."""
    files = [File.of("include.conf", b"")]
    for slug, one in identities.items():
        assert one.content is not None
        files += [
            File.of(certificate_path(slug), one.fullchain),
            File.of(identity_path(slug), one.content, secret=True),
        ]
    release = Release(files=tuple(files), include="x")
    return observed({file.path: file.digest for file in release.files}, release.manifest)


def issued(store: Store, spec: ServerSpec) -> dict[str, BackendIdentity]:
    clients = store.unlock("clients", PASSPHRASE)
    return issue([(spec, decide(spec, observed(), store, NOW))], store, clients, NOW)["web1"]


def reason(store: Store, found: Observation, spec: ServerSpec, days: float = 0) -> str:
    """Why a.example.com needs another, or nothing."""
    return decide(spec, found, store, NOW + days * DAY).due.get(A, "")


def test_what_arrived_as_it_was_sent_is_kept(store: Store) -> None:
    spec = spec_of()
    assert decide(spec, observed(), store, NOW).due == {A: "it has none yet"}
    made = issued(store, spec)[A]

    after = decide(spec, holding({A: made}), store, NOW)

    assert after.due == {}
    assert after.kept == {A: replace(made, content=None)}


def test_certificate_and_key_are_one_file_and_the_chain_is_apart(store: Store) -> None:
    made = issued(store, spec_of())[A]

    assert made.content is not None
    leaf, *chain = pem.read_certificates(made.fullchain)
    head, begin, key = made.content.partition(b"-----BEGIN PRIVATE KEY-----")
    assert pem.read_certificates(head) == (leaf,), "with the chain, Apache before 2.4.59 ends"
    private = load_pem_private_key(begin + key, password=None)
    assert is_same_key(private.public_key(), leaf.public_key())
    assert chain == [store.authorities.current("clients").certificate]
    assert b"PRIVATE" not in made.fullchain
    assert made.content.decode() not in repr(made)
    assert leaf.not_valid_after_utc == NOW + timedelta(days=90), "as long as the site's own"


def test_every_site_has_one_of_its_own(store: Store) -> None:
    spec = spec_of(site(A), site(B), site("c.example.com", None))

    made = issued(store, spec)

    assert set(made) == {A, B}
    assert made[A].digest != made[B].digest
    assert decide(spec, holding(made), store, NOW).due == {}
    swapped = holding({A: made[B], B: made[B]})
    assert decide(spec, swapped, store, NOW).due == {}, "whoever has its key may show it"


def test_whatever_differs_from_what_was_sent_is_replaced(store: Store) -> None:
    spec = spec_of()
    made, other = issued(store, spec)[A], issued(store, spec)[A]
    good = holding({A: made})
    certificate, identity = certificate_path(A), identity_path(A)
    foreign = Found(digest="0" * 64, mode=0o600)

    def with_another(path: str) -> Observation:
        return replace(good, files={**good.files, path: foreign})

    without = {path: found for path, found in good.files.items() if path != identity}
    assert reason(store, good, spec) == ""
    assert reason(store, with_another(certificate), spec) == "another certificate is on the host"
    assert reason(store, with_another(identity), spec) == "its key is not on the host"
    assert reason(store, replace(good, files=without), spec) == "its key is not on the host"
    assert reason(store, replace(good, manifest=""), spec) == "its key is not on the host"
    loose = good.manifest.replace("file 0600", "file 0644")
    assert reason(store, replace(good, manifest=loose), spec) == "its key is not on the host"
    mixed = holding({A: replace(made, content=other.content)})
    # Both were sent, and never together: whoever changed the manifest was no release of ours.
    mismatch = replace(mixed, manifest=good.manifest)
    assert reason(store, mismatch, spec) == "its key is not on the host"


def test_what_the_inventory_or_the_time_changed_is_replaced(store: Store) -> None:
    spec = spec_of()
    found = holding(issued(store, spec))

    assert reason(store, found, spec_of(site(A, "other"))) == "its names changed"
    bigger = spec_of(site(A, key_type=KeyType.P384))
    assert reason(store, found, bigger) == "its key should be p-384"
    assert reason(store, found, spec, days=59) == ""
    assert reason(store, found, spec, days=66).startswith("it was due for renewal on 2026-0")
    store.prepare(
        "clients", root=store.unlock("root", PASSPHRASE), passphrase=PASSPHRASE, now=NOW,
        key_type=KeyType.P256, cost=CHEAP,
    )  # fmt: skip
    assert reason(store, found, spec) == ""
    store.activate("clients", now=NOW)
    assert reason(store, found, spec) == "its authority was replaced"


def test_one_that_was_revoked_by_its_name_is_replaced(store: Store) -> None:
    spec = spec_of()
    found = holding(issued(store, spec))
    (mine,) = valid_of("shop", store, now=NOW)

    store.certificates.revoke(mine.serial, store.unlock("clients", PASSPHRASE), now=NOW)

    assert reason(store, found, spec) == "it was revoked"


def test_one_that_was_issued_and_never_arrived_does_not_replace_what_is_there(
    store: Store,
) -> None:
    spec = spec_of()
    found = holding(issued(store, spec))
    issued(store, spec)

    assert reason(store, found, spec) == ""


def test_an_identity_of_a_host_is_seen_by_whoever_asks_who_gets_in(store: Store) -> None:
    issued(store, spec_of())

    (holder,) = holders(store, now=NOW, which=Which.VALID)
    assert (holder.name, holder.host, holder.valid) == ("shop", "web1", 1)
    with pytest.raises(Taken, match="shop has 1 valid certificate already"):
        already_held("shop", store, now=NOW, meant=False)
    assert others_of("shop", store, than=0, now=NOW) == (), "renewing takes back what was handed"
    with pytest.raises(UnknownIdentity, match="handed over to nobody: web1 shows it to backends"):
        newest_of("shop", store)
    (record,) = store.certificates.list(kind="client", host="web1")
    assert record.name == "shop"


def test_offline_stand_ins_are_all_that_is_known(store: Store) -> None:
    assert unissued(spec_of(site(A), site(B, None))) == {A: UNISSUED}
