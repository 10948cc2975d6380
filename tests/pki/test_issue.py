from datetime import datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from cryptography.x509.verification import PolicyBuilder, Store

from deployer.pki.authority import Authority, Signer
from deployer.pki.issue import CannotIssue, LeafRequest, issue_leaf
from deployer.pki.keys import KeyType
from deployer.pki.names import InvalidName, subject_alternative_names
from deployer.pki.profiles import CLIENT, SERVER
from tests.pki.examples import NOW, client_leaf, key_of, pki, server_leaf, throwaway

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def key_usage(certificate: x509.Certificate) -> x509.KeyUsage:
    return certificate.extensions.get_extension_for_class(x509.KeyUsage).value


def is_authority(authority: Authority, path_length: int | None) -> None:
    extensions = authority.certificate.extensions
    constraints = extensions.get_extension_for_class(x509.BasicConstraints)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=path_length)
    assert extensions.get_extension_for_class(x509.KeyUsage).critical
    assert key_usage(authority.certificate).key_cert_sign
    assert key_usage(authority.certificate).crl_sign
    assert not key_usage(authority.certificate).digital_signature


def test_authorities_have_the_rights_and_limits_of_their_kind() -> None:
    ours = pki()

    is_authority(ours.root.authority, path_length=None)
    is_authority(ours.servers.authority, path_length=0)
    is_authority(ours.clients.authority, path_length=0)
    with pytest.raises(x509.ExtensionNotFound):
        ours.root.authority.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)


def test_every_authority_has_a_name_of_its_own() -> None:
    names = [signer.authority.certificate.subject.rfc4514_string() for signer in pki().signers]

    assert names == [
        "CN=Example Root CA G1,O=Example",
        "CN=Example Server CA G1,O=Example",
        "CN=Example Client CA G1,O=Example",
    ]


def test_what_is_served_stops_below_the_root_and_what_is_trusted_does_not() -> None:
    clients = pki().clients.authority
    leaf = client_leaf(pki().clients, "alice")
    root = pki().root.authority.certificate

    assert clients.bundle == (clients.certificate, root)
    assert clients.fullchain(leaf) == (leaf, clients.certificate)
    assert clients.bundle_pem.count(b"BEGIN CERTIFICATE") == 2


@pytest.mark.parametrize(
    ("certificate", "purpose"),
    [
        (server_leaf(pki().servers, "a.example"), ExtendedKeyUsageOID.SERVER_AUTH),
        (client_leaf(pki().clients, "alice"), ExtendedKeyUsageOID.CLIENT_AUTH),
    ],
)
def test_a_leaf_has_one_purpose(
    certificate: x509.Certificate, purpose: x509.ObjectIdentifier
) -> None:
    usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value

    assert list(usage) == [purpose]


@pytest.mark.parametrize("kind", [KeyType.P256, KeyType.RSA2048, KeyType.ED25519])
def test_only_rsa_keys_encipher_keys(kind: KeyType) -> None:
    usage = key_usage(server_leaf(pki().servers, "a.example", kind=kind))

    assert usage.digital_signature
    assert usage.key_encipherment is (kind is KeyType.RSA2048)


def test_an_issuer_is_named_by_its_key_alone() -> None:
    leaf = server_leaf(pki().servers, "a.example")
    issuer = pki().servers.authority.certificate
    identifier = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value

    assert identifier.authority_cert_issuer is None
    assert identifier.authority_cert_serial_number is None
    assert (
        identifier.key_identifier
        == issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    )
    assert leaf.issuer.public_bytes() == issuer.subject.public_bytes()


def test_a_leaf_is_backdated_by_an_hour_but_not_beyond_its_issuer() -> None:
    later = server_leaf(pki().servers, "a.example", now=NOW + DAY)
    at_once = server_leaf(pki().servers, "a.example", now=NOW - HOUR + timedelta(minutes=5))

    assert later.not_valid_before_utc == NOW + DAY - HOUR
    assert at_once.not_valid_before_utc == pki().servers.authority.certificate.not_valid_before_utc


def test_lifetimes_are_those_of_the_profiles() -> None:
    assert server_leaf(pki().servers, "a.example").not_valid_after_utc == NOW + 90 * DAY
    assert client_leaf(pki().clients, "alice").not_valid_after_utc == NOW + 365 * DAY


@pytest.mark.fault(61, how="an authority with less time than the certificate")
def test_a_leaf_does_not_outlive_its_issuer() -> None:
    end = pki().clients.authority.certificate.not_valid_after_utc

    assert client_leaf(pki().clients, "alice", now=end - 30 * DAY).not_valid_after_utc == end


@pytest.mark.parametrize("left", [timedelta(0), HOUR, 23 * HOUR, -DAY])
def test_an_issuer_at_its_end_issues_nothing(left: timedelta) -> None:
    end = pki().clients.authority.certificate.not_valid_after_utc

    with pytest.raises(CannotIssue, match="clients G1 ends on") as refusal:
        client_leaf(pki().clients, "alice", now=end - left)
    assert refusal.value.hint


def test_an_issuer_that_is_not_valid_yet_issues_nothing() -> None:
    with pytest.raises(CannotIssue, match="not valid before"):
        client_leaf(pki().clients, "alice", now=NOW - DAY)


@pytest.mark.parametrize(
    ("lifetime", "why"),
    [(timedelta(days=398), "398 days is refused by clients"), (timedelta(0), "over before")],
)
def test_a_lifetime_that_no_client_accepts_is_refused(lifetime: timedelta, why: str) -> None:
    with pytest.raises(CannotIssue, match=why):
        server_leaf(pki().servers, "a.example", lifetime=lifetime)


def request(**changes: object) -> LeafRequest:
    fields: dict[str, object] = {
        "profile": SERVER,
        "common_name": "a.example",
        "alternative_names": subject_alternative_names(hosts=["a.example"]),
        "public_key": key_of(KeyType.P256, "server").public_key(),
    }
    return LeafRequest(**{**fields, **changes})  # type: ignore[arg-type]


def issue(leaf: LeafRequest, signer: Signer, serial: int = 1) -> x509.Certificate:
    return issue_leaf(leaf, signer, now=NOW, serial=serial, throwaway=throwaway())


def test_a_leaf_without_an_alternative_name_is_refused() -> None:
    with pytest.raises(CannotIssue, match="no alternative name"):
        issue(request(alternative_names=()), pki().servers)


def test_the_authority_for_clients_issues_no_servers_and_the_other_way_round() -> None:
    with pytest.raises(CannotIssue, match="clients does not issue servers"):
        issue(request(), pki().clients)
    with pytest.raises(CannotIssue, match="servers does not issue clients"):
        issue(request(profile=CLIENT), pki().servers)


def test_a_weak_key_is_not_certified() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()  # noqa: S505

    with pytest.raises(CannotIssue, match="1024 bits"):
        issue(request(public_key=weak), pki().servers)


def test_a_cn_that_is_too_long_is_refused_in_words() -> None:
    with pytest.raises(InvalidName, match="longer than 64"):
        issue(request(common_name="x" * 65), pki().servers)


def test_a_leaf_without_a_cn_has_critical_alternative_names() -> None:
    leaf = issue(request(common_name=""), pki().servers)

    assert not leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).critical


@pytest.mark.parametrize("serial", [0, -1, 1 << 160])
def test_a_serial_number_that_verifiers_refuse_is_a_bug(serial: int) -> None:
    with pytest.raises(ValueError, match="serial number"):
        issue(request(), pki().servers, serial=serial)


@pytest.mark.parametrize("name", ["alice", "alice@example.com", "John Smith", "Zoë"])
def test_a_verifier_that_insists_on_alternative_names_accepts_identities(name: str) -> None:
    ours = pki()
    trust = PolicyBuilder().store(Store([ours.root.authority.certificate])).time(NOW)
    leaf = client_leaf(ours.clients, name)

    client = trust.build_client_verifier().verify(leaf, [ours.clients.authority.certificate])

    assert client.subjects


def test_the_key_of_a_signer_does_not_show() -> None:
    shown = repr(pki().clients)

    assert "key" not in shown
    assert "PrivateKey" not in shown


def test_times_are_whole_seconds_of_utc() -> None:
    noisy = datetime.fromisoformat("2026-03-01T14:00:00.987654+02:00")

    assert server_leaf(pki().servers, "a.example", now=noisy).not_valid_after_utc == NOW + 90 * DAY
