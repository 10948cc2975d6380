"""
Name constraints: what a root's authorities may certify, whatever becomes of their keys.

They stand on the root, where OpenSSL and browsers check them too, and again on the authority for
servers: verifiers need not look at a trust anchor's extensions (RFC 5280 section 6.1.1 (d)), and
Java's does not. Nobody below can widen what one above allows (section 6.1.4). Only DNS names and
addresses are constrained. Every verifier understands those two; identities that are known by
their subject alone stay free.
"""

import ipaddress
import re
from collections.abc import Iterable
from functools import cache
from urllib.parse import urlsplit

from cryptography import x509
from publicsuffixlist import PublicSuffixList

from deployer.errors import DeployerError
from deployer.pki.names import InvalidName, IPAddress, dns_name

IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network

NOWHERE = "invalid"
"""A name that nobody has (RFC 2606 section 2): the way to permit no DNS name at all."""

_EVERYWHERE: tuple[IPNetwork, ...] = (
    ipaddress.ip_network("0.0.0.0/0"),
    ipaddress.ip_network("::/0"),
)
# What OpenSSL takes for a host in a subject's CN (`cn2dnsid` in v3_ncons.c): dots between
# labels of letters, digits, hyphens and underscores, and at least one of them.
_HOST_IN_CN = re.compile(r"\w(?:[\w-]*\w)?(?:\.\w(?:[\w-]*\w)?)+", re.ASCII)


class NothingToConstrain(DeployerError):
    """Constraints that would permit nothing."""


def constraints_for(
    dns: Iterable[str], addresses: Iterable[IPAddress | IPNetwork]
) -> x509.NameConstraints:
    """
    Permit what these hosts may be called, now and later.

    A name permits the whole domain that its owner registered: a root lives for ten years, and
    the next host is in the same domain. A top level that the public does not have, as
    `internal` or `lan`, is permitted as a whole.
    """
    domains = {_domain(dns_name(name, wildcard=True).removeprefix("*.")) for name in dns}
    return _permitting(domains, [ipaddress.ip_network(address) for address in addresses])


def read_constraints(text: str) -> x509.NameConstraints:
    """Read a list of domains, addresses and networks, and permit exactly those."""
    domains: list[str] = []
    networks: list[IPNetwork] = []
    for part in (part.strip() for part in text.split(",")):
        if (network := _network(part)) is None:
            domains.append(_written_domain(part))
        else:
            networks.append(network)
    return _permitting(domains, networks)


def permitted(constraints: x509.NameConstraints) -> tuple[str, ...]:
    """List what is permitted, as it can be typed."""
    names = constraints.permitted_subtrees or ()
    return tuple(str(name.value) for name in names if name.value != NOWHERE)


def allows(constraints: x509.NameConstraints, name: x509.GeneralName) -> bool:
    """Say whether verifiers accept a name below a certificate with these constraints."""
    if any(_is_within(name, base) for base in constraints.excluded_subtrees or ()):
        return False
    rules = [base for base in constraints.permitted_subtrees or () if type(base) is type(name)]
    return not rules or any(_is_within(name, base) for base in rules)


def host_in(common_name: str) -> x509.DNSName | None:
    """
    Read a CN as OpenSSL does where a certificate has no DNS name: as one, if it looks like one.

    `john.smith` does, and under constraints it is refused as a host of somebody else's.
    """
    return x509.DNSName(common_name) if _HOST_IN_CN.fullmatch(common_name) else None


def _permitting(domains: Iterable[str], networks: Iterable[IPNetwork]) -> x509.NameConstraints:
    names = _minimal(set(domains))
    blocks = list(networks)
    v4 = ipaddress.collapse_addresses(one for one in blocks if one.version == 4)  # noqa: PLR2004
    v6 = ipaddress.collapse_addresses(one for one in blocks if one.version == 6)  # noqa: PLR2004
    collapsed: list[IPNetwork] = [*v4, *v6]
    if not names and not collapsed:
        raise NothingToConstrain(
            "there is no name or address to permit",
            hint="name some, as in --name-constraints example.com,10.0.0.0/8",
        )
    # A kind of name of which nothing is permitted is free (RFC 5280 section 4.2.1.10), so it is
    # excluded as a whole; for DNS names no verifier-proof spelling of "all" exists.
    versions = {network.version for network in collapsed}
    excluded = [one for one in _EVERYWHERE if one.version not in versions]
    return x509.NameConstraints(
        permitted_subtrees=[
            *(x509.DNSName(name) for name in names or (NOWHERE,)),
            *(x509.IPAddress(network) for network in collapsed),
        ],
        excluded_subtrees=[x509.IPAddress(network) for network in excluded] or None,
    )


@cache
def _public_suffixes() -> PublicSuffixList:
    return PublicSuffixList(accept_unknown=False)


def _domain(name: str) -> str:
    suffixes = _public_suffixes()
    if registered := suffixes.privatesuffix(name):
        return str(registered)
    return name if suffixes.publicsuffix(name) else name.rpartition(".")[2]


def _minimal(names: set[str]) -> tuple[str, ...]:
    """Leave out what is below another name anyway."""
    return tuple(
        name for name in sorted(names) if not any(name.endswith(f".{other}") for other in names)
    )


def _network(text: str) -> IPNetwork | None:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    why = "the address has bits beyond the network's"
    raise InvalidName("a network", text, why, hint=f"write {str(network)!r}")


def _written_domain(text: str) -> str:
    if bare := text.removeprefix("*").removeprefix(".") if text.startswith((".", "*.")) else "":
        why = "a domain stands for itself and everything below it"
        raise InvalidName("a domain to permit", text, why, hint=f"write {bare!r}")
    return dns_name(text)


def _is_within(name: x509.GeneralName, base: x509.GeneralName) -> bool:
    match name, base:
        case x509.DNSName(), x509.DNSName():
            return _is_below(name.value, base.value)
        case x509.IPAddress(), x509.IPAddress():
            return _is_in(name.value, base.value)
        case x509.RFC822Name(), x509.RFC822Name():
            if "@" in base.value:
                return name.value == base.value
            return _is_host(name.value.rpartition("@")[2], base.value)
        case x509.UniformResourceIdentifier(), x509.UniformResourceIdentifier():
            return _is_host(urlsplit(name.value).hostname or "", base.value)
        case x509.DirectoryName(), x509.DirectoryName():
            above = base.value.rdns
            return name.value.rdns[: len(above)] == above
        case _:
            return False


def _is_below(name: str, base: str) -> bool:
    name, base = name.lower(), base.lower()
    return not base or name == base or name.endswith(base if base[0] == "." else f".{base}")


def _is_host(host: str, base: str) -> bool:
    """Compare as mailboxes and URIs do: a host alone, unless a dot asks for all below it."""
    host, base = host.lower(), base.lower()
    return host.endswith(base) if base.startswith(".") else host == base


def _is_in(value: object, base: object) -> bool:
    if not isinstance(value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        return False
    return isinstance(base, IPNetwork) and value in base
