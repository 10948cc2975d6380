"""The way back: what it takes to bring one host to a release that it keeps, and to prove it."""

from collections.abc import Mapping
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from deployer.apache.written import WrittenSite, sites_of
from deployer.errors import StepFailed
from deployer.host.script import Whereabouts
from deployer.host.verbs import Switch
from deployer.kept import Kept
from deployer.observation import Observation
from deployer.pki import pem
from deployer.pki.material import is_issued_by
from deployer.probe.handshake import Identity
from deployer.probe.verdict import Clients, Expectation
from deployer.release import Release
from deployer.result import Step
from deployer.workflows.deploy import Deployment
from deployer.workflows.knocking import LOOPBACK, MOST_ADDRESSES

_ANOTHER = "nothing was touched; choose another release with --to, or deployer apply"

HINTS: Mapping[int, str] = {
    20: "no release of ours mends that, and nothing was touched; mend it, and roll back again",
    22: _ANOTHER,
    23: "nothing was touched; mend it if it is another's file, or choose another release with --to",
    24: _ANOTHER,
    25: "nothing was touched; stop the program that has it, and roll back again",
    26: "nothing was touched; create the directory on the host, and roll back again",
    28: _ANOTHER,
}
"""What to do when the rehearsal of a kept release fails, by the exit status of its script."""


def release_of(host: str, kept: Kept) -> Release:
    """Read the release that a host was asked for; raise `StepFailed` where it cannot be had."""
    try:
        return kept.release()
    except ValueError as error:
        raise StepFailed(
            host, Step.OBSERVE, f"the release {kept.name} cannot be used: {error}", hint=_ANOTHER
        ) from error


def way_back(
    where: Whereabouts, found: Observation, kept: Kept, *, clients: Clients, switch: Switch
) -> Deployment:
    """Say how a host comes to a release that it keeps, by what that release itself says."""
    return Deployment(
        where=where,
        found=found,
        release=release_of(where.name, kept),
        expectations=expectations(kept, found, certified=clients.certified),
        clients=clients,
        switch=switch,
        kept=kept.name,
        rehearsal_hints=HINTS,
    )


def expectations(
    kept: Kept, found: Observation, *, certified: Identity | None
) -> tuple[Expectation, ...]:
    """Say how the sites of a kept release should answer: with its own certificates and rules."""
    return tuple(_expectation(site, kept, found, certified) for site in sites_of(kept.texts))


def _expectation(
    site: WrittenSite, kept: Kept, found: Observation, certified: Identity | None
) -> Expectation:
    everywhere = site.address == "*"
    others = tuple(one for one in found.addresses if not ip_address(one).is_loopback)
    leaf = _certificates(site.path("SSLCertificateFile"), kept)
    return Expectation(
        address=LOOPBACK if everywhere else site.address,
        own_addresses=others[:MOST_ADDRESSES] if everywhere else (),
        port=site.port,
        server_name=site.server_name,
        aliases=site.aliases,
        fingerprint=leaf[0].fingerprint(SHA256()) if leaf else None,
        verify=site.verify,
        admits_ours=certified is not None and _admits(site, kept, certified),
    )


def _admits(site: WrittenSite, kept: Kept, certified: Identity) -> bool:
    issuers = _certificates(site.path("SSLCADNRequestFile"), kept) or _certificates(
        site.path("SSLCACertificateFile"), kept
    )
    return any(is_issued_by(certified.certificate, one) for one in issuers)


def _certificates(path: str, kept: Kept) -> tuple[x509.Certificate, ...]:
    try:
        return pem.read_certificates(kept.certificates.get(path, "").encode())
    except pem.MalformedPem:
        return ()
