"""Whom sites let in: authorities of ours and of files, put together."""

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from deployer.layouts import DEBIAN
from deployer.pki.keys import KeyType
from deployer.pki.pem import read_certificates, write_certificates
from deployer.spec.server import ServerSpec
from deployer.spec.vhost import VhostSpec
from deployer.store.state import Store
from deployer.workflows.status import leaving
from deployer.workflows.supplies import NotSupplied, Supplies, SupplyReader
from deployer.workflows.trust import NoIssuer, admitting_ours, issuers, trust_of
from tests.pki.examples import pki
from tests.pki.test_trust import cross_signed as crossed
from tests.store.examples import CHEAP, NOW, PASSPHRASE

OTHER = pki(organization="Other")
ROOT, CLIENTS = (one.authority.certificate for one in (OTHER.root, OTHER.clients))


def spec_of(*authorities: object, host: str = "web1", **auth: object) -> ServerSpec:
    site = {
        "server_name": "a.lab",
        "document_root": "/srv",
        "client_auth": {"authorities": list(authorities), **auth},
    }
    return ServerSpec(
        host=host,
        layout=DEBIAN,
        vhosts=(VhostSpec.model_validate(site),),
        default_vhost="deny",
        confirm_timeout=30,
    )


def read(spec: ServerSpec, root: Path) -> Supplies:
    return SupplyReader(root).read([spec])


def test_the_authorities_of_clients_are_the_lowest_of_each_file(
    store: Store, tmp_path: Path
) -> None:
    (tmp_path / "root.pem").write_bytes(write_certificates([ROOT]))
    (tmp_path / "both.pem").write_bytes(write_certificates([CLIENTS, ROOT]))
    below, both = {"file": "both.pem"}, {"file": "root.pem"}

    for authorities, expected in (((below,), {CLIENTS}), ((below, both), {CLIENTS, ROOT})):
        spec = spec_of(*authorities, revocation="none")
        supplies = read(spec, tmp_path)
        assert set(issuers(spec.vhosts[0], store, supplies, now=NOW)) == expected


def test_a_root_above_ours_lets_nobody_else_in(store: Store, tmp_path: Path) -> None:
    ours = store.authorities.current("clients")
    (tmp_path / "root.pem").write_bytes(write_certificates(ours.bundle[1:]))
    spec = spec_of("clients", {"file": "root.pem"})

    found = issuers(spec.vhosts[0], store, read(spec, tmp_path), now=NOW)

    assert found == (ours.certificate,)


def test_a_file_with_our_authority_lets_ours_in_without_the_word(
    store: Store, tmp_path: Path
) -> None:
    ours = store.authorities.current("clients")
    for bundle, expected in ((ours.bundle, {"a.lab"}), ([CLIENTS, ROOT], set())):
        (tmp_path / "ca.pem").write_bytes(write_certificates(bundle))
        spec = spec_of({"file": "ca.pem"}, revocation="none")
        trust = trust_of(spec, store, read(spec, tmp_path), now=NOW)
        assert admitting_ours(spec, store, trust) == expected


def test_authorities_that_issued_each_other_let_nobody_in(store: Store, tmp_path: Path) -> None:
    other, ours = OTHER.root, pki().root
    circle = [crossed(other, by=ours), crossed(ours, by=other)]
    (tmp_path / "ca.pem").write_bytes(write_certificates(circle))
    spec = spec_of({"file": "ca.pem"}, revocation="none")

    with pytest.raises(NoIssuer, match="nobody's clients"):
        trust_of(spec, store, read(spec, tmp_path), now=NOW)


def test_a_generation_that_is_over_is_left_out(store: Store, tmp_path: Path) -> None:
    root = store.unlock("root", PASSPHRASE)
    first = store.authorities.current("clients")
    later = NOW + timedelta(days=400)
    second = store.prepare(
        "clients", root=root, passphrase=PASSPHRASE, now=later, key_type=KeyType.P256, cost=CHEAP
    )
    spec = spec_of("clients")
    end = first.certificate.not_valid_after_utc

    def trusted(moment: timedelta) -> set[x509.Certificate]:
        trust = trust_of(spec, store, read(spec, tmp_path), now=end + moment)["a.lab"]
        return set(read_certificates(trust.bundle))

    assert {first.certificate, second.certificate} < trusted(timedelta(seconds=-1))
    assert first.certificate not in trusted(timedelta())
    assert second.certificate in trusted(timedelta())


def test_status_names_a_generation_that_is_over(store: Store) -> None:
    root = store.unlock("root", PASSPHRASE)
    end = store.authorities.current("clients").certificate.not_valid_after_utc
    store.prepare(
        "clients",
        root=root,
        passphrase=PASSPHRASE,
        now=NOW + timedelta(days=400),
        key_type=KeyType.P256,
        cost=CHEAP,
    )
    store.activate("clients", now=NOW + timedelta(days=400))

    assert not list(leaving(store, NOW))
    (ends,) = leaving(store, end - timedelta(days=1))
    (ended,) = leaving(store, end)

    assert f"clients G1 ends on {end:%Y-%m-%d}" in ends
    assert "ended on" in ended
    assert ended.endswith("deployer ca retire clients G1")


def test_a_missing_file_is_the_matter_of_those_who_use_it(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(write_certificates([ROOT]))
    good, bad = spec_of({"file": "ca.pem"}), spec_of({"file": "gone.pem"}, host="web2")
    reader = SupplyReader(tmp_path)

    for _ in range(2):
        with pytest.raises(NotSupplied, match=r"cannot read gone\.pem"):
            reader.read([bad])
    assert reader.read([good]).authorities
