"""Authorities, as people and programs read them."""

from collections.abc import Sequence

from deployer.pki.constraints import permitted
from deployer.pki.material import fingerprint
from deployer.pki.profiles import DIRECT, ROOT
from deployer.pki.renewal import crls_end
from deployer.report import console
from deployer.workflows.authorities import AuthorityStatus


def tell(found: Sequence[AuthorityStatus], *, as_json: bool) -> None:
    """Print the authorities for a person or for a program."""
    (show_json if as_json else show)(found)


def show(found: Sequence[AuthorityStatus]) -> None:
    """Print one line an authority, and below the fingerprint to compare a root's by."""
    console.table(
        ("AUTHORITY", "SUBJECT", "STATE", "KEY", "EXPIRES", "CRLS UNTIL"),
        [
            (
                one.title,
                one.authority.certificate.subject.rfc4514_string(),
                state(one),
                "here" if one.record.has_key else "elsewhere",
                f"{one.authority.certificate.not_valid_after_utc:%Y-%m-%d}",
                f"{crls_end(one.lists):%Y-%m-%d}" if one.lists else "-",
            )
            for one in found
        ],
    )
    for one in found:
        # Those below repeat it.
        if one.authority.name in {ROOT.name, DIRECT} and (found_limits := limits(one)):
            console.data(f"{one.title} certifies nothing but {', '.join(found_limits)}")
        if one.authority.name in {ROOT.name, DIRECT}:
            # What others compare is the top of the chain, which an imported one may have above it.
            console.data(f"{one.title} SHA-256 {fingerprint(one.authority.bundle[-1])}")


def show_json(found: Sequence[AuthorityStatus]) -> None:
    """Print one JSON line an authority."""
    for one in found:
        certificate = one.authority.certificate
        console.json_line(
            "authority",
            name=one.authority.name,
            generation=one.authority.generation,
            state=state(one),
            origin=one.record.origin,
            key="here" if one.record.has_key else "elsewhere",
            subject=certificate.subject.rfc4514_string(),
            expires=certificate.not_valid_after_utc.isoformat(),
            crls_until=crls_end(one.lists).isoformat() if one.lists else None,
            name_constraints=list(limits(one)),
            fingerprint=fingerprint(certificate),
        )


def state(one: AuthorityStatus) -> str:
    """Say where a generation is in its life; a revoked one is at its end wherever it is."""
    return one.record.state.value if one.record.revoked_at is None else "revoked"


def limits(one: AuthorityStatus) -> tuple[str, ...]:
    """List the domains and networks that an authority is limited to; nothing for all."""
    found = one.authority.constraints
    return () if found is None else permitted(found)
