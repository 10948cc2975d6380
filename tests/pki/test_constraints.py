import ipaddress
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID
from hypothesis import example, given
from hypothesis import strategies as st

from deployer.pki.authority import Authority, Signer
from deployer.pki.constraints import (
    NothingToConstrain,
    allows,
    constraints_for,
    host_in,
    permitted,
    read_constraints,
)
from deployer.pki.crl import ladder
from deployer.pki.issue import CannotIssue, LeafRequest, issue_authority, issue_leaf, issue_root
from deployer.pki.keys import KeyType
from deployer.pki.lint import lint
from deployer.pki.names import InvalidName, common_name, identity_alternative_names
from deployer.pki.profiles import CLIENT, CLIENTS, SERVER, SERVERS, AuthorityProfile, LeafProfile
from tests.pki.examples import NOW, key_of, openssl_verify, throwaway
from tests.pki.forgery import forge

KEY = throwaway()
V4, V6 = ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0")


def addresses(*texts: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    return [ipaddress.ip_address(text) for text in texts]


def excluded(constraints: x509.NameConstraints) -> list[object]:
    return [name.value for name in constraints.excluded_subtrees or ()]


def test_hosts_permit_the_domains_that_their_owner_registered() -> None:
    constraints = constraints_for(
        ["api.example.co.uk", "*.shop.example.org", "example.org", "team.github.io"], ()
    )

    assert permitted(constraints) == ("example.co.uk", "example.org", "team.github.io")


def test_a_top_level_that_the_public_does_not_have_is_permitted_as_a_whole() -> None:
    constraints = constraints_for(["web1.dc1.internal", "localhost", "db.lan"], ())

    assert permitted(constraints) == ("internal", "lan", "localhost")


def test_a_public_suffix_permits_itself_alone() -> None:
    assert permitted(constraints_for(["co.uk"], ())) == ("co.uk",)


def test_addresses_of_a_family_that_no_host_has_are_excluded_as_a_whole() -> None:
    none = constraints_for(["a.example.com"], ())
    four = constraints_for(["a.example.com"], addresses("10.0.0.1", "10.0.0.2", "10.0.0.3"))
    both = constraints_for(["a.example.com"], addresses("10.0.0.1", "2001:db8::1"))

    assert excluded(none) == [V4, V6]
    assert excluded(four) == [V6]
    assert permitted(four) == ("example.com", "10.0.0.1/32", "10.0.0.2/31")
    assert excluded(both) == []


def test_a_fleet_without_names_permits_none() -> None:
    constraints = constraints_for((), addresses("10.0.0.1"))

    assert permitted(constraints) == ("10.0.0.1/32",)
    assert not allows(constraints, x509.DNSName("a.example.com"))


def test_constraints_that_permit_nothing_are_refused() -> None:
    with pytest.raises(NothingToConstrain):
        constraints_for((), ())


def test_a_list_is_taken_at_its_word() -> None:
    constraints = read_constraints("api.example.com, 10.0.0.0/8,10.1.0.0/16, x.api.example.com")

    assert permitted(constraints) == ("api.example.com", "10.0.0.0/8")


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (".example.com", "write 'example.com'"),
        ("*.example.com", "write 'example.com'"),
        ("10.0.0.1/8", "write '10.0.0.0/8'"),
        ("example.com,", ""),
        ("http://example.com", ""),
    ],
)
def test_what_is_neither_a_domain_nor_a_network_is_refused(text: str, hint: str) -> None:
    with pytest.raises(InvalidName) as refusal:
        read_constraints(text)
    assert refusal.value.hint == hint


class Constrained:
    """A PKI whose root permits `example.org` and `10.0.0.0/8`."""

    def __init__(self, constraints: x509.NameConstraints) -> None:
        root = issue_root(
            organization="Bound",
            generation=1,
            key=key_of(KeyType.P256, "bound"),
            now=NOW,
            serial=1,
            throwaway=KEY,
            constraints=constraints,
        )
        self.root = Signer(authority=root, key=key_of(KeyType.P256, "bound"))
        self.servers, self.clients = self._below(SERVERS), self._below(CLIENTS)

    def _below(self, profile: AuthorityProfile) -> Signer:
        key = key_of(KeyType.P256, f"bound {profile.name}")
        authority = issue_authority(
            profile,
            generation=1,
            public_key=key.public_key(),
            signer=self.root,
            now=NOW,
            serial=2,
            throwaway=KEY,
        )
        return Signer(authority=authority, key=key)

    def complaint(self, directory: Path, leaf: x509.Certificate, signer: Signer) -> str:
        crls = [
            crl for one in (self.root, signer) for crl in ladder(one, (), first_number=1, now=NOW)
        ]
        return openssl_verify(
            directory,
            leaf,
            untrusted=[signer.authority.certificate],
            roots=[self.root.authority.certificate],
            crls=crls,
            purpose="sslserver" if signer is self.servers else "sslclient",
        )


BOUND = Constrained(read_constraints("example.org,10.0.0.0/8"))


def leaf(
    profile: LeafProfile, signer: Signer, name: str, *names: x509.GeneralName
) -> x509.Certificate:
    request = LeafRequest(
        profile=profile,
        common_name=name,
        alternative_names=names,
        public_key=KEY.public_key(),
    )
    return issue_leaf(request, signer, now=NOW, serial=3, throwaway=KEY)


@pytest.mark.parametrize("signer", [BOUND.root, BOUND.servers])
def test_constraints_stand_on_what_makes_servers_and_are_critical(signer: Signer) -> None:
    extension = signer.authority.certificate.extensions.get_extension_for_class(
        x509.NameConstraints
    )

    assert extension.critical
    assert extension.value == BOUND.root.authority.constraints


def test_the_clients_authority_repeats_no_constraints_for_java_takes_a_cn_for_a_host() -> None:
    assert BOUND.clients.authority.constraints is None


@pytest.mark.parametrize("name", ["alice", "John Smith", "alice@x.example", "Zoë", "a.b:c"])
def test_identities_pass_under_constraints(tmp_path: Path, name: str) -> None:
    names = identity_alternative_names(name, uris=["urn:x:y"], upns=["alice@CORP.LOCAL"])
    certificate = leaf(CLIENT, BOUND.clients, name, *names)
    bare = leaf(CLIENT, BOUND.clients, name, *identity_alternative_names(name))

    assert not BOUND.complaint(tmp_path, certificate, BOUND.clients)
    assert not BOUND.complaint(tmp_path, bare, BOUND.clients)


@pytest.mark.parametrize(
    "name",
    [
        x509.DNSName("example.org"),
        x509.DNSName("*.a.example.org"),
        x509.IPAddress(ipaddress.ip_address("10.9.8.7")),
    ],
)
def test_permitted_servers_pass(tmp_path: Path, name: x509.GeneralName) -> None:
    certificate = leaf(SERVER, BOUND.servers, "", name)

    assert not BOUND.complaint(tmp_path, certificate, BOUND.servers)


@pytest.mark.parametrize(
    "name",
    [
        x509.DNSName("google.com"),
        x509.DNSName("badexample.org"),
        x509.DNSName("example.org.evil.com"),
        x509.IPAddress(ipaddress.ip_address("11.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("2001:db8::1")),
    ],
)
def test_other_servers_are_refused_by_us_as_by_openssl(
    tmp_path: Path, name: x509.GeneralName
) -> None:
    with pytest.raises(CannotIssue, match="refuse") as refusal:
        leaf(SERVER, BOUND.servers, "", name)
    stolen = forge(
        leaf(SERVER, BOUND.servers, "", x509.DNSName("a.example.org")),
        BOUND.servers.key,
        add=[x509.SubjectAlternativeName([name])],
    )

    assert "permitted: example.org, 10.0.0.0/8" in refusal.value.hint
    assert "subtree violation" in BOUND.complaint(tmp_path, stolen, BOUND.servers)


def test_a_name_that_looks_like_a_host_is_refused_before_it_is_signed() -> None:
    names = identity_alternative_names("john.smith", emails=["john@example.org"])

    with pytest.raises(CannotIssue, match=r"takes 'john\.smith' for a host") as refusal:
        leaf(CLIENT, BOUND.clients, "john.smith", *names)

    assert "add --dns" in refusal.value.hint


def test_a_permitted_host_name_lets_any_cn_pass(tmp_path: Path) -> None:
    names = identity_alternative_names("john.smith", hosts=["laptop7.example.org"])

    certificate = leaf(CLIENT, BOUND.clients, "john.smith", *names)

    assert not BOUND.complaint(tmp_path, certificate, BOUND.clients)


def says_openssl(directory: Path, name: str) -> bool:
    """Ask the real thing whether a CN is refused as a host."""
    template = leaf(CLIENT, BOUND.clients, "alice", *identity_alternative_names("alice"))
    certificate = forge(template, BOUND.clients.key, subject=common_name(name))
    complaint = BOUND.complaint(directory, certificate, BOUND.clients)
    assert not complaint or "subtree violation" in complaint
    return bool(complaint)


@pytest.mark.parametrize(
    "name",
    [
        "a.b",
        "a",
        ".a",
        "a.",
        "a..b",
        "-a.b",
        "a-.b",
        "a.-b",
        "a.b-",
        "a-b.c",
        "_a._b",
        "a_b",
        "a b.c",
        "a@b.c",
        "a*.b",
        "*.b.c",
        "10.0.0.1",
        "a.b/c",
        "ä.b",
        "x.example.org",
    ],
)
def test_we_read_a_cn_as_openssl_does(tmp_path: Path, name: str) -> None:
    host = host_in(name)
    constraints = read_constraints("example.org")
    refused = host is not None and not allows(constraints, host)

    assert refused is says_openssl(tmp_path, name)


directory_name = x509.DirectoryName(
    x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Corp"),
            x509.NameAttribute(NameOID.COMMON_NAME, "alice"),
        ]
    )
)


@pytest.mark.parametrize(
    ("base", "within", "outside"),
    [
        (
            x509.RFC822Name("example.org"),
            x509.RFC822Name("a@EXAMPLE.org"),
            x509.RFC822Name("a@b.example.org"),
        ),
        (
            x509.RFC822Name(".example.org"),
            x509.RFC822Name("a@b.example.org"),
            x509.RFC822Name("a@example.org"),
        ),
        (
            x509.RFC822Name("a@example.org"),
            x509.RFC822Name("a@example.org"),
            x509.RFC822Name("b@example.org"),
        ),
        (
            x509.UniformResourceIdentifier("example.org"),
            x509.UniformResourceIdentifier("spiffe://example.org/a"),
            x509.UniformResourceIdentifier("urn:example.org"),
        ),
        (x509.DNSName(".example.org"), x509.DNSName("a.example.org"), x509.DNSName("example.org")),
        (
            x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Corp")])),
            directory_name,
            x509.DirectoryName(common_name("alice")),
        ),
    ],
)
def test_foreign_constraints_are_read_as_well(
    base: x509.GeneralName, within: x509.GeneralName, outside: x509.GeneralName
) -> None:
    permitting = x509.NameConstraints([base], None)
    excluding = x509.NameConstraints(None, [base])

    assert allows(permitting, within)
    assert not allows(permitting, outside)
    assert not allows(excluding, within)
    assert allows(excluding, outside)


def test_a_subject_outside_of_an_imported_authoritys_organization_is_refused() -> None:
    corp = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Corp")]))
    clients = BOUND.clients.authority
    bound = forge(clients.certificate, KEY, add=[x509.NameConstraints([corp], None)])
    above = Authority(name="clients", generation=1, certificate=bound, chain=())
    certificate = leaf(CLIENT, BOUND.clients, "alice", *identity_alternative_names("alice"))

    found = lint(certificate, profile=CLIENT, issuer=above)

    assert any("refuse CN=alice" in problem.message for problem in found)


@given(st.lists(st.from_regex(r"[a-z]{1,5}(\.[a-z]{1,5}){0,3}", fullmatch=True), min_size=1))
@example(["a.example.org", "example.org", "b.a.example.org"])
def test_every_host_is_within_its_own_constraints(hosts: list[str]) -> None:
    constraints = constraints_for(hosts, ())
    names = permitted(constraints)

    assert all(allows(constraints, x509.DNSName(host)) for host in hosts)
    assert not [one for one in names for other in names if one.endswith(f".{other}")]
