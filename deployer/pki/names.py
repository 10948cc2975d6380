"""
Names that go into certificates, checked and in the form that verifiers compare.

`x509.DNSName` takes spaces, URLs and trailing dots without a murmur, and the certificate then
fails in every client. So each kind of name is parsed here, once, before anything is signed.
"""

import ipaddress
import re
import unicodedata
from collections.abc import Iterable

from cryptography import x509
from cryptography.x509.oid import NameOID

from deployer.errors import DeployerError
from deployer.pki.general_names import upn_name

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

LONGEST_COMMON_NAME = 64  # ub-common-name, RFC 5280 appendix A.1
LONGEST_UPN = 1024  # as Active Directory has it
_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")
_LOCAL_PART = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")
_NOT_IN_UPN = re.compile(r"""[\s"/\\\[\]:;|=,+*?<>@]""")
_DOMAIN_LABEL = re.compile("[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?")
# The letters that IDNA 2003, which Python speaks, and IDNA 2008, which browsers speak, encode
# to different names: ß, ẞ, final sigma and the two joiners (RFC 5894 section 7.2).
_AMBIGUOUS = re.compile("[ßẞς\u200c\u200d]")


class InvalidName(DeployerError):
    """A name that no certificate should carry."""

    def __init__(self, kind: str, text: str, why: str, *, hint: str = "") -> None:
        super().__init__(f"{text!r} is not {kind}: {why}", hint=hint)


def dns_name(text: str, *, wildcard: bool = False) -> str:
    """
    Normalise a DNS name to lower-case A-labels.

    A wildcard is the whole left-most label with two labels below it, or nothing matches it:
    RFC 6125 section 6.4.3 and OpenSSL's own check.
    """
    kind = "a DNS name"
    starred = text.startswith("*.")
    if starred and not wildcard:
        raise InvalidName(kind, text, "a wildcard has no place here")
    name = _to_ascii(text.removeprefix("*."), text)
    if name.endswith("."):
        raise InvalidName(kind, text, "it ends with a dot", hint=f"write {name.rstrip('.')!r}")
    if "*" in name:
        raise InvalidName(kind, text, "a wildcard is a whole label and the left-most one")
    labels = name.split(".")
    for label in labels:
        _check_label(label, text)
    if labels[-1].isdigit():
        raise InvalidName(kind, text, "its last label is a number, as in an address")
    if starred and len(labels) == 1:
        raise InvalidName(kind, text, "no client accepts a wildcard right below a top level")
    name = f"*.{name}" if starred else name
    if len(name) > 253:  # noqa: PLR2004 - RFC 1035 section 2.3.4, without the length bytes
        raise InvalidName(kind, text, "it is longer than 253 characters")
    return name


def ip_address(text: str) -> IPAddress:
    """Read an IPv4 or IPv6 address; a zone means nothing on another machine and is refused."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        raise InvalidName("an IP address", text, "it cannot be read as one") from error
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        raise InvalidName("an IP address", text, "a zone has no place in a certificate")
    return address


def host_name(text: str, *, wildcard: bool = False) -> x509.DNSName | x509.IPAddress:
    """
    Read what a server is called by: an address or a DNS name.

    Addresses go first. `10.0.0.1` also looks like a name, and a certificate that carries it as
    one fails in every client that connects by address.
    """
    try:
        return x509.IPAddress(ip_address(text))
    except InvalidName:
        return x509.DNSName(dns_name(text, wildcard=wildcard))


def email_address(text: str) -> str:
    """Check a mailbox as RFC 5280 section 4.2.1.6 allows it: ASCII, no display name."""
    local, at, domain = text.rpartition("@")
    if not at or not _LOCAL_PART.fullmatch(local):
        raise InvalidName("an e-mail address", text, "it is not of the form user@example.com")
    if local.startswith(".") or local.endswith(".") or ".." in local:
        raise InvalidName("an e-mail address", text, "a dot stands between two characters")
    return f"{local}@{dns_name(domain)}"


def uri(text: str) -> str:
    """Check that a URI is absolute and ASCII."""
    if not _URI.fullmatch(text):
        raise InvalidName("a URI", text, "it needs a scheme, and only ASCII without spaces")
    return text


def upn(text: str) -> str:
    """
    Check a user principal name, as Active Directory has them: user@domain.

    The domain need not be one of the DNS (`CORP.LOCAL`, `CORP`), and its case is kept, for
    servers compare what they are told.
    """
    kind = "a user principal name"
    name = unicodedata.normalize("NFC", text)
    user, at, domain = name.rpartition("@")
    if not at or not user or not domain:
        raise InvalidName(kind, text, "it is not of the form user@domain")
    if not name.isprintable() or _NOT_IN_UPN.search(user):
        raise InvalidName(kind, text, "the part before the @ has a character that none may have")
    if user.startswith(".") or user.endswith(".") or ".." in user:
        raise InvalidName(kind, text, "a dot stands between two characters")
    if not all(_DOMAIN_LABEL.fullmatch(label) for label in domain.split(".")):
        raise InvalidName(kind, text, f"{domain!r} is not a domain")
    if len(name) > LONGEST_UPN:
        raise InvalidName(kind, text, f"it is longer than {LONGEST_UPN} characters")
    return name


def identity_name(text: str) -> str:
    """
    Check the name of an identity, which becomes its CN and the name of its files.

    Anything a person calls themselves or a machine is fine, as long as it cannot be taken for
    a path or an option, and looks the same to every reader.
    """
    kind = "an identity's name"
    name = unicodedata.normalize("NFC", text)
    if not name.strip():
        raise InvalidName(kind, text, "it is empty")
    if name != name.strip():
        raise InvalidName(
            kind, text, "it begins or ends with a space", hint=f"write {name.strip()!r}"
        )
    if not name.isprintable():
        raise InvalidName(kind, text, "it contains a character that cannot be printed")
    _check_length(name, kind)
    if "/" in name or "\\" in name or name.startswith((".", "-")):
        raise InvalidName(kind, text, "it could be taken for a path or an option")
    return name


def subject_alternative_names(
    *,
    hosts: Iterable[str] = (),
    emails: Iterable[str] = (),
    uris: Iterable[str] = (),
    upns: Iterable[str] = (),
    wildcard: bool = False,
) -> tuple[x509.GeneralName, ...]:
    """Read the names of a leaf, each once, in the order given."""
    names: list[x509.GeneralName] = [host_name(host, wildcard=wildcard) for host in hosts]
    names += [x509.RFC822Name(email_address(email)) for email in emails]
    names += [x509.UniformResourceIdentifier(uri(text)) for text in uris]
    names += [upn_name(upn(text)) for text in upns]
    return tuple(dict.fromkeys(names))


def identity_alternative_names(
    name: str,
    *,
    hosts: Iterable[str] = (),
    emails: Iterable[str] = (),
    uris: Iterable[str] = (),
    upns: Iterable[str] = (),
) -> tuple[x509.GeneralName, ...]:
    """
    Read the names of an identity, of which there is always at least one.

    Verifiers that know only RFC 5280's alternative names refuse a client without any, so an
    identity that has no other repeats its subject. That says nothing that a name constraint on
    hosts, addresses or mailboxes could forbid.
    """
    name = identity_name(name)
    if _is_email(name):
        emails = (name, *emails)
    found = subject_alternative_names(hosts=hosts, emails=emails, uris=uris, upns=upns)
    return found or (x509.DirectoryName(common_name(name)),)


def common_name(name: str) -> x509.Name:
    """Make a subject of a CN alone, or the empty one."""
    _check_length(name, "a CN")
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])


def _check_length(name: str, kind: str) -> None:
    # The bound is one of characters, but it is bytes that verifiers count.
    if len(name.encode()) > LONGEST_COMMON_NAME:
        why = f"it is longer than {LONGEST_COMMON_NAME} characters"
        hint = "" if name.isascii() else "letters with accents, and other scripts', count for more"
        raise InvalidName(kind, name, why, hint=hint)


def _to_ascii(name: str, text: str) -> str:
    if name.isascii():
        return name.lower()
    if _AMBIGUOUS.search(name):
        raise InvalidName(
            "a DNS name", text, "programs disagree on how to encode it", hint="write its xn-- form"
        )
    try:
        return name.encode("idna").decode("ascii").lower()
    except UnicodeError as error:
        raise InvalidName("a DNS name", text, "IDNA cannot encode it") from error


def _check_label(label: str, text: str) -> None:
    kind = "a DNS name"
    if not label:
        raise InvalidName(kind, text, "it has an empty label")
    if len(label) > 63:  # noqa: PLR2004 - RFC 1035 section 2.3.4
        raise InvalidName(kind, text, "a label is longer than 63 characters")
    if not _LABEL.fullmatch(label):
        why = f"{label!r} is not made of letters, digits and inner hyphens"
        raise InvalidName(kind, text, why)
    if label.startswith("xn--"):
        try:
            label[4:].encode("ascii").decode("punycode")
        except UnicodeError as error:
            raise InvalidName(kind, text, f"{label!r} is not valid Punycode") from error


def _is_email(name: str) -> bool:
    try:
        email_address(name)
    except InvalidName:
        return False
    return True
