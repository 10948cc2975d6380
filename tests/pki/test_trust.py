"""What clients are verified against, checked before a mistake locks all of them out."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from deployer.pki.authority import Signer
from deployer.pki.crl import ladder
from deployer.pki.keys import KeyType, private_key_pem
from deployer.pki.material import Problem
from deployer.pki.pem import write_certificates, write_crls
from deployer.pki.trust import Revocation, check_crls, check_trust, depth, issuing
from tests.journey.foreign import ForeignCa
from tests.pki.examples import NOW, client_leaf, key_of, pki

CA = pki().clients.authority
ROOT_CA = pki().root.authority
BUNDLE = CA.bundle
OTHER = pki(organization="Other")
ROOT_CRLS = ladder(pki().root, (), first_number=1, now=NOW)
CLIENT_CRLS = ladder(pki().clients, (), first_number=1, now=NOW)
GOOD = write_crls([*CLIENT_CRLS, *ROOT_CRLS])


def trust_problems(bundle: bytes, now: datetime = NOW) -> str:
    return said(check_trust("web1: clients", bundle, now=now))


def crl_problems(
    crls: bytes,
    trust: tuple[x509.Certificate, ...] = BUNDLE,
    *,
    revocation: Revocation = "chain",
    now: datetime = NOW,
) -> str:
    return said(check_crls("web1: clients", crls, trust=trust, revocation=revocation, now=now))


def said(problems: tuple[Problem, ...]) -> str:
    assert all(problem.subject == "web1: clients" for problem in problems)
    return "; ".join(problem.message for problem in problems)


def test_our_own_bundle_has_no_problems() -> None:
    assert trust_problems(CA.bundle_pem) == ""


def test_several_authorities_may_be_trusted_in_any_order() -> None:
    everybody = [ROOT_CA.certificate, *OTHER.clients.authority.bundle, CA.certificate]

    assert trust_problems(write_certificates(everybody)) == ""


def test_an_authority_without_its_root_is_found() -> None:
    found = check_trust("x", write_certificates([CA.certificate]), now=NOW)

    assert found[0].message == "CN=Example Client CA G1,O=Example leads to no root in the bundle"
    assert found[0].hint.startswith("add CN=Example Root CA G1,O=Example")


def test_a_leaf_in_the_bundle_is_found() -> None:
    leaf = client_leaf(pki().clients, "alice")

    assert "CN=alice is no authority" in trust_problems(write_certificates([leaf, *BUNDLE]))


def test_an_expired_authority_is_found() -> None:
    late = NOW + timedelta(days=6 * 365)

    assert "CN=Example Client CA G1,O=Example expired" in trust_problems(CA.bundle_pem, late)


def test_a_key_in_the_bundle_is_found() -> None:
    key = private_key_pem(key_of(KeyType.P256, "server"))
    (problem,) = check_trust("x", CA.bundle_pem + key, now=NOW)

    assert "holds a PRIVATE KEY where only certificates belong" in problem.message
    assert "stolen" in problem.hint


@pytest.mark.parametrize("garbage", [b"", b"\xff\x00", CA.bundle_pem[:-30], GOOD])
def test_a_bundle_that_is_none_is_found(garbage: bytes) -> None:
    assert trust_problems(garbage).startswith("trust bundle: ")


def cross_signed(root: Signer, by: Signer) -> x509.Certificate:
    """The name and key of one root, vouched for by another."""
    return by.sign_certificate(
        x509.CertificateBuilder()
        .subject_name(root.authority.certificate.subject)
        .issuer_name(by.authority.certificate.subject)
        .public_key(root.key.public_key())
        .serial_number(10)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )


def test_depth_counts_every_authority_and_the_root() -> None:
    other_root = OTHER.root.authority.certificate
    crossed = cross_signed(pki().root, by=OTHER.root)

    assert depth(()) == 0
    assert depth([ROOT_CA.certificate]) == 1
    assert depth(BUNDLE) == 2
    assert depth([*BUNDLE, *OTHER.clients.authority.bundle]) == 2
    assert depth([*BUNDLE, crossed, other_root]) == 3
    assert depth([crossed, other_root]) == 2


def test_roots_that_signed_each_other_lead_to_no_root_and_not_round_in_circles() -> None:
    circle = [cross_signed(pki().root, by=OTHER.root), cross_signed(OTHER.root, by=pki().root)]

    assert depth([CA.certificate, *circle]) == 3
    assert trust_problems(write_certificates(circle)).count("leads to no root") == 2


def test_our_own_lists_have_no_problems_on_any_day_of_the_ladder() -> None:
    for day in (0, 6, 13, 20, 34):
        assert crl_problems(GOOD, now=NOW + timedelta(days=day)) == ""


def test_a_missing_list_of_the_root_is_found_where_it_counts() -> None:
    alone = write_crls(CLIENT_CRLS)

    assert crl_problems(alone) == "there is no CRL of CN=Example Root CA G1,O=Example"
    assert crl_problems(alone, revocation="leaf") == ""


def test_a_missing_list_of_the_issuer_is_found_in_leaf_mode_too() -> None:
    found = crl_problems(write_crls(ROOT_CRLS), revocation="leaf")

    assert found == "there is no CRL of CN=Example Client CA G1,O=Example"


def test_an_expired_list_is_found() -> None:
    late = NOW + timedelta(days=40)

    assert "the CRL of CN=Example Client CA G1,O=Example expired on" in crl_problems(GOOD, now=late)


def test_a_host_whose_clock_is_far_behind_is_found() -> None:
    (client, root) = check_crls(
        "x", GOOD, trust=BUNDLE, revocation="chain", now=NOW - timedelta(days=2)
    )

    assert (
        "no CRL of CN=Example Client CA G1,O=Example is valid before 2026-03-01" in client.message
    )
    assert "is the clock right?" in root.hint


def test_a_strangers_list_is_found() -> None:
    stranger = write_crls(ladder(OTHER.clients, (), first_number=1, now=NOW)[:1])

    found = crl_problems(GOOD + stranger)

    assert found == "the CRL of CN=Other Client CA G1,O=Other belongs to no authority in the bundle"


def test_a_list_of_the_right_name_and_the_wrong_key_is_found() -> None:
    forged = Signer(authority=CA, key=key_of(KeyType.P256, "thief"))
    lists = [*ladder(forged, (), first_number=1, now=NOW)[:1], *ROOT_CRLS]

    found = crl_problems(write_crls(lists))

    assert "the CRL of CN=Example Client CA G1,O=Example was not signed by its key" in found
    assert "there is no CRL of CN=Example Client CA G1,O=Example" in found


def test_a_delta_is_found() -> None:
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=CA.certificate.subject,
        last_update=NOW,
        next_update=NOW + timedelta(days=1),
    ).add_extension(x509.DeltaCRLIndicator(1), critical=True)
    delta = pki().clients.sign_crl(builder)

    found = crl_problems(GOOD + write_crls([delta]))

    assert found == "the CRL of CN=Example Client CA G1,O=Example is a delta"


def test_two_lists_of_one_second_are_found() -> None:
    again = ladder(pki().clients, (), first_number=9, now=NOW)[:1]

    assert "2 CRLs of CN=Example Client CA G1,O=Example are of" in crl_problems(
        GOOD + write_crls(again)
    )


def test_a_certificate_among_lists_would_be_trusted_and_is_found() -> None:
    hidden = GOOD + OTHER.root.authority.certificate.public_bytes(Encoding.PEM)

    assert crl_problems(hidden) == "CRL file: it holds a CERTIFICATE where only CRLs belong"


@pytest.mark.parametrize("garbage", [b"", b"\xff\x00", GOOD[:-30], CA.bundle_pem])
def test_a_file_that_holds_no_lists_is_found(garbage: bytes) -> None:
    assert crl_problems(garbage).startswith("CRL file: ")


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
@pytest.mark.filterwarnings("ignore:Attribute's length")
@settings(deadline=None, max_examples=150)
@given(st.integers(0, len(GOOD) - 1), st.integers(0, 255))
def test_damage_anywhere_is_never_an_exception(position: int, byte: int) -> None:
    damaged = bytearray(GOOD)
    damaged[position] = byte

    crl_problems(bytes(damaged))


def test_an_authority_that_may_not_sign_lists_is_found() -> None:
    root = ROOT_CA.certificate
    usage = x509.KeyUsage(
        digital_signature=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    mute = (
        x509.CertificateBuilder()
        .subject_name(root.subject)
        .issuer_name(root.subject)
        .public_key(root.public_key())
        .serial_number(3)
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=9))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .sign(pki().root.key, hashes.SHA256())
    )

    found = crl_problems(write_crls(ROOT_CRLS), (mute,))

    assert found == "CN=Example Root CA G1,O=Example may not sign CRLs"


def test_an_authority_for_servers_alone_is_found_among_those_of_clients() -> None:
    bundle = write_certificates(pki().servers.authority.bundle)

    found = check_trust("site", bundle, now=NOW)

    assert any("Server CA G1" in one.message and "may not issue" in one.message for one in found)


@pytest.mark.parametrize("indirect", [True, False])
def test_a_list_of_somebody_elses_certificates_as_well_is_found(*, indirect: bool) -> None:
    ca = pki().clients
    point = x509.IssuingDistributionPoint(
        full_name=None,
        relative_name=None,
        only_contains_user_certs=not indirect,
        only_contains_ca_certs=False,
        only_some_reasons=None,
        indirect_crl=indirect,
        only_contains_attribute_certs=False,
    )
    crl = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(ca.authority.certificate.subject)
        .last_update(NOW)
        .next_update(NOW.replace(month=12))
        .add_extension(point, critical=True)
        .sign(ca.key, hashes.SHA256())
    )
    trust = [ca.authority.certificate]
    text = crl.public_bytes(Encoding.PEM)

    found = check_crls("site", text, trust=trust, revocation="leaf", now=NOW)

    assert ["covers a part" in one.message for one in found] == ([True] if indirect else [])


def test_the_authorities_of_clients_are_those_that_issued_no_other() -> None:
    root, servers, clients = (one.authority.certificate for one in pki().signers)

    assert issuing([clients, root]) == (clients,)
    assert issuing([root, clients, servers]) == (clients, servers)
    assert issuing([root]) == (root,)


def test_a_renewed_root_beside_its_former_self_is_one_authority() -> None:
    root = ROOT_CA.certificate
    renewed = cross_signed(pki().root, by=pki().root)

    assert issuing([root, renewed]) == (root, renewed)
    assert issuing([root, renewed, CA.certificate]) == (CA.certificate,)
    assert crl_problems(GOOD + GOOD, (*BUNDLE, renewed)) == ""


def listed(
    extension: x509.ExtensionType, signer: Signer | None = None
) -> x509.CertificateRevocationList:
    signer = signer or pki().clients
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=signer.authority.certificate.subject,
        last_update=NOW - timedelta(hours=2),
        next_update=NOW + timedelta(days=1),
    )
    return signer.sign_crl(builder.add_extension(extension, critical=True))


def scope(**says: object) -> x509.IssuingDistributionPoint:
    nothing: dict[str, object] = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**{**nothing, **says})  # type: ignore[arg-type]


def test_lists_in_two_parts_are_complete_together() -> None:
    clients = listed(scope(only_contains_user_certs=True))
    authorities = listed(scope(only_contains_ca_certs=True))
    root = write_crls(ROOT_CRLS)

    assert crl_problems(write_crls([clients]) + root) == ""
    assert "is of authorities alone" in crl_problems(write_crls([authorities]) + root)
    again = listed(scope(only_contains_ca_certs=True))
    both = write_crls([clients, again]) + root
    assert "alone" not in crl_problems(both)


def test_a_roots_list_of_clients_alone_says_nothing_of_authorities() -> None:
    lists = write_crls([*CLIENT_CRLS, listed(scope(only_contains_user_certs=True), pki().root)])

    assert "Root CA G1,O=Example is of clients alone" in crl_problems(lists)
    assert crl_problems(lists, revocation="leaf") == ""


def test_a_list_of_one_place_is_a_part() -> None:
    where = [x509.UniformResourceIdentifier("http://ca.example/1.crl")]

    found = check_crls(
        "x", GOOD + write_crls([listed(scope(full_name=where))]), trust=BUNDLE, revocation="leaf",
        now=NOW,
    )  # fmt: skip

    assert ["covers a part" in one.message for one in found] == [True]
    assert "complete list" in found[0].hint


def test_a_critical_extension_that_openssl_does_not_know_is_found() -> None:
    unknown = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")

    assert "critical extension 1.2.3.4" in crl_problems(GOOD + write_crls([listed(unknown)]))


def test_an_authority_whose_clients_come_in_needs_a_list_wherever_it_stands() -> None:
    found = check_crls(
        "x", write_crls(CLIENT_CRLS), trust=BUNDLE, revocation="leaf", issuers=BUNDLE, now=NOW
    )

    assert [one.message for one in found] == ["there is no CRL of CN=Example Root CA G1,O=Example"]


def test_an_old_signature_is_called_so_and_not_a_missing_root(tmp_path: Path) -> None:
    old = ForeignCa.root(tmp_path / "root", "/CN=Old Root")
    (old.directory / "e").write_text("basicConstraints=critical,CA:TRUE\n")
    for command in (
        "openssl req -new -newkey rsa:2048 -nodes -keyout k -out r -subj /CN=Old",
        "openssl x509 -req -sha1 -in r -CA ca.pem -CAkey ca.key -set_serial 7 -out c -extfile e",
    ):
        subprocess.run(command.split(), cwd=old.directory, capture_output=True, check=True)
    bundle = (old.directory / "c").read_bytes() + old.bundle

    assert trust_problems(bundle, datetime.now(UTC)) == "CN=Old is signed with sha1"
