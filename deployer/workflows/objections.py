"""Objections: why a release that once served well would do harm today."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from cryptography import x509

from deployer.apache.written import WrittenSite, sites_of
from deployer.errors import StepFailed
from deployer.kept import Kept
from deployer.pki import pem
from deployer.pki.authority import Authority
from deployer.pki.material import Problem, date_problems, is_issued_by
from deployer.pki.profiles import CLIENT, SERVER
from deployer.pki.scope import is_signed_by
from deployer.pki.trust import check_crls, check_trust
from deployer.result import Step
from deployer.store.state import Store

_SHOWN = 3
_IDENTITY = "/certificate.pem"


def objections(host: str, kept: Kept, store: Store, clock: datetime) -> tuple[Problem, ...]:
    """
    List what speaks against a release that a host keeps, on the clock of that host.

    Who would be turned away, and who would be let in that must not be. Whether Apache starts with
    it is for the rehearsal to say.
    """
    revoked = frozenset(
        record.serial
        for record in store.certificates.list(host=host)
        if record.revoked_at is not None
    )
    found = [*_edited(kept)]
    for site in sites_of(kept.texts):
        found += _of_certificate(site, kept, store, revoked, clock)
        if site.verify != "none":
            found += _of_clients(site, kept, store, clock)
    for path in kept.certificates:
        if path.startswith("backend/") and path.endswith(_IDENTITY):
            found += _of_backend(path.removesuffix(_IDENTITY), kept, revoked, clock)
    return tuple(dict.fromkeys(found))


def refusal(host: str, release: str, found: Iterable[Problem]) -> StepFailed:
    """Say why a host does not go back to a release."""
    cause = "\n".join(f"{problem.subject}: {problem.message}" for problem in found)
    return StepFailed(
        host,
        Step.CHECK,
        f"{release} would do harm by now:\n{cause}",
        hint="choose another with --to, or mend forward with deployer apply; --force goes back "
        "all the same",
    )


def _edited(kept: Kept) -> Iterator[Problem]:
    edited = kept.edited
    if edited:
        more = f" and {len(edited) - _SHOWN} more" if len(edited) > _SHOWN else ""
        yield Problem(
            subject=kept.name,
            message=f"edited on the host: {', '.join(edited[:_SHOWN])}{more}",
        )


def _of_certificate(
    site: WrittenSite, kept: Kept, store: Store, revoked: frozenset[int], clock: datetime
) -> Iterator[Problem]:
    path = site.path("SSLCertificateFile")
    if not path:
        return  # somebody else keeps it, and serves the same with any release
    name = site.server_name
    chain = _certificates(path, kept.certificates)
    if not chain:
        yield Problem(subject=name, message=f"there is no certificate in {path}")
        return
    yield from _of_dates(name, chain, clock)
    leaf = chain[0]
    if leaf.serial_number in revoked:
        yield Problem(subject=name, message=f"its certificate {leaf.serial_number:x} was revoked")
    trusted = store.authorities.trusted(SERVER.authority)
    for ca in store.authorities.list():
        if ca.issues(SERVER) and ca not in trusted and is_issued_by(leaf, ca.certificate):
            yield Problem(
                subject=name,
                message=f"its certificate is from {ca.name} G{ca.generation}, which was retired",
            )


def _of_clients(site: WrittenSite, kept: Kept, store: Store, clock: datetime) -> Iterator[Problem]:
    name = site.server_name
    bundle = kept.certificates.get(site.path("SSLCACertificateFile"), "").encode()
    problems = check_trust(name, bundle, now=clock)
    yield from problems
    if problems:
        return
    trust = pem.read_certificates(bundle)
    lowest = _certificates(site.path("SSLCADNRequestFile"), kept.certificates) or trust
    ours = {ca.certificate for ca in store.authorities.trusted(CLIENT.authority)}
    current = store.authorities.current(CLIENT.authority)
    if not ours.isdisjoint(lowest) and current.certificate not in lowest:
        who = f"{current.name} G{current.generation}"
        yield Problem(subject=name, message=f"it knows nothing of clients of {who}")
    path = site.path("SSLCARevocationFile")
    if site.revocation in {"chain", "leaf"} and path:
        lists = kept.lists.get(path, "").encode()
        yield from check_crls(
            name,
            lists,
            trust=trust,
            revocation="chain" if site.revocation == "chain" else "leaf",
            issuers=lowest,
            now=clock,
        )
        known = _read_lists(lists)
        for ca in store.authorities.list():
            if ca.certificate in trust:
                yield from _let_in_again(name, ca, known, store)


def _let_in_again(
    name: str, ca: Authority, known: Iterable[x509.CertificateRevocationList], store: Store
) -> Iterator[Problem]:
    """Name what was revoked since: with older lists that counts as good again."""
    heeded = {
        one.serial_number for crl in known if is_signed_by(crl, ca.certificate) for one in crl
    }
    since = {one.serial_number for crl in store.crls.current(ca) for one in crl} - heeded
    if since:
        some = ", ".join(f"{serial:x}" for serial in sorted(since)[:_SHOWN])
        more = f" and {len(since) - _SHOWN} more" if len(since) > _SHOWN else ""
        yield Problem(
            subject=name,
            message=f"it would let in again what was revoked since: {some}{more}",
        )


def _of_backend(
    directory: str, kept: Kept, revoked: frozenset[int], clock: datetime
) -> Iterator[Problem]:
    subject = f"{directory.removeprefix('backend/')}: identity for backends"
    chain = _certificates(f"{directory}{_IDENTITY}", kept.certificates)
    yield from _of_dates(subject, chain, clock)
    if chain and chain[0].serial_number in revoked:
        yield Problem(subject=subject, message="it was revoked")
    lists = kept.lists.get(f"{directory}/crl.pem", "").encode()
    trust = _certificates(f"{directory}/trust.pem", kept.certificates)
    if lists:
        yield from check_crls(
            subject, lists, trust=trust, revocation="chain", now=clock, profile=SERVER
        )


def _of_dates(
    subject: str, chain: Iterable[x509.Certificate], clock: datetime
) -> Iterator[Problem]:
    for certificate in chain:
        for text, _ in date_problems(certificate, clock):
            yield Problem(subject=subject, message=text)


def _certificates(path: str, known: Mapping[str, str]) -> tuple[x509.Certificate, ...]:
    try:
        return pem.read_certificates(known.get(path, "").encode())
    except pem.MalformedPem:
        return ()


def _read_lists(text: bytes) -> tuple[x509.CertificateRevocationList, ...]:
    try:
        return pem.read_crls(text)
    except pem.MalformedPem:
        return ()
