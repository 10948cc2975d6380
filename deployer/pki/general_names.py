"""The names of a certificate as others wrote them: shown to people, and checked for syntax."""

import ipaddress
import re

from cryptography import x509

UPN = x509.ObjectIdentifier("1.3.6.1.4.1.311.20.2.3")
"""Microsoft's user principal name, which mod_ssl shows as `SSL_CLIENT_SAN_OTHER_msUPN_n`."""

_UTF8_STRING = 0x0C
_SHORT = 0x80  # lengths from here on take bytes of their own: X.690 section 8.1.3
_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_WILDCARD = re.compile(rf"\*\.{_LABEL}(?:\.{_LABEL})+")
_MAILBOX = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]+@({_LABEL}(?:\.{_LABEL})*)")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[!-~]+")
_LONGEST_HOST = 253  # RFC 1035 section 2.3.4, without the length bytes


def upn_name(text: str) -> x509.OtherName:
    """Write a user principal name, as a UTF8String."""
    content = text.encode()
    size = len(content)
    length = size.to_bytes((size.bit_length() + 7) // 8 or 1)
    prefix = bytes([_SHORT | len(length)]) if size >= _SHORT else b""
    return x509.OtherName(UPN, bytes([_UTF8_STRING]) + prefix + length + content)


def upn_text(name: x509.OtherName) -> str | None:
    """Read a user principal name; None for any other kind of name, and one that is malformed."""
    header = 2 if len(name.value) < _SHORT + 2 else 2 + (name.value[1] & ~_SHORT)
    try:
        text = name.value[header:].decode()
    except UnicodeDecodeError:
        return None
    return text if name == upn_name(text) else None


def shown(name: x509.GeneralName) -> str:
    """Write a name as people read it."""
    match name:
        case x509.DirectoryName():
            return name.value.rfc4514_string()
        case x509.OtherName():
            return upn_text(name) or name.type_id.dotted_string
        case _:
            return str(name.value)


def flaw(name: x509.GeneralName) -> str:
    """Say why verifiers would not recognise what a name means, or nothing."""
    match name:
        case x509.DNSName(value=text):
            return "" if _is_host(text) or _is_wildcard(text) else "is not a host's name"
        case x509.IPAddress(value=ipaddress.IPv4Address() | ipaddress.IPv6Address()):
            return ""
        case x509.IPAddress():
            return "is a network, not an address"
        case x509.RFC822Name(value=text):
            mailbox = _MAILBOX.fullmatch(text)
            return "" if mailbox and _is_host(mailbox[1]) else "is not a mailbox"
        case x509.UniformResourceIdentifier(value=text):
            return "" if _URI.fullmatch(text) else "is not an absolute URI"
        case x509.DirectoryName(value=value):
            return "" if value.rdns else "is empty"
        case x509.OtherName() if upn_text(name):
            return ""
        case _:
            return "is of a kind that nobody asked for"


def _is_host(text: str) -> bool:
    last = text.rpartition(".")[2]
    return bool(_HOST.fullmatch(text)) and len(text) <= _LONGEST_HOST and not last.isdigit()


def _is_wildcard(text: str) -> bool:
    return bool(_WILDCARD.fullmatch(text)) and _is_host(text.removeprefix("*."))
