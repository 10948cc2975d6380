"""
SSH certificates: a key, vouched for by an authority.

Those of hosts are checked here, for an authority that known_hosts names. The rules are those of
OpenSSH's PROTOCOL.certkeys and of ssh(1): a certificate for hosts, signed by that authority and
not with SHA-1, valid now, for this name, and without an option that we would have to know.
"""

import base64
import fnmatch
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    SSHCertificate,
    SSHCertificateType,
    load_ssh_public_identity,
)

SUFFIX = "-cert-v01@openssh.com"

_RSA_SIGNATURES = ("rsa-sha2-256", "rsa-sha2-512")


class NotVouchedFor(ValueError):
    """A certificate that proves nothing, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certified:
    """A certificate, taken apart. Nothing of it has been checked."""

    certificate: SSHCertificate = field(repr=False)
    authority: bytes = field(repr=False)
    """The authority's public key, as known_hosts has it (RFC 4253 §6.6)."""
    key: bytes = field(repr=False)
    """The public key that it is for, in the same form."""

    @property
    def signed_with(self) -> str:
        """The algorithm of the authority's signature."""
        signer = self.certificate.signature_key()
        if not isinstance(signer, RSAPublicKey):
            return _name(self.authority)
        # The last things in the blob are the name of the algorithm and a signature of known size.
        blob = _blob(self.certificate.public_bytes())
        before = blob[: -(4 + signer.key_size // 8)]
        for name in _RSA_SIGNATURES:
            if before.endswith(len(name).to_bytes(4, "big") + name.encode()):
                return name
        return "ssh-rsa"


def parse(algorithm: str, blob: bytes) -> Certified:
    """Take a certificate apart; raise `NotVouchedFor` for what is none."""
    try:
        shown = load_ssh_public_identity(algorithm.encode() + b" " + base64.b64encode(blob))
        if not isinstance(shown, SSHCertificate):
            raise NotVouchedFor("it is a key and no certificate")
        return Certified(
            certificate=shown,
            authority=_public_blob(shown.signature_key()),
            key=_public_blob(shown.public_key()),
        )
    except (ValueError, UnsupportedAlgorithm) as error:
        raise NotVouchedFor(f"it cannot be read: {error}") from error


def check_host(
    shown: Certified,
    name: str,
    *,
    now: float,
    algorithms: tuple[str, ...] | None = None,
) -> None:
    """
    Check a host's certificate, all but whose authority it is; raise `NotVouchedFor`.

    `name` is what ssh(1) was told to connect to, or HostKeyAlias; `now` is in seconds since 1970.
    `algorithms` are those of CASignatureAlgorithms; without them, all but SHA-1.
    """
    certificate = shown.certificate
    if certificate.type is not SSHCertificateType.HOST:
        raise NotVouchedFor("it is a certificate for users")
    algorithm = shown.signed_with
    if algorithm == "ssh-rsa" or (algorithms is not None and algorithm not in algorithms):
        raise NotVouchedFor(f"its authority signed with {algorithm}, which is not accepted")
    try:
        certificate.verify_cert_signature()
    except InvalidSignature as error:
        raise NotVouchedFor("its signature is not its authority's") from error
    if now < certificate.valid_after:
        raise NotVouchedFor("it is not valid yet")
    if now >= certificate.valid_before:
        raise NotVouchedFor("it has expired")
    names = [principal.decode(errors="replace") for principal in certificate.valid_principals]
    # As in ssh(1), one that names nobody is for every host of its authority.
    if names and not any(_matches(pattern, name) for pattern in names):
        raise NotVouchedFor(f"it is for {', '.join(names)} and not for {name}")
    if certificate.critical_options:
        options = b", ".join(certificate.critical_options).decode(errors="replace")
        raise NotVouchedFor(f"it demands what we do not know: {options}")


def _matches(pattern: str, name: str) -> bool:
    """Compare a principal, which may hold `*` and `?`; a bracket is nothing special."""
    return fnmatch.fnmatchcase(name.lower(), pattern.lower().replace("[", "[[]"))


def _public_blob(key: object) -> bytes:
    text: bytes = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)  # type: ignore[attr-defined]
    return _blob(text)


def _blob(line: bytes) -> bytes:
    return base64.b64decode(line.split()[1])


def _name(blob: bytes) -> str:
    return blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode()
