"""
Checks of a server's TLS material before any of it is sent to a host.

`apache2 -t` passes on most of what is wrong here, and the reload that follows takes every site
down. Bad input is a `Problem`, never an exception: an operator deserves all of them at once.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import pairwise

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from deployer.errors import DeployerError
from deployer.pki import pem
from deployer.pki.keys import is_same_key, weakness
from deployer.pki.names import host_name
from deployer.pki.profiles import CLIENT, SERVER, LeafProfile


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with one piece of material."""

    subject: str
    message: str
    hint: str = ""


def check_server(
    subject: str,
    *,
    fullchain: bytes,
    private_key: bytes | None,
    names: Sequence[str],
    now: datetime,
) -> tuple[Problem, ...]:
    """
    Check what one virtual host presents, with the time that its host reads.

    `private_key` is None where the key is on the host alone: then it was checked when it was
    made, and its digest says that it is still the same.
    """
    return _check_leaf(subject, SERVER, fullchain, private_key, names=names, now=now)


def check_client(
    subject: str, *, fullchain: bytes, private_key: bytes | None, now: datetime
) -> tuple[Problem, ...]:
    """Check what a host presents as a client; backends refuse it by the same rules as anybody."""
    return _check_leaf(subject, CLIENT, fullchain, private_key, names=(), now=now)


def _check_leaf(
    subject: str,
    profile: LeafProfile,
    fullchain: bytes,
    private_key: bytes | None,
    *,
    names: Sequence[str],
    now: datetime,
) -> tuple[Problem, ...]:
    try:
        leaf, *issuers = pem.read_certificates(fullchain)
    except pem.MalformedPem as error:
        return (Problem(subject=subject, message=f"certificate: {error}", hint=error.hint),)
    found = [
        *([] if private_key is None else _key_problems(leaf, private_key)),
        *_leaf_problems(leaf, profile, names),
        *_chain_problems(leaf, issuers),
        *(one for certificate in (leaf, *issuers) for one in signature_problems(certificate)),
        *(one for certificate in (leaf, *issuers) for one in date_problems(certificate, now)),
    ]
    return tuple(Problem(subject=subject, message=text, hint=hint) for text, hint in found)


# Of authorities it is asked again for every host; what is signed stays signed. No more than those
# few: a thousand leaves that are asked of once would all be kept.
@lru_cache(maxsize=64)
def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Say whether the issuer's key really signed the certificate."""
    if certificate.issuer != issuer.subject:
        return False
    if certificate == issuer and isinstance(
        certificate.signature_hash_algorithm, hashes.MD5 | hashes.SHA1
    ):
        return True  # an old root: nobody looks at its signature on itself
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


def is_authority(certificate: x509.Certificate) -> bool:
    """Say whether a certificate may issue others."""
    try:
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        return False
    return constraints.ca


def fingerprint(certificate: x509.Certificate) -> str:
    """Write the SHA-256 of a certificate as people compare it, short enough for a line."""
    return certificate.fingerprint(SHA256()).hex().upper()


def title(certificate: x509.Certificate) -> str:
    """Call a certificate by its subject, as people would."""
    subject = visible(certificate.subject.rfc4514_string())
    return subject or f"serial {certificate.serial_number:x}"


def issuer_title(certificate: x509.Certificate) -> str:
    """Call the issuer of a certificate as people would: by its CN, or else by all it has."""
    names = certificate.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    return visible(str(names[0].value) if names else certificate.issuer.rfc4514_string())


def visible(text: str) -> str:
    """Escape what a terminal would obey: what others wrote must not look like our own words."""
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text)


def date_problems(certificate: x509.Certificate, now: datetime) -> list[tuple[str, str]]:
    """List what is wrong with a certificate's dates: a message and a hint each."""
    if now < (start := certificate.not_valid_before_utc):
        message = f"{title(certificate)} is not valid before {start:%Y-%m-%d %H:%M} UTC"
        return [(message, f"is the clock right? It reads {now:%Y-%m-%d %H:%M} UTC")]
    if now >= (end := certificate.not_valid_after_utc):
        message = f"{title(certificate)} expired on {end:%Y-%m-%d %H:%M} UTC"
        return [(message, "renew it")]
    return []


def _key_problems(leaf: x509.Certificate, private_key: bytes) -> list[tuple[str, str]]:
    try:
        key = load_pem_private_key(private_key, password=None)
    except TypeError:  # what the library raises for a key that needs a password
        hint = "Apache would ask for its passphrase at every start; decrypt the file"
        return [("the private key is encrypted", hint)]
    except (ValueError, UnsupportedAlgorithm):
        return [("the private key cannot be read", "it should begin with -----BEGIN PRIVATE KEY")]
    if is_same_key(key.public_key(), leaf.public_key()):
        return []
    return [(f"the private key does not belong to {title(leaf)}", "give the key it was made with")]


def _leaf_problems(
    leaf: x509.Certificate, profile: LeafProfile, names: Sequence[str]
) -> list[tuple[str, str]]:
    found = []
    if is_authority(leaf):
        message = f"{title(leaf)} comes first, and is an authority"
        found.append((message, f"put the {profile.kind}'s own certificate first"))
    if not _is_for(leaf, profile):
        hint = f"it lacks the {profile.kind}Auth key usage"
        found.append((f"{title(leaf)} is not for {profile.kind}s", hint))
    if flaw := weakness(leaf.public_key()):
        found.append((f"{title(leaf)}: {flaw}", ""))
    certified = _alternative_names(leaf)
    shown = ", ".join(str(name.value) for name in certified) or "no names"
    found += [
        (f"{title(leaf)} does not cover {name}", f"it covers {shown}")
        for name in names
        if not _covers(certified, name)
    ]
    return found


def signature_problems(certificate: x509.Certificate) -> list[tuple[str, str]]:
    """List what is wrong with the way a certificate is signed: a message and a hint each."""
    # Nobody looks at a root's signature on itself. Any other of these OpenSSL refuses to load.
    if certificate.issuer == certificate.subject:
        return []
    try:
        algorithm = certificate.signature_hash_algorithm
    except UnsupportedAlgorithm:
        return [(f"{title(certificate)} is signed in a way that nobody here knows", "")]
    if isinstance(algorithm, hashes.MD5 | hashes.SHA1):
        return [(f"{title(certificate)} is signed with {algorithm.name}", "have it reissued")]
    return []


def _is_for(leaf: x509.Certificate, profile: LeafProfile) -> bool:
    try:
        usage = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return True  # no restriction; anyExtendedKeyUsage in its place is one to OpenSSL
    return profile.purpose in usage


def _alternative_names(leaf: x509.Certificate) -> list[x509.DNSName | x509.IPAddress]:
    try:
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []  # and the CN does not count: RFC 9525 section 2
    return [name for name in names if isinstance(name, x509.DNSName | x509.IPAddress)]


def _covers(certified: Sequence[x509.DNSName | x509.IPAddress], text: str) -> bool:
    try:
        wanted = host_name(text, wildcard=True)
    except DeployerError:
        return False
    if isinstance(wanted, x509.IPAddress):
        return wanted in certified
    below = wanted.value.partition(".")[2]
    patterns = {name.value.lower() for name in certified if isinstance(name, x509.DNSName)}
    return wanted.value in patterns or f"*.{below}" in patterns


def _chain_problems(
    leaf: x509.Certificate, issuers: Sequence[x509.Certificate]
) -> list[tuple[str, str]]:
    chain = (leaf, *issuers)
    if not issuers and not is_issued_by(leaf, leaf):
        message = f"no certificate of its issuer follows {title(leaf)}"
        return [(message, f"add that of {leaf.issuer.rfc4514_string()}")]
    found = [
        (f"{title(certificate)} stands in the chain and is no authority", "take it out")
        for certificate in issuers
        if not is_authority(certificate)
    ]
    for certificate, issuer in pairwise(chain):
        if not is_issued_by(certificate, issuer):
            message = f"{title(certificate)} was not issued by {title(issuer)}, which follows it"
            found.append((message, f"its issuer is {certificate.issuer.rfc4514_string()}"))
    return found
