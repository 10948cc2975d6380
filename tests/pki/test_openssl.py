"""What the openssl that Apache is built on thinks of everything we sign."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest

from deployer.pki.authority import Signer
from deployer.pki.crl import Revocation, ladder
from deployer.pki.issue import issue_authority
from deployer.pki.keys import KeyType
from deployer.pki.profiles import CLIENTS
from deployer.store.randomness import random_serial_number
from tests.pki.examples import NOW, Pki, client_leaf, key_of, openssl_verify, pki, server_leaf

AUTHORITY_KEYS = [KeyType.P256, KeyType.P384, KeyType.RSA3072, KeyType.ED25519]
LEAF_KEYS = [KeyType.P256, KeyType.P384, KeyType.RSA2048, KeyType.ED25519]


def verify_client(directory: Path, ours: Pki, name: str = "alice", *, at: datetime = NOW) -> str:
    return openssl_verify(
        directory,
        client_leaf(ours.clients, name),
        untrusted=[ours.clients.authority.certificate],
        roots=[ours.root.authority.certificate],
        crls=ours.crls(),
        purpose="sslclient",
        at=at,
    )


@pytest.mark.parametrize("leaf_key", LEAF_KEYS)
@pytest.mark.parametrize("authority_key", AUTHORITY_KEYS)
def test_every_kind_of_chain_verifies_strictly(
    authority_key: KeyType, leaf_key: KeyType, tmp_path: Path
) -> None:
    ours = pki(authority_key)
    roots = [ours.root.authority.certificate]
    server = server_leaf(ours.servers, "api.example.com", "10.0.0.1", kind=leaf_key)
    client = client_leaf(ours.clients, "alice@example.com", kind=leaf_key)

    for leaf, signer, purpose in (
        (server, ours.servers, "sslserver"),
        (client, ours.clients, "sslclient"),
    ):
        complaint = openssl_verify(
            tmp_path,
            leaf,
            untrusted=[signer.authority.certificate],
            roots=roots,
            crls=ours.crls(),
            purpose=purpose,
        )
        assert not complaint


def test_a_name_too_long_for_a_cn_is_certified_all_the_same(tmp_path: Path) -> None:
    ours = pki()
    name = f"{'a' * 60}.{'b' * 60}.example.com"

    leaf = server_leaf(ours.servers, name)

    assert not openssl_verify(
        tmp_path,
        leaf,
        untrusted=[ours.servers.authority.certificate],
        roots=[ours.root.authority.certificate],
        crls=ours.crls(),
        purpose="sslserver",
    )


def test_a_server_cannot_pose_as_a_client(tmp_path: Path) -> None:
    ours = pki()
    complaint = openssl_verify(
        tmp_path,
        server_leaf(ours.servers, "api.example.com"),
        untrusted=[ours.servers.authority.certificate],
        roots=[ours.root.authority.certificate],
        crls=ours.crls(),
        purpose="sslclient",
    )

    assert "error 26" in complaint
    assert "unsuitable certificate purpose" in complaint


def test_a_client_cannot_pose_as_a_server(tmp_path: Path) -> None:
    ours = pki()
    complaint = openssl_verify(
        tmp_path,
        client_leaf(ours.clients, "alice"),
        untrusted=[ours.clients.authority.certificate],
        roots=[ours.root.authority.certificate],
        crls=ours.crls(),
        purpose="sslserver",
    )

    assert "error 26" in complaint


def test_a_stolen_server_authority_cannot_make_clients(tmp_path: Path) -> None:
    ours = pki()
    # What a thief would do: claim to be the clients' authority and sign with the servers' key.
    disguised = Signer(
        authority=issue_authority(
            CLIENTS,
            generation=1,
            public_key=key_of(KeyType.P256, "thief").public_key(),
            signer=ours.root,
            now=NOW,
            serial=random_serial_number(),
        ),
        key=ours.servers.key,
    )
    # The leaf says clientAuth and names its real signer, whose certificate says serverAuth.
    object.__setattr__(disguised.authority, "certificate", ours.servers.authority.certificate)

    complaint = openssl_verify(
        tmp_path,
        client_leaf(disguised, "mallory"),
        untrusted=[ours.servers.authority.certificate],
        roots=[ours.root.authority.certificate],
        crls=ours.crls(),
        purpose="sslclient",
    )

    assert "error 26" in complaint


def test_an_issuing_authority_cannot_make_another_authority(tmp_path: Path) -> None:
    ours = pki()
    key = key_of(KeyType.P256, "below")
    below = issue_authority(
        CLIENTS,
        generation=2,
        public_key=key.public_key(),
        signer=ours.clients,
        now=NOW,
        serial=random_serial_number(),
    )
    signer = Signer(authority=below, key=key)

    complaint = openssl_verify(
        tmp_path,
        client_leaf(signer, "alice"),
        untrusted=[below.certificate, ours.clients.authority.certificate],
        roots=[ours.root.authority.certificate],
        crls=[*ours.crls(), *ladder(signer, (), first_number=1, now=NOW)],
        purpose="sslclient",
    )

    assert "path length constraint exceeded" in complaint


def test_a_ladder_lets_clients_in_on_each_of_five_weeks_days(tmp_path: Path) -> None:
    ours = pki()

    for day in range(35):
        assert not verify_client(tmp_path, ours, at=NOW + timedelta(days=day)), f"day {day}"


def test_a_ladder_ends(tmp_path: Path) -> None:
    complaint = verify_client(tmp_path, pki(), at=NOW + timedelta(days=38))

    assert "CRL has expired" in complaint


def test_a_host_whose_clock_is_half_an_hour_behind_lets_clients_in(tmp_path: Path) -> None:
    assert not verify_client(tmp_path, pki(), at=NOW - timedelta(minutes=30))


def test_a_revoked_client_stays_out_on_every_day_of_the_ladder(tmp_path: Path) -> None:
    ours = pki()
    leaf = client_leaf(ours.clients, "mallory")
    revoked = Revocation(
        serial=leaf.serial_number, revoked_at=NOW, expires=leaf.not_valid_after_utc
    )
    rungs = ladder(ours.clients, [revoked], first_number=7, now=NOW)
    root_crl = ladder(ours.root, (), first_number=1, now=NOW)

    for day in (0, 6, 7, 12, 20, 30, 34):
        complaint = openssl_verify(
            tmp_path,
            leaf,
            untrusted=[ours.clients.authority.certificate],
            roots=[ours.root.authority.certificate],
            crls=[*rungs, *root_crl],
            purpose="sslclient",
            at=NOW + timedelta(days=day),
        )
        assert "certificate revoked" in complaint, f"day {day}"
