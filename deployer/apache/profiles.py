"""
TLS profiles after Mozilla's guideline, in the words that a host's OpenSSL understands.

A name of a curve that OpenSSL does not know passes every syntax test and ends the server at its
next reload. So what is new is only written for what is known to be new.

Guideline 6.0: https://wiki.mozilla.org/Security/Server_Side_TLS
"""

from collections.abc import Mapping
from dataclasses import dataclass

from deployer.platforms import Platform, Version

TLS_1_3: Version = (1, 1, 1)
"""OpenSSL's first version with TLS 1.3; Apache's is 2.4.36."""
HYBRID_KEY_EXCHANGE: Version = (3, 5)

_SUITES = (
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-CHACHA20-POLY1305",
    "ECDHE-RSA-CHACHA20-POLY1305",
)
_CURVES: tuple[tuple[str, Version], ...] = (
    ("X25519MLKEM768", HYBRID_KEY_EXCHANGE),
    ("X25519", (1, 1, 0)),
    ("prime256v1", ()),
    ("secp384r1", ()),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A profile as the arguments of mod_ssl's directives."""

    protocols: str
    """`SSLProtocol`."""
    ciphers: str
    """`SSLCipherSuite`, for TLS 1.2; empty where there is none. TLS 1.3's own are all good."""
    curves: str
    """`SSLOpenSSLConfCmd Curves`."""


def profile(name: str, platform: Platform) -> Profile:
    """Resolve a profile for a host."""
    protocols = ["+TLSv1.2"] if name == "intermediate" else []
    if platform.openssl >= TLS_1_3:
        protocols.append("+TLSv1.3")
    curves = [curve for curve, since in _CURVES if platform.openssl >= since]
    return Profile(
        protocols=" ".join(["-all", *protocols]),
        ciphers=":".join(_SUITES) if name == "intermediate" else "",
        curves=":".join(curves),
    )


def profiles(platform: Platform) -> Mapping[str, Profile]:
    """Resolve both profiles."""
    return {
        "intermediate": profile("intermediate", platform),
        "modern": profile("modern", platform),
    }
