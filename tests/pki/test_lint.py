import ipaddress
import subprocess
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from hypothesis import given
from hypothesis import strategies as st

from deployer.pki.authority import Authority
from deployer.pki.general_names import UPN
from deployer.pki.issue import CannotIssue, LeafRequest, issue_authority, issue_leaf
from deployer.pki.keys import KeyType, leaf_key_usage, private_key_pem
from deployer.pki.lint import lint
from deployer.pki.names import identity_alternative_names
from deployer.pki.profiles import CLIENT, CLIENTS, ROOT, SERVER, SERVERS
from tests.pki.examples import NOW, client_leaf, key_of, pki, server_leaf, throwaway
from tests.pki.forgery import forge, rewrite

ISSUER = pki().servers.authority
LEAF = server_leaf(pki().servers, "a.example")
KEY = throwaway()
DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


def names(*values: x509.GeneralName) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName(values)


def subject(kind: x509.ObjectIdentifier, value: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(kind, value, _validate=False)])


def finding(certificate: x509.Certificate, profile: object = SERVER) -> str:
    """The one thing that is wrong with a certificate."""
    (problem,) = lint(certificate, profile=profile, issuer=ISSUER)  # type: ignore[arg-type]
    return problem.message


def usage(**rights: bool) -> x509.KeyUsage:
    nothing = dict.fromkeys(
        (
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
            "key_cert_sign",
            "crl_sign",
            "encipher_only",
            "decipher_only",
        ),
        False,
    )
    return x509.KeyUsage(**{**nothing, **rights})


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (forge(LEAF, KEY, start=LEAF.not_valid_after_utc), "ends before it begins"),
        (forge(LEAF, KEY, start=NOW - DAY), "at a time when"),
        (
            forge(LEAF, KEY, end=ISSUER.certificate.not_valid_after_utc + SECOND),
            "at a time when",
        ),
        (forge(LEAF, KEY, algorithm=hashes.SHA224()), "an algorithm that verifiers refuse"),
        (forge(LEAF, KEY, without=[x509.SubjectKeyIdentifier]), "no SubjectKeyIdentifier"),
        (forge(LEAF, KEY, add=[x509.SubjectKeyIdentifier(b"x" * 20)]), "not that of its key"),
        (forge(LEAF, KEY, without=[x509.AuthorityKeyIdentifier]), "no AuthorityKeyIdentifier"),
        (
            forge(LEAF, KEY, add=[x509.AuthorityKeyIdentifier(b"x" * 20, None, None)]),
            "not that of its issuer",
        ),
        (
            forge(
                LEAF,
                KEY,
                add=[
                    x509.AuthorityKeyIdentifier(
                        ISSUER.key_identifier.key_identifier,
                        [x509.DirectoryName(ISSUER.certificate.issuer)],
                        ISSUER.certificate.serial_number,
                    )
                ],
            ),
            "by serial number",
        ),
        (
            forge(LEAF, KEY, issuer=pki().clients.authority.certificate.subject),
            "not spelled as",
        ),
        (forge(LEAF, KEY, without=[x509.BasicConstraints]), "that it is no authority"),
        (forge(LEAF, KEY, add=[x509.BasicConstraints(True, 0)]), "that it is no authority"),  # noqa: FBT003
        (forge(LEAF, KEY, turned=[x509.BasicConstraints]), "BasicConstraints should be critical"),
        (forge(LEAF, KEY, without=[x509.KeyUsage]), "KeyUsage is not digital_signature"),
        (forge(LEAF, KEY, turned=[x509.KeyUsage]), "KeyUsage should be critical"),
        (
            forge(LEAF, KEY, add=[usage(digital_signature=True, key_encipherment=True)]),
            "KeyUsage is not digital_signature",
        ),
        (forge(LEAF, KEY, add=[usage(key_agreement=True)]), "KeyUsage is not digital_signature"),
        (
            forge(LEAF, KEY, add=[usage(digital_signature=True, key_cert_sign=True)]),
            "KeyUsage is not digital_signature",
        ),
        (forge(LEAF, KEY, without=[x509.ExtendedKeyUsage]), "ExtendedKeyUsage is not the one"),
        (forge(LEAF, KEY, turned=[x509.ExtendedKeyUsage]), "ExtendedKeyUsage should not be"),
        (
            forge(
                LEAF,
                KEY,
                add=[
                    x509.ExtendedKeyUsage(
                        [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
                    )
                ],
            ),
            "ExtendedKeyUsage is not the one",
        ),
        (forge(LEAF, KEY, without=[x509.SubjectAlternativeName]), "no alternative name"),
        (forge(LEAF, KEY, add=[names()]), "no alternative name"),
        (forge(LEAF, KEY, turned=[x509.SubjectAlternativeName]), "Name should not be critical"),
        (forge(LEAF, KEY, subject=x509.Name([])), "Name should be critical"),
        (forge(LEAF, KEY, add=[x509.OCSPNoCheck()]), "an extension 1.3.6.1.5.5.7.48.1.5"),
        (
            forge(LEAF, KEY, add=[x509.NameConstraints([x509.DNSName("a")], None)]),
            "constrain nothing",
        ),
        (forge(LEAF, KEY, subject=subject(NameOID.ORGANIZATION_NAME, "x" * 65)), "O is not of 1"),
        (forge(LEAF, KEY, subject=subject(NameOID.COMMON_NAME, "a\u202eb")), "cannot be printed"),
    ],
)
def test_one_broken_rule_is_found_alone(broken: x509.Certificate, why: str) -> None:
    assert why in finding(broken)


def test_a_certificate_of_the_first_version_is_found(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(private_key_pem(KEY))
    for command in (
        "openssl req -new -key key.pem -subj /CN=a.example -out a.csr",
        "openssl x509 -req -in a.csr -key key.pem -out a.pem",
    ):
        subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    old = x509.load_pem_x509_certificate((tmp_path / "a.pem").read_bytes())

    problems = lint(old, profile=SERVER, issuer=None)

    assert "it is not of version 3" in [problem.message for problem in problems]


def test_an_extended_key_usage_for_anything_is_found_even_if_a_profile_asked_for_it() -> None:
    anything = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE])

    problems = lint(forge(LEAF, KEY, add=[anything]), profile=SERVER, issuer=ISSUER)

    assert any("neither serverAuth nor clientAuth" in problem.message for problem in problems)


@pytest.mark.parametrize("octet", [b"\x00", b"\xff"])
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_a_serial_number_that_is_not_positive_is_found(octet: bytes) -> None:
    before = b"\xa0\x03\x02\x01\x02\x02\x01"  # the version, and an integer of one octet
    broken = rewrite(forge(LEAF, KEY, serial=5), before + b"\x05", before + octet)

    assert "its serial number" in finding(broken)


@pytest.mark.parametrize(
    "name",
    [
        x509.DNSName("a b.example"),
        x509.DNSName("http://a.example"),
        x509.DNSName("a.example."),
        x509.DNSName("A.example"),
        x509.DNSName("under_score.example"),
        x509.DNSName("10.0.0.1"),
        x509.DNSName("*.example"),
        x509.DNSName("a.*.example"),
        x509.DNSName("a" * 64 + ".example"),
        x509.DNSName("a." * 127 + "example"),
        x509.DNSName(""),
        x509.RFC822Name("alice"),
        x509.RFC822Name("alice@bad_host"),
        x509.UniformResourceIdentifier("//no.scheme"),
        x509.UniformResourceIdentifier("urn:a b"),
        x509.DirectoryName(x509.Name([])),
        x509.OtherName(UPN, b"\x13\x01a"),
        x509.OtherName(UPN, b"\x0c\x01\xff"),
        x509.OtherName(x509.ObjectIdentifier("1.2.3"), b"\x0c\x01a"),
        x509.RegisteredID(x509.ObjectIdentifier("1.2.3")),
    ],
)
def test_a_name_that_no_verifier_would_compare_is_found(name: x509.GeneralName) -> None:
    assert "its alternative name" in finding(forge(LEAF, KEY, add=[names(name)]))


def test_a_weak_key_is_found() -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()  # noqa: S505
    identifier = x509.SubjectKeyIdentifier.from_public_key(weak)

    found = forge(LEAF, KEY, public_key=weak, add=[identifier, leaf_key_usage(weak)])

    assert "1024 bits" in finding(found)


def test_a_curve_that_clients_do_not_offer_is_found() -> None:
    odd = ec.generate_private_key(ec.SECP224R1()).public_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(odd)

    assert "secp224r1" in finding(forge(LEAF, KEY, public_key=odd, add=[identifier]))


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (
            forge(ISSUER.certificate, KEY, add=[x509.BasicConstraints(True, None)]),  # noqa: FBT003
            "an authority with a path length of 0",
        ),
        (
            forge(ISSUER.certificate, KEY, add=[usage(key_cert_sign=True)]),
            "KeyUsage is not crl_sign and key_cert_sign",
        ),
        (
            forge(ISSUER.certificate, KEY, add=[names(x509.DNSName("a.example"))]),
            "known by its subject",
        ),
        (
            forge(
                ISSUER.certificate,
                KEY,
                add=[x509.NameConstraints([x509.DNSName("a")], None)],
                turned=[x509.NameConstraints],
            ),
            "NameConstraints should be critical",
        ),
        (
            forge(ISSUER.certificate, KEY, without=[x509.ExtendedKeyUsage]),
            "ExtendedKeyUsage is not the one",
        ),
    ],
)
def test_an_authority_with_other_rights_is_found(broken: x509.Certificate, why: str) -> None:
    (problem,) = lint(broken, profile=SERVERS, issuer=pki().root.authority)

    assert why in problem.message


def test_a_root_with_a_path_length_or_another_issuer_is_found() -> None:
    root = pki().root.authority.certificate
    bounded = forge(root, KEY, add=[x509.BasicConstraints(True, 1)])  # noqa: FBT003
    foreign = forge(root, KEY, issuer=ISSUER.certificate.subject)

    (first,) = lint(bounded, profile=ROOT, issuer=None)
    (second,) = lint(foreign, profile=ROOT, issuer=None)

    assert "an authority with no path length" in first.message
    assert "names another issuer" in second.message


def test_an_issuer_whose_path_length_is_used_up_signs_no_authority() -> None:
    with pytest.raises(CannotIssue, match="path length"):
        issue_authority(
            CLIENTS,
            generation=2,
            public_key=KEY.public_key(),
            signer=pki().clients,
            now=NOW,
            serial=1,
            throwaway=KEY,
        )


def test_a_leaf_for_what_its_issuers_issuer_is_not_for_is_found() -> None:
    root = pki().root.authority.certificate
    narrow = forge(root, KEY, add=[x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])])
    above = Authority(name="servers", generation=1, certificate=ISSUER.certificate, chain=(narrow,))

    (problem,) = lint(LEAF, profile=SERVER, issuer=above)

    assert "is not for this purpose" in problem.message


def test_two_extensions_of_one_kind_are_found() -> None:
    doubled = rewrite(forge(LEAF, KEY, add=[x509.OCSPNoCheck()]), OCSP_NO_CHECK, SHORT_SKI)

    (problem,) = lint(doubled, profile=SERVER, issuer=ISSUER)

    assert "cannot be read" in problem.message


# An extension with nothing in it, and a second SubjectKeyIdentifier in as many bytes.
OCSP_NO_CHECK = bytes.fromhex("300f06092b0601050507300105") + bytes.fromhex("04020500")
SHORT_SKI = bytes.fromhex("300f0603551d0e0408") + bytes.fromhex("0406616161616161")


@pytest.mark.parametrize("kind", list(KeyType))
def test_everything_that_we_issue_is_clean(kind: KeyType) -> None:
    ours = pki(kind) if kind is not KeyType.RSA4096 else pki()
    roots = lint(ours.root.authority.certificate, profile=ROOT, issuer=None)
    server = server_leaf(ours.servers, "a.example", "*.b.example", "::1", kind=kind)
    client = client_leaf(ours.clients, "alice", kind=kind)

    assert not roots
    for signer, profile in ((ours.servers, SERVERS), (ours.clients, CLIENTS)):
        below = signer.authority
        assert not lint(below.certificate, profile=profile, issuer=ours.root.authority)
    assert not lint(server, profile=SERVER, issuer=ours.servers.authority)
    assert not lint(client, profile=CLIENT, issuer=ours.clients.authority)


labels = st.from_regex(r"[a-z]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
hosts = st.lists(labels, min_size=1, max_size=5).map(".".join) | st.ip_addresses().map(str)
words = st.text(
    st.characters(categories=["L", "N"]) | st.sampled_from(" .@:_"), min_size=1, max_size=40
).filter(lambda text: text == text.strip() and text[0] != "." and len(text.encode()) <= 60)


def issued(name: str, hosts: Iterable[str], now: datetime, days: int, serial: int) -> None:
    alternative = identity_alternative_names(name, hosts=hosts)
    request = LeafRequest(
        profile=CLIENT,
        common_name=name,
        alternative_names=alternative,
        public_key=key_of(KeyType.P256, "client").public_key(),
        lifetime=timedelta(days=days),
    )
    leaf = issue_leaf(request, pki().clients, now=now, serial=serial, throwaway=KEY)

    assert leaf.serial_number == serial
    assert leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc
    assert leaf.not_valid_after_utc <= pki().clients.authority.certificate.not_valid_after_utc
    assert not lint(leaf, profile=CLIENT, issuer=pki().clients.authority)


@given(
    words,
    st.lists(hosts, max_size=3),
    st.datetimes(
        NOW.replace(tzinfo=None),
        NOW.replace(tzinfo=None) + timedelta(days=1800),
        timezones=st.just(UTC),
    ),
    st.integers(1, 1000),
    st.integers(1, (1 << 159) - 1),
)
def test_whatever_we_agree_to_issue_is_clean(
    name: str, hosts: list[str], now: datetime, days: int, serial: int
) -> None:
    issued(name, hosts, now, days, serial)


def test_what_is_refused_says_everything_that_is_wrong_and_whose_it_is() -> None:
    request = LeafRequest(
        profile=SERVER,
        common_name="a.example",
        alternative_names=(x509.DNSName("a b"), x509.IPAddress(ipaddress.ip_network("::/64"))),
        public_key=KEY.public_key(),
    )

    with pytest.raises(
        CannotIssue, match=r"CN=a\.example was not signed: .* a b is .*; .* ::/64 is a network"
    ):
        issue_leaf(request, pki().servers, now=NOW, serial=1, throwaway=KEY)
