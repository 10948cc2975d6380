"""
Where a judge is known to think otherwise, and why.

Each is asserted still to differ: one that has changed its mind tells us so.
"""

from collections.abc import Callable
from dataclasses import dataclass

from deployer.pki.keys import KeyType
from deployer.pki.profiles import SERVER
from tests.conformance.questions import Question
from tests.conformance.worlds import Shape


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What a judge says the other way round."""

    judge: str
    concerns: Callable[[Question], bool]
    reason: str


def _fault(*faults: str) -> Callable[[Question], bool]:
    return lambda asked: asked.fault in faults


def _is_sound_below_ed25519(asked: Question) -> bool:
    return not asked.fault and asked.world.kind is KeyType.ED25519


def _is_sound_and_has_ed25519(asked: Question) -> bool:
    return not asked.fault and KeyType.ED25519 in {asked.world.kind, asked.leaf.kind}


def _is_beyond_the_anchor(asked: Question) -> bool:
    """Say whether only the root itself forbids it."""
    return asked.fault == "below the path's length" and asked.world.shape is Shape.DIRECT


_ANCHOR = (
    "takes a name and a key from a trust anchor, and none of its extensions: RFC 5280 section "
    "6.1.1 (d) leaves them to whoever configures it"
)

DIFFERENCES = (
    Difference(
        judge="newer OpenSSL",
        concerns=_fault("wrong purpose", "wrong host"),
        reason="pyOpenSSL's store can be told neither; the handshakes judge purposes with it",
    ),
    Difference(
        judge="NSS",
        concerns=_is_sound_and_has_ed25519,
        reason="NSS knows no Ed25519 in certificates: Firefox's users get another key type",
    ),
    Difference(
        judge="NSS",
        concerns=lambda asked: (
            asked.fault == "wrong host" and asked.world.kind is not KeyType.ED25519
        ),
        reason="vfychain is told no name",
    ),
    Difference(
        judge="pyca",
        concerns=_is_sound_below_ed25519,
        reason="its rules are those of the web's authorities, who may not have Ed25519 keys",
    ),
    Difference(
        judge="pyca",
        concerns=lambda asked: (
            asked.fault in {"revoked", "authority revoked"}
            and asked.world.kind is not KeyType.ED25519
        ),
        reason="its verifier reads no CRLs",
    ),
    Difference(judge="pyhanko", concerns=_fault("wrong host"), reason="it is told no name"),
    Difference(judge="pyhanko", concerns=_is_beyond_the_anchor, reason=_ANCHOR),
    Difference(
        judge="pyhanko",
        concerns=lambda asked: (
            not asked.fault
            and asked.world.shape is Shape.CONSTRAINED
            and asked.leaf.profile is SERVER
            and "address" in asked.leaf.name
        ),
        reason="it cannot say whether an address is within constraints, and refuses it",
    ),
    Difference(
        judge="Java",
        concerns=_fault("wrong host"),
        reason="a trust manager without a connection is told no name",
    ),
    Difference(judge="Java", concerns=_is_beyond_the_anchor, reason=_ANCHOR),
    Difference(
        judge="Go",
        concerns=lambda asked: (
            not asked.fault
            and asked.world.shape is Shape.CONSTRAINED
            and any(uri.startswith("urn:") for uri in asked.leaf.uris)
        ),
        reason="wants a host in every URI below any name constraints at all",
    ),
    Difference(
        judge="Node",
        concerns=_fault(
            "wrong purpose",
            "revoked",
            "authority revoked",
            "outside the constraints",
            "below the path's length",
        ),
        reason="it compares certificates two by two; the rest is for its TLS, which is OpenSSL",
    ),
)


def difference(judge: str, asked: Question) -> Difference | None:
    """Find what is known about a judge and a question."""
    return next((one for one in DIFFERENCES if one.judge == judge and one.concerns(asked)), None)
