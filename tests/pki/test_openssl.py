"""What the openssl that Apache is built on thinks of everything we sign."""

from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509

from deployer.pki.authority import Authority, Signer
from deployer.pki.crl import Revocation, ladder
from deployer.pki.issue import authority_subject
from deployer.pki.keys import KeyType
from deployer.pki.profiles import CLIENTS
from tests.pki.examples import NOW, Pki, client_leaf, key_of, openssl_verify, pki, server_leaf
from tests.pki.forgery import forge


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
    real = ours.servers.authority.certificate
    # What a thief would do: sign with the servers' key as if its certificate were for clients.
    forged = forge(real, ours.servers.key, without=[x509.ExtendedKeyUsage])
    authority = Authority(name="clients", generation=1, certificate=forged, chain=())
    disguised = Signer(authority=authority, key=ours.servers.key)

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
    above = ours.clients.authority.certificate
    # We refuse to sign it; whoever stole the key would not.
    forged = forge(
        above,
        ours.clients.key,
        subject=authority_subject(CLIENTS, "Example", 2),
        issuer=above.subject,
        public_key=key.public_key(),
        add=[
            x509.SubjectKeyIdentifier.from_public_key(key.public_key()),
            ours.clients.authority.key_identifier,
        ],
    )
    below = Authority(name="clients", generation=2, certificate=forged, chain=())
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
