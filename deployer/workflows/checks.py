"""
What is refused before any of it is sent: material that would kill a server or lock clients out.

`clock` is always what the host reads, for it is the host that will judge the dates.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from deployer.apache.material import Backend, Leaf, Material, Trust
from deployer.errors import StepFailed
from deployer.observation import Observation
from deployer.pki import pem
from deployer.pki.material import Problem, check_client, check_server
from deployer.pki.profiles import SERVER
from deployer.pki.trust import check_crls, check_trust, issuing
from deployer.result import Step
from deployer.spec.proxy import BackendAuthority
from deployer.spec.server import ServerSpec
from deployer.spec.supplied import CertificateFiles, CertificateOnHost, ClientAuthority
from deployer.spec.vhost import VhostSpec
from deployer.workflows.supplies import Supplies

_BEGIN = "-----BEGIN CERTIFICATE-----"
_BEGIN_KEY = b"-----BEGIN PRIVATE KEY-----"
_READERS = {
    "everyone": "every user of the host",
    "workers": "the user as whom Apache serves, and whatever it runs,",
}


def check(spec: ServerSpec, material: Material, clock: datetime) -> None:
    """Refuse a release as it is about to be sent, whoever made what is in it."""
    found: list[Problem] = []
    for vhost in spec.vhosts:
        leaf = material.leaves[vhost.slug]
        found += check_server(
            vhost.slug,
            fullchain=leaf.fullchain,
            private_key=leaf.key,
            names=vhost.names,
            now=clock,
        )
        if vhost.slug in material.trust:
            found += _of_clients(vhost, material.trust[vhost.slug], clock)
        if vhost.slug in material.backends:
            found += _of_backends(vhost.slug, material.backends[vhost.slug], clock)
    if found:
        raise refusal(spec.host, found)


def refusal(host: str, problems: Iterable[Problem]) -> StepFailed:
    """Say everything that is wrong, and what to do about it."""
    found = tuple(dict.fromkeys(problems))
    cause = "\n".join(f"{problem.subject}: {problem.message}" for problem in found)
    hints = dict.fromkeys(problem.hint for problem in found if problem.hint)
    return StepFailed(host, Step.CHECK, cause, hint="; ".join(hints))


def supplied_problems(
    spec: ServerSpec, supplies: Supplies, found: Observation | None, clock: datetime
) -> dict[str, tuple[Problem, ...]]:
    """
    List what is wrong with what others made for each virtual host, by slug.

    Where nobody looked at the host, nothing is said about what is there.
    """
    problems = {
        vhost.slug: tuple(_of_vhost(vhost, supplies, found, clock)) for vhost in spec.vhosts
    }
    return {slug: wrong for slug, wrong in problems.items() if wrong}


def _of_vhost(
    vhost: VhostSpec, supplies: Supplies, found: Observation | None, clock: datetime
) -> Iterator[Problem]:
    if vhost.certificate.files is not None:
        leaf = supplies.leaves[vhost.certificate.files]
        yield from _of_files(vhost, vhost.certificate.files, leaf, clock)
    if vhost.certificate.on_host is not None and found is not None:
        yield from _on_host(vhost, vhost.certificate.on_host, found, clock)
    if vhost.client_auth.verify != "none":
        for one in vhost.client_auth.authorities:
            yield from _of_authority(vhost, one, supplies, clock)
    route = vhost.tls_route
    if route is not None and route.authority is not None:
        yield from _of_backend_authority(vhost, route.authority, supplies, clock)


def _of_files(
    vhost: VhostSpec, files: CertificateFiles, leaf: Leaf, clock: datetime
) -> Iterator[Problem]:
    for problem in check_server(
        f"{vhost.server_name}: {files.certificate}",
        fullchain=leaf.fullchain,
        private_key=leaf.key,
        names=vhost.names,
        now=clock,
    ):
        yield _renewed_by(problem, "put a new one into the file, from whoever issued this one")


def _on_host(
    vhost: VhostSpec, source: CertificateOnHost, found: Observation, clock: datetime
) -> Iterator[Problem]:
    name = vhost.server_name
    missing = [path for path in source.paths if path not in found.watched]
    if missing:
        for path in missing:
            yield Problem(
                subject=f"{name}: {path}",
                message="is not on the host, or may not be read",
                hint="whoever keeps it must put it there first",
            )
        return
    key = source.private_key
    if who := _READERS.get(found.watched[key].readers):
        message = f"{who} can read this private key"
        hint = f"chown root {key} && chmod 600 {key}"
        yield Problem(subject=f"{name}: {key}", message=message, hint=hint)
    match found.fits.get((source.certificate, key)):
        case "no":
            message = f"is not the key of {source.certificate}"
            hint = "whoever keeps the two must put a pair there"
            yield Problem(subject=f"{name}: {key}", message=message, hint=hint)
        case "unreadable":
            message = "is no private key that Apache could read, or has a passphrase"
            yield Problem(subject=f"{name}: {key}", message=message)
    twice = source.chain and found.watched[source.certificate].certificates.count(_BEGIN) > 1
    if twice:
        yield Problem(
            subject=f"{name}: {source.certificate}",
            message=f"holds issuers already, and {source.chain} would come on top",
            hint="leave chain out",
        )
        return
    for problem in check_server(
        f"{name}: {source.certificate}",
        fullchain=on_host_chain(source, found),
        private_key=None,
        names=vhost.names,
        now=clock,
    ):
        yield _renewed_by(problem, "whoever keeps it on the host must renew it: certbot, perhaps")


def on_host_chain(source: CertificateOnHost, found: Observation) -> bytes:
    """Join what Apache would present from files that somebody else keeps on the host."""
    paths = (source.certificate, *([source.chain] if source.chain else []))
    return "".join(found.watched[path].certificates for path in paths).encode()


def _of_authority(
    vhost: VhostSpec, one: ClientAuthority, supplies: Supplies, clock: datetime
) -> Iterator[Problem]:
    if one.file is None:
        return
    foreign = supplies.authorities[one]
    bundle = pem.write_certificates(foreign.certificates)
    yield from check_trust(f"{vhost.server_name}: {one.file}", bundle, now=clock)
    if one.crl is not None and vhost.client_auth.revocation != "none":
        # Of the others in the file somebody else may have lists.
        with_lists = {crl.issuer for crl in foreign.lists}
        trust = [ca for ca in foreign.certificates if ca.subject in with_lists]
        yield from check_crls(
            f"{vhost.server_name}: {one.crl}",
            pem.write_crls(foreign.lists),
            trust=trust,
            revocation=vhost.client_auth.revocation,
            issuers=[ca for ca in issuing(foreign.certificates) if ca in trust],
            now=clock,
        )


def _of_backend_authority(
    vhost: VhostSpec, one: BackendAuthority, supplies: Supplies, clock: datetime
) -> Iterator[Problem]:
    if one.file is None:
        return
    foreign = supplies.backends[one]
    bundle = pem.write_certificates(foreign.certificates)
    subject = f"{vhost.server_name}: {one.file}"
    yield from check_trust(subject, bundle, now=clock, profile=SERVER)
    if one.crl is not None:
        yield from check_crls(
            f"{vhost.server_name}: {one.crl}",
            pem.write_crls(foreign.lists),
            trust=foreign.certificates,
            revocation="chain",
            now=clock,
            profile=SERVER,
        )


def _of_backends(slug: str, backend: Backend, clock: datetime) -> Iterator[Problem]:
    subject = f"{slug}: backend"
    problems = check_trust(subject, backend.trust, now=clock, profile=SERVER)
    yield from problems
    if backend.crls is not None and not problems:
        yield from check_crls(
            subject,
            backend.crls,
            trust=pem.read_certificates(backend.trust),
            revocation="chain",
            now=clock,
            profile=SERVER,
        )
    one = backend.identity
    if one is not None:
        yield from check_client(
            subject,
            fullchain=one.fullchain,
            private_key=None if one.content is None else _key_of(one.content),
            now=clock,
        )


def _key_of(identity: bytes) -> bytes:
    """Take the key out of a file that has it after its certificate."""
    return identity[identity.index(_BEGIN_KEY) :]


def _of_clients(vhost: VhostSpec, trust: Trust, clock: datetime) -> tuple[Problem, ...]:
    problems = check_trust(vhost.slug, trust.bundle, now=clock)
    revocation = vhost.client_auth.revocation
    if problems or revocation == "none" or trust.crls is None:
        return problems
    anchors = pem.read_certificates(trust.bundle)
    return check_crls(
        vhost.slug,
        trust.crls,
        trust=anchors,
        revocation=revocation,
        issuers=pem.read_certificates(trust.names),
        now=clock,
    )


def _renewed_by(problem: Problem, hint: str) -> Problem:
    """Say who must renew what is not ours to renew."""
    return replace(problem, hint=hint) if problem.hint == "renew it" else problem
