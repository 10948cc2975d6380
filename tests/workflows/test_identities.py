"""Identities: what is handed over, and that nothing is lost when it cannot be."""

import re
import stat
from dataclasses import replace
from datetime import timedelta
from errno import ENOSPC
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from deployer.errors import DeployerError
from deployer.pki.keys import KeyType, PublicKey, is_same_key
from deployer.pki.profiles import CLIENT
from deployer.store.randomness import generate_key
from deployer.store.state import Store
from deployer.workflows.handover import HandOver, HandOverError, Part, path_of
from deployer.workflows.holders import Taken, already_held
from deployer.workflows.identities import Registrar, wished, wished_again
from deployer.workflows.sheet import alternative_names, called
from tests.store.examples import CHEAP, NOW, PASSPHRASE

DAY = timedelta(days=1)


@pytest.fixture
def registrar(store: Store) -> Registrar:
    return Registrar(store=store, signer=store.unlock("clients", PASSPHRASE), now=NOW)


def test_the_files_are_their_owners_alone(registrar: Registrar, tmp_path: Path) -> None:
    found = registrar.hand_over(wished("alice"), tmp_path / "alice", with_pkcs12=True)

    assert stat.S_IMODE(found.directory.stat().st_mode) == 0o700
    assert sorted(found.directory.iterdir()) == sorted(map(found.path, Part))
    for file in found.directory.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert file.stat().st_size


def test_the_key_is_that_of_the_certificate(registrar: Registrar, tmp_path: Path) -> None:
    found = registrar.hand_over(wished("alice"), tmp_path / "alice")

    key = load_pem_private_key(found.path(Part.KEY).read_bytes(), None)
    leaf, issuer = x509.load_pem_x509_certificates(found.path(Part.CERTIFICATE).read_bytes())
    assert is_same_key(key.public_key(), leaf.public_key())
    assert issuer == registrar.store.authorities.current("clients").certificate


@pytest.mark.parametrize("part", [Part.CERTIFICATE, Part.KEY, Part.COMPATIBLE, Part.SHEET])
def test_an_existing_file_is_kept_and_nothing_is_issued(
    registrar: Registrar, tmp_path: Path, part: Part
) -> None:
    mine = tmp_path / "alice" / f"alice.{part.value}"
    mine.parent.mkdir()
    mine.write_text("precious")
    before = registrar.store.certificates.list()

    with pytest.raises(HandOverError, match="exists, and an identity's files are never") as caught:
        registrar.hand_over(wished("alice"), mine.parent, with_pkcs12=True)

    assert "-o" in caught.value.hint
    assert list(mine.parent.iterdir()) == [mine]
    assert mine.read_text() == "precious"
    assert registrar.store.certificates.list() == before


def test_what_cannot_be_issued_leaves_no_file(registrar: Registrar, tmp_path: Path) -> None:
    with pytest.raises(DeployerError):
        registrar.hand_over(wished("alice", lifetime=-DAY), tmp_path / "alice")

    assert not (tmp_path / "alice").exists()


def test_every_name_is_certified(registrar: Registrar, tmp_path: Path) -> None:
    wish = wished(
        "alice",
        emails=["a@example.com", "b@example.com"],
        upns=["alice@CORP.LOCAL"],
        hosts=["alice.example.com", "192.0.2.7"],
        uris=["spiffe://example.com/alice"],
    )

    found = registrar.hand_over(wish, tmp_path / "alice")

    names = called(found.issued.certificate)
    assert set(names) == {
        "a@example.com",
        "b@example.com",
        "alice@CORP.LOCAL",
        "alice.example.com",
        "192.0.2.7",
        "spiffe://example.com/alice",
    }
    sheet = found.path(Part.SHEET).read_text()
    assert all(name in sheet for name in names)


def test_the_sheet_says_whose_until_when_and_which_root(
    registrar: Registrar, tmp_path: Path
) -> None:
    found = registrar.hand_over(wished("alice"), tmp_path / "alice")
    sheet = found.path(Part.SHEET).read_text()
    (root,) = x509.load_pem_x509_certificates(found.path(Part.AUTHORITY).read_bytes())

    assert "CN=alice" in sheet
    assert f"{found.issued.certificate.serial_number:x}" in sheet
    assert f"{found.issued.certificate.not_valid_after_utc:%Y-%m-%d}" in sheet
    assert root.fingerprint(SHA256()).hex().upper() in sheet
    assert not re.search(r"\{\{|\{%|None", sheet)


def test_the_sheet_names_only_files_that_are_there(registrar: Registrar, tmp_path: Path) -> None:
    found = registrar.hand_over(wished("alice"), tmp_path / "alice")
    listed = found.path(Part.SHEET).read_text().split("To import")[0].split("In programs")[0]

    assert set(re.findall(r"^alice\.\S+", listed, re.MULTILINE)) == {
        "alice.pem",
        "alice.key",
        "alice.ca.pem",
    }


def test_a_lifetime_that_the_authority_cuts_is_mentioned(
    registrar: Registrar, tmp_path: Path
) -> None:
    found = registrar.hand_over(wished("alice", lifetime=3000 * DAY), tmp_path / "alice")
    end = registrar.signer.authority.certificate.not_valid_after_utc

    assert found.remarks == (f"cut to {end:%Y-%m-%d}, when the authority clients G1 ends",)
    assert not registrar.hand_over(wished("bob"), tmp_path / "bob").remarks


def test_the_password_is_in_no_repr(registrar: Registrar, tmp_path: Path) -> None:
    found = registrar.hand_over(wished("alice"), tmp_path / "alice", with_pkcs12=True)

    assert found.password
    assert found.password not in repr(found)


@pytest.fixture
def alice(registrar: Registrar, tmp_path: Path) -> HandOver:
    wish = wished(
        "alice",
        emails=["alice@example.com"],
        upns=["alice@CORP.LOCAL"],
        lifetime=30 * DAY,
        key_type=KeyType.P384,
    )
    return registrar.hand_over(wish, tmp_path / "alice")


def test_a_renewal_keeps_everything_but_the_key(
    registrar: Registrar, alice: HandOver, tmp_path: Path
) -> None:
    again = registrar.hand_over(wished_again("alice", registrar.store), tmp_path / "again")

    old, new = alice.issued.certificate, again.issued.certificate
    assert new.subject == old.subject
    assert alternative_names(new) == alternative_names(old)
    assert (new.not_valid_before_utc, new.not_valid_after_utc) == (
        old.not_valid_before_utc,
        old.not_valid_after_utc,
    )
    assert type(new.public_key()) is type(old.public_key())
    assert not is_same_key(new.public_key(), old.public_key())
    assert alice.path(Part.KEY).read_bytes() != again.path(Part.KEY).read_bytes()


def test_a_renewal_may_live_longer_and_have_another_kind_of_key(
    registrar: Registrar, alice: HandOver, tmp_path: Path
) -> None:
    wish = wished_again("alice", registrar.store, lifetime=90 * DAY, key_type=KeyType.ED25519)

    again = registrar.hand_over(wish, tmp_path / "again")

    assert again.issued.certificate.not_valid_after_utc == NOW + 90 * DAY
    assert any("no browser" in remark for remark in again.remarks)


def test_who_was_revoked_is_not_renewed(registrar: Registrar, alice: HandOver) -> None:
    serial = alice.issued.certificate.serial_number
    registrar.store.certificates.revoke(serial, registrar.signer, now=NOW)

    with pytest.raises(DeployerError, match="not revoked"):
        wished_again("alice", registrar.store)


def test_whoever_never_had_a_certificate_has_none_to_renew(registrar: Registrar) -> None:
    with pytest.raises(DeployerError, match="'bob'"):
        wished_again("bob", registrar.store)


def test_a_renewal_of_what_was_cut_is_not_cut_again(registrar: Registrar, tmp_path: Path) -> None:
    registrar.hand_over(wished("alice", lifetime=3000 * DAY), tmp_path / "alice")

    wish = wished_again("alice", registrar.store)

    assert wish.lifetime == CLIENT.lifetime
    (remark,) = registrar.hand_over(wish, tmp_path / "again").remarks
    assert "this one is for 365d" in remark
    assert not wished_again("alice", registrar.store, lifetime=DAY).remarks


@pytest.fixture
def bob(registrar: Registrar, tmp_path: Path) -> tuple[HandOver, PublicKey]:
    """Somebody who keeps their own key."""
    key = generate_key(KeyType.P256).public_key()
    wish = replace(wished("bob"), public_key=key)
    return registrar.hand_over(wish, tmp_path / "bob"), key


def test_a_key_that_was_never_here_is_not_made_anew(
    registrar: Registrar, bob: tuple[HandOver, PublicKey]
) -> None:
    with pytest.raises(DeployerError, match="their own") as caught:
        wished_again("bob", registrar.store)

    assert caught.value.hint == "deployer client issue bob --csr FILE"


def test_a_compromised_key_is_not_certified_again(
    registrar: Registrar, bob: tuple[HandOver, PublicKey], tmp_path: Path
) -> None:
    serial = bob[0].issued.certificate.serial_number
    reason = x509.ReasonFlags.key_compromise
    registrar.store.certificates.revoke(serial, registrar.signer, now=NOW, reason=reason)

    with pytest.raises(DeployerError, match=f"compromised with the certificate {serial:x} of bob"):
        registrar.hand_over(replace(wished("rob"), public_key=bob[1]), tmp_path / "rob")

    other = generate_key(KeyType.P256).public_key()
    registrar.hand_over(replace(wished("rob"), public_key=other), tmp_path / "rob")


def test_a_superseded_key_may_be_certified_again(
    registrar: Registrar, bob: tuple[HandOver, PublicKey], tmp_path: Path
) -> None:
    serial = bob[0].issued.certificate.serial_number
    reason = x509.ReasonFlags.superseded
    registrar.store.certificates.revoke(serial, registrar.signer, now=NOW, reason=reason)

    registrar.hand_over(replace(wished("bob"), public_key=bob[1]), tmp_path / "again")


def test_whoever_has_a_certificate_is_not_named_by_a_request_alone(
    registrar: Registrar, alice: HandOver
) -> None:
    store = registrar.store
    with pytest.raises(Taken, match="alice has 1 valid certificate already"):
        already_held(alice.name, store, now=NOW, meant=False)

    assert "renew" in already_held(alice.name, store, now=NOW, meant=True)
    assert already_held("bob", store, now=NOW, meant=False) == ""
    assert already_held(alice.name, store, now=NOW + 40 * DAY, meant=False) == ""


def test_a_file_that_cannot_be_filled_after_the_signature_says_what_to_revoke(
    registrar: Registrar, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: HandOver, __: str) -> str:
        raise OSError(ENOSPC, "No space left on device")

    monkeypatch.setattr("deployer.workflows.identities.sheet", full)

    with pytest.raises(HandOverError, match="No space left") as caught:
        registrar.hand_over(wished("alice"), tmp_path / "alice")

    (record,) = registrar.store.certificates.list(kind="client")
    prefix = f"{record.serial:x}"[:12]
    assert caught.value.hint == f"it was issued: deployer client revoke alice --serial {prefix}"
    assert not (tmp_path / "alice").exists()


def test_a_directory_is_one_identitys(
    registrar: Registrar, alice: HandOver, tmp_path: Path
) -> None:
    with pytest.raises(HandOverError, match="holds the files of 'alice'") as caught:
        registrar.hand_over(wished("bob"), alice.directory)

    assert "-o" in caught.value.hint
    assert not list(tmp_path.rglob("bob.*"))


def test_directories_that_were_made_for_nothing_are_taken_away(
    registrar: Registrar, tmp_path: Path
) -> None:
    with pytest.raises(DeployerError):
        registrar.hand_over(wished("alice", lifetime=-DAY), tmp_path / "a" / "b" / "c")

    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("name", "file"),
    [("a:b", "a_b"), ('<x> "y|z?*', "_x_ _y_z__"), ("nul", "_nul"), ("COM1.x", "_COM1.x"),
     ("console", "console"), ("Łucja & Søn", "Łucja & Søn"), ("100%", "100_")],
)  # fmt: skip
def test_files_have_names_that_windows_can_hold(name: str, file: str) -> None:
    assert path_of(Path(), name, Part.CERTIFICATE) == Path(f"{file}.pem")


def test_a_name_that_the_root_does_not_allow_is_refused_before_anything_is_signed(
    tmp_path: Path,
) -> None:
    with Store.create(tmp_path / ".deployer", now=NOW) as store:
        store.init_ca(
            organization="Example",
            passphrase=PASSPHRASE,
            now=NOW,
            key_type=KeyType.P256,
            cost=CHEAP,
            constraints=x509.NameConstraints([x509.DNSName("example.com")], None),
        )
        registrar = Registrar(store=store, signer=store.unlock("clients", PASSPHRASE), now=NOW)

        with pytest.raises(DeployerError) as by_name:
            registrar.hand_over(wished("alice", hosts=["alice.example.org"]), tmp_path / "alice")
        with pytest.raises(DeployerError) as by_cn:
            registrar.hand_over(wished("john.smith"), tmp_path / "john.smith")

        assert "alice.example.org" in by_name.value.message
        assert "john.smith" in by_cn.value.message
        assert by_cn.value.hint
        assert not (tmp_path / "alice").exists()
        assert not (tmp_path / "john.smith").exists()
        assert {one.status for one in store.certificates.list(kind="client")} <= {"abandoned"}
