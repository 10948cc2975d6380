"""Whom sites trust behind them, put together and checked before any of it is sent."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from deployer.apache.compile import compile_release
from deployer.apache.material import Backend, BackendIdentity, Leaf
from deployer.apache.rendering import Templates
from deployer.errors import StepFailed
from deployer.layouts import DEBIAN
from deployer.pki.crl import CRL, ladder
from deployer.pki.issue import LeafRequest, issue_leaf
from deployer.pki.keys import KeyType, private_key_pem
from deployer.pki.names import subject_alternative_names
from deployer.pki.pem import read_certificates, read_crls, write_certificates, write_crls
from deployer.pki.profiles import SERVER
from deployer.platforms import Platform
from deployer.spec.server import ServerSpec
from deployer.spec.vhost import VhostSpec
from deployer.store.randomness import random_serial_number
from deployer.store.state import Store
from deployer.workflows import backends
from deployer.workflows.backends import backends_of
from deployer.workflows.checks import check, supplied_problems
from deployer.workflows.credentials import decide, issue, unissued
from deployer.workflows.material import material_of
from deployer.workflows.own_templates import templates_of
from deployer.workflows.supplies import NotSupplied, Supplies, SupplyReader
from deployer.workflows.trust import NoList, crls_due, unsigned
from tests.pki.examples import client_leaf, key_of, pki, throwaway
from tests.store.examples import CHEAP, NOW, PASSPHRASE
from tests.workflows.test_credentials import observed

A = "a.example.com"
DAY = timedelta(days=1)
OTHER = pki(organization="Other")
BUNDLE = OTHER.servers.authority.bundle
HASH = "$2y$05$MhBXp5Sg5Qr8bLHNEBzKZeuE4sgmfR6n/DZZ9YAU/M76TDfIAZYAG"


def spec_of(authority: object = None, *, identity: str | None = None, **more: object) -> ServerSpec:
    route = {"path": "/", "to": "https://app.lab", "authority": authority, "identity": identity}
    site = VhostSpec.model_validate({"server_name": A, "proxy": [route], **more})
    return ServerSpec(
        host="web1", layout=DEBIAN, vhosts=(site,), default_vhost="deny", confirm_timeout=30
    )


def supplies_of(spec: ServerSpec, root: Path) -> Supplies:
    return SupplyReader(root).read([spec])


def backend_of(spec: ServerSpec, store: Store, supplies: Supplies | None = None) -> Backend:
    return backends_of(spec, unissued(spec), store, supplies or Supplies(), now=NOW)[A]


def lists(*signers: str) -> list[CRL]:
    chosen = [getattr(OTHER, name) for name in signers]
    return [crl for one in chosen for crl in ladder(one, (), first_number=1, now=NOW)]


def test_our_servers_are_trusted_up_to_the_root_with_a_list_of_each(store: Store) -> None:
    servers, root = (store.authorities.current(name) for name in ("servers", "root"))

    backend = backend_of(spec_of(), store)

    assert read_certificates(backend.trust) == (servers.certificate, root.certificate)
    assert backend.crls is not None
    known = (*store.crls.current(servers), *store.crls.current(root))
    assert sorted(crl.last_update_utc for crl in read_crls(backend.crls)) == sorted(
        crl.last_update_utc for crl in known
    )
    assert all(crl in known for crl in read_crls(backend.crls))
    assert (backend.depth, backend.identity) == (2, None)


def test_a_generation_to_come_is_trusted_and_one_that_is_over_is_not(store: Store) -> None:
    store.prepare(
        "servers", root=store.unlock("root", PASSPHRASE), passphrase=PASSPHRASE, now=NOW,
        key_type=KeyType.P256, cost=CHEAP,
    )  # fmt: skip
    first, second = store.authorities.trusted("servers")

    both = read_certificates(backend_of(spec_of(), store).trust)
    assert {first.certificate, second.certificate} <= set(both)
    store.activate("servers", now=NOW)
    store.retire("servers", now=NOW, generation=1)

    assert first.certificate not in read_certificates(backend_of(spec_of(), store).trust)


def test_lists_that_are_due_are_signed_for_backends_as_well(store: Store) -> None:
    spec, late = spec_of(client_auth={"verify": "none"}), NOW + 25 * DAY
    stale = crls_due(store, late)
    used = backends.looked_into(spec.vhosts[0], store, Supplies(), now=late)

    assert [ca.name for ca in used] == ["root", "servers"]
    assert "servers" in {ca.name for ca in stale}
    material = material_of(spec, {}, {}, store, Supplies(), now=late, stale=stale)
    release = compile_release(spec, Platform.assumed(DEBIAN), material, templates())
    assert unsigned(release) == {f"backend/{A}/crl.pem"}


def test_others_are_trusted_from_a_file_and_without_lists_unless_they_are_given(
    store: Store, tmp_path: Path
) -> None:
    (tmp_path / "ca.pem").write_bytes(write_certificates(BUNDLE))
    (tmp_path / "all.crl").write_bytes(write_crls(lists("servers", "root")))
    (tmp_path / "some.crl").write_bytes(write_crls(lists("servers")))
    bare, whole, part = (
        spec_of({"file": "ca.pem", **more})
        for more in ({}, {"crl": "all.crl"}, {"crl": "some.crl"})
    )

    backend = backend_of(bare, store, supplies_of(bare, tmp_path))
    assert (read_certificates(backend.trust), backend.crls) == (BUNDLE, None)
    assert backends.looked_into(bare.vhosts[0], store, supplies_of(bare, tmp_path), now=NOW) == ()
    assert backend_of(whole, store, supplies_of(whole, tmp_path)).crls is not None
    with pytest.raises(
        NoList, match="no CRL of CN=Other Root CA G1,O=Other, and without one every"
    ):
        backend_of(part, store, supplies_of(part, tmp_path))


def test_files_of_others_are_judged_before_a_host_is_touched(tmp_path: Path) -> None:
    bundles = {
        "clients": OTHER.clients.authority.bundle,
        "rootless": BUNDLE[:1],
        "good": BUNDLE,
    }
    for name, bundle in bundles.items():
        (tmp_path / f"{name}.pem").write_bytes(write_certificates(bundle))
    (tmp_path / "all.crl").write_bytes(write_crls(lists("servers", "root")))

    def found(authority: dict[str, str], days: int = 0) -> str:
        spec = spec_of(authority)
        supplies = supplies_of(spec, tmp_path)
        wrong = supplied_problems(spec, supplies, observed(), NOW + days * DAY)
        return "; ".join(problem.message for problem in wrong.get(A, ()))

    assert found({"file": "good.pem", "crl": "all.crl"}) == ""
    assert "may not issue server certificates" in found({"file": "clients.pem"})
    assert "leads to no root" in found({"file": "rootless.pem"})
    assert "expired on" in found({"file": "good.pem", "crl": "all.crl"}, days=60)
    with pytest.raises(NotSupplied, match=r"cannot read gone\.pem"):
        found({"file": "gone.pem"})


def test_what_backends_would_refuse_is_not_sent(store: Store) -> None:
    spec = spec_of(identity="shop", client_auth={"verify": "none"})
    due = issued(spec, store)
    material = material_of(spec, {A: leaf_of(store)}, due, store, Supplies(), now=NOW)
    check(spec, material, NOW)
    backend, good = material.backends[A], due[A]

    def complaint(days: int = 0, **changes: Any) -> str:
        broken = {A: replace(backend, **changes)}
        with pytest.raises(StepFailed) as caught:
            check(spec, replace(material, backends=broken), NOW + days * DAY)
        return caught.value.message

    def showing(leaf: x509.Certificate, *chain: x509.Certificate) -> BackendIdentity:
        return BackendIdentity(fullchain=write_certificates([leaf, *chain]), digest="")

    foreign = private_key_pem(key_of(KeyType.P256, "foreign"))
    wrong_key = BackendIdentity(fullchain=good.fullchain, digest="", content=foreign)
    theirs = client_leaf(OTHER.clients, "shop")
    wrong: dict[str, dict[str, Any]] = {
        "may not issue server certificates": {
            "trust": write_certificates(OTHER.clients.authority.bundle), "crls": None
        },
        "there is no CRL of CN=Example Root CA G1": {
            "crls": write_crls(store.crls.current(store.authorities.current("servers")))
        },
        "belongs to no authority in the bundle": {"crls": write_crls(lists("servers"))},
        "the private key does not belong": {"identity": wrong_key},
        "no certificate of its issuer follows": {"identity": showing(theirs)},
        "was not issued by": {"identity": showing(theirs, *BUNDLE[:1])},
        "is not for clients": {"identity": showing(*read_certificates(leaf_of(store).fullchain))},
    }  # fmt: skip
    for said, changes in wrong.items():
        assert said in complaint(**changes), said
    assert "CN=shop expired" in complaint(days=91)


def test_passwords_come_from_the_inventory_or_from_a_file(store: Store, tmp_path: Path) -> None:
    (tmp_path / "users").write_text(f"bob:{HASH}\n")
    rule = {"path": "/admin", "auth": "certificate_and_password"}

    def written(**more: Any) -> object:
        spec = spec_of(**more)
        supplies = supplies_of(spec, tmp_path)
        return material_of(spec, {}, {}, store, supplies, now=NOW).passwords

    assert written(passwords={"users": {"alice": HASH}}, paths=[rule]) == {
        A: f"alice:{HASH}\n".encode()
    }
    assert written(passwords={"file": "users"}, paths=[rule]) == {A: f"bob:{HASH}\n".encode()}
    # Given for a whole group, and of no use to a site that asks for none.
    assert written(passwords={"file": "gone"}) == {}
    (tmp_path / "users").write_text("bob:secret\n")
    with pytest.raises(NotSupplied, match="users: line 1 gives bob no bcrypt hash") as caught:
        written(passwords={"file": "users"}, paths=[rule])
    assert "secret" not in caught.value.message


def test_secrets_are_secrets_in_a_release(store: Store) -> None:
    spec = spec_of(identity="shop")
    made = issued(spec, store)
    material = replace(
        material_of(spec, {}, made, store, Supplies(), now=NOW), passwords={A: b"alice:x\n"}
    )

    release = compile_release(spec, Platform.assumed(DEBIAN), material, templates())

    modes = {file.path: file.mode for file in release.files}
    assert modes[f"backend/{A}/identity.pem"] == 0o600
    assert modes[f"auth/{A}.htpasswd"] == 0o640
    assert modes[f"backend/{A}/certificate.pem"] == modes[f"backend/{A}/trust.pem"] == 0o644
    secret = made[A].content
    assert secret is not None
    assert secret.decode().splitlines()[-2] not in repr((release, material))


def issued(spec: ServerSpec, store: Store) -> dict[str, BackendIdentity]:
    due = decide(spec, observed(), store, NOW)
    return issue([(spec, due)], store, store.unlock("clients", PASSPHRASE), NOW)["web1"]


def templates() -> Templates:
    root = Path()
    return templates_of(root)


def leaf_of(store: Store) -> Leaf:
    """A server's certificate for the site."""
    key = key_of(KeyType.P256, "server")
    servers = store.unlock("servers", PASSPHRASE)
    request = LeafRequest(
        profile=SERVER,
        common_name=A,
        alternative_names=subject_alternative_names(hosts=[A]),
        public_key=key.public_key(),
    )
    leaf = issue_leaf(
        request, servers, now=NOW, serial=random_serial_number(), throwaway=throwaway()
    )
    fullchain = write_certificates(servers.authority.fullchain(leaf))
    return Leaf(fullchain=fullchain, key_digest="", key=private_key_pem(key))
