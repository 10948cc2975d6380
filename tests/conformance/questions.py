"""
What every judge is asked: chains of ours that must be accepted, and wrong ones that must not be.

A suite whose judges accept everything would pass as well, so each of them is also shown what a
careless or a stolen authority could sign.
"""

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from deployer.pki.crl import CRL, Revocation, issue_crl, ladder
from deployer.pki.issue import BACKDATE
from deployer.pki.profiles import SERVER
from tests.conformance import forge
from tests.conformance.today import DAY, FOUNDED, NOW
from tests.conformance.worlds import Leaf, Shape, World, issue, world_of
from tests.pki.examples import key_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One leaf, and everything that a relying party has at hand to judge it by."""

    world: World
    leaf: Leaf
    certificate: x509.Certificate = field(repr=False)
    untrusted: tuple[x509.Certificate, ...] = field(repr=False)
    """What is sent along with the leaf, nearest issuer first."""
    roots: tuple[x509.Certificate, ...] = field(repr=False)
    crls: tuple[CRL, ...] = field(repr=False)
    purpose: str
    host: str = ""
    """By which name a client calls the server; empty where nobody does."""
    fault: str = ""
    """Why it must be refused; empty where it must be accepted."""

    @property
    def name(self) -> str:
        parts = (self.world.name, self.leaf.name, self.leaf.kind, self.fault)
        return " / ".join(part for part in parts if part)

    @property
    def current_crls(self) -> tuple[CRL, ...]:
        """One list an authority, for those who have no place for a ladder."""
        return tuple(crl for crl in self.crls if crl.last_update_utc <= NOW)

    @property
    def line(self) -> str:
        """The question as the programs beside this module read it."""
        parts = (
            self.name,
            self.purpose,
            self.host,
            str(int(NOW.timestamp())),
            *(
                ",".join(base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in many)
                for many in ((self.certificate,), self.untrusted, self.roots, self.current_crls)
            ),
        )
        return "\t".join(parts)


def sound(world: World, leaf: Leaf) -> Question:
    """Ask about a leaf as we issue it."""
    signer = world.signer(leaf.profile)
    certificate = issue(world, leaf)
    return Question(
        world=world,
        leaf=leaf,
        certificate=certificate,
        untrusted=signer.authority.bundle[:-1],
        roots=signer.authority.bundle[-1:],
        crls=world.crls,
        purpose=leaf.profile.kind,
        host=_first_name(certificate) if leaf.profile is SERVER else "",
    )


def wrong(world: World, leaf: Leaf) -> Iterator[Question]:
    """Ask about the same leaf with each of the faults that it can have."""
    for fault, spoil in FAULTS.items():
        spoiled = spoil(sound(world, leaf))
        if spoiled is not None:
            yield replace(spoiled, fault=fault)


def _first_name(certificate: x509.Certificate) -> str:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return str(next(iter(names)).value).replace("*", "www")


def _wrong_purpose(asked: Question) -> Question | None:
    other = {"server": "client", "client": "server"}
    return replace(asked, purpose=other[asked.purpose], host="")


def _wrong_host(asked: Question) -> Question | None:
    return replace(asked, host="www.example.net") if asked.host else None


def _expired(asked: Question) -> Question | None:
    certificate = issue(asked.world, asked.leaf, now=FOUNDED + BACKDATE, lifetime=20 * DAY)
    return replace(asked, certificate=certificate)


def _not_yet_valid(asked: Question) -> Question | None:
    certificate = issue(asked.world, asked.leaf, now=NOW + 2 * DAY)
    return replace(asked, certificate=certificate)


def _revoked(asked: Question) -> Question | None:
    signer = asked.world.signer(asked.leaf.profile)
    revocation = Revocation(
        serial=asked.certificate.serial_number,
        revoked_at=NOW,
        expires=asked.certificate.not_valid_after_utc,
        reason=x509.ReasonFlags.key_compromise,
    )
    rungs = ladder(signer, (revocation,), first_number=2, now=NOW)
    others = tuple(crl for crl in asked.crls if crl.issuer != signer.authority.certificate.subject)
    return replace(asked, crls=(*others, *rungs))


def _authority_revoked(asked: Question) -> Question | None:
    if not asked.untrusted:
        return None
    root, issuing = asked.world.root, asked.untrusted[0]
    revocation = Revocation(
        serial=issuing.serial_number, revoked_at=NOW, expires=issuing.not_valid_after_utc
    )
    crl = issue_crl(
        root,
        (revocation,),
        number=2,
        this_update=NOW - BACKDATE,
        next_update=NOW + 30 * DAY,
    )
    others = tuple(one for one in asked.crls if one.issuer != root.authority.certificate.subject)
    return replace(asked, crls=(*others, crl))


def _stranger(asked: Question) -> Question | None:
    """The same names everywhere, and other keys."""
    theirs = world_of(asked.world.kind, asked.world.shape, owner="a stranger")
    signer = theirs.signer(asked.leaf.profile)
    return replace(
        asked,
        certificate=issue(theirs, asked.leaf),
        untrusted=signer.authority.bundle[:-1],
    )


def _outside_the_constraints(asked: Question) -> Question | None:
    """What a thief of the issuing authority's key would sign first."""
    if asked.world.shape is not Shape.CONSTRAINED or asked.leaf.profile is not SERVER:
        return None
    return replace(asked, certificate=_stolen(asked, "www.example.net"), host="www.example.net")


def _below_the_last(asked: Question) -> Question | None:
    """An authority that the path length forbids."""
    last = forge.party(asked.world.signer(asked.leaf.profile))
    key = key_of(asked.world.kind, "a thief")
    extra = forge.authority("Example Extra CA", last, key=key)
    return replace(
        asked,
        certificate=_stolen(asked, "api.example.com", extra),
        untrusted=(extra.certificate, *asked.untrusted),
        crls=(*asked.crls, forge.crl(extra)),
        host="api.example.com" if asked.host else "",
    )


def _stolen(asked: Question, host: str, issuer: forge.Party | None = None) -> x509.Certificate:
    profile = asked.leaf.profile
    issuer = issuer or forge.party(asked.world.signer(profile))
    names = [x509.DNSName(host)]
    forged = forge.leaf(host, issuer, kind=asked.leaf.kind, purposes=[profile.purpose], names=names)
    return forged.certificate


FAULTS: dict[str, Callable[[Question], Question | None]] = {
    "wrong purpose": _wrong_purpose,
    "wrong host": _wrong_host,
    "expired": _expired,
    "not yet valid": _not_yet_valid,
    "revoked": _revoked,
    "authority revoked": _authority_revoked,
    "signed by a stranger": _stranger,
    "outside the constraints": _outside_the_constraints,
    "below the path's length": _below_the_last,
}
