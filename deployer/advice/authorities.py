"""Advice on authorities and lists that an operator brings: are they who was meant, and how long."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.x509.oid import NameOID

from deployer.advice.context import Brought, Context
from deployer.advice.finding import Said, Severity, on_host, on_site
from deployer.pki.material import is_authority, title
from deployer.pki.scope import is_signed_by
from deployer.pki.trust import issuing
from deployer.spec.vhost import VhostSpec

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE

SOON = timedelta(days=7)
"""Of a list: a week in which somebody can fetch the next one."""
IN_TIME = timedelta(days=30)
"""Of an authority, whose successor every client must get a certificate from."""
A_STORE = 10
"""So many roots nobody has; a distribution's store of public ones has a hundred and more."""

# What operators of public authorities call themselves in the O of their roots (CCADB).
_PUBLIC = (
    "internet security research group", "let's encrypt", "digicert", "sectigo", "comodo",
    "the usertrust network", "globalsign", "google trust services", "amazon", "entrust",
    "identrust", "godaddy", "starfield technologies", "ssl corp", "buypass", "actalis",
    "microsoft corporation", "certum", "unizeto", "quovadis", "swisssign", "harica", "zerossl",
)  # fmt: skip


@on_host(
    "MTLS-420",
    ERROR,
    "a file of the project would not do",
    why="A key that does not belong to its certificate, a chain in the wrong order, half a file: "
    "the syntax test of Apache passes on 31 such mistakes, and the reload after it ends the whole "
    "server. Others go through, and lock every client out. So they are looked for before.",
    fix="put the right file in its place",
)
def would_not_do(context: Context) -> Iterator[Said]:
    """Pass on what the checks of material found."""
    for problem in context.problems:
        hint = f" ({problem.hint})" if problem.hint else ""
        yield problem.subject, f"{problem.message}{hint}"


@on_site(
    "MTLS-421",
    ERROR,
    "an authority comes without its revocation list",
    why="Where lists are looked into, a client of an authority that has none is refused: to the "
    "client it looks like an unknown authority, and it is every client of it.",
    fix="bring the list: authorities: [{file: …, crl: …}]; or set client_auth.revocation: none",
)
def lacks_a_list(site: VhostSpec, context: Context) -> Iterator[str]:
    """Find authorities of a file for which nobody has a list."""
    told = site.client_auth
    if told.verify == "none" or told.revocation == "none":
        return
    for one in told.authorities:
        found = context.brought.get(one)
        if found is None:
            continue
        needed = found.certificates if told.revocation == "chain" else issuing(found.certificates)
        for ca in needed:
            has = any(is_signed_by(crl, ca) for crl in found.lists)
            if is_authority(ca) and not has and ca not in context.listed:
                yield f"{one.file} holds {title(ca)}, whose list is nowhere"


@on_site(
    "MTLS-422",
    WARNING,
    "a revocation list is near its end",
    why="A list past its `nextUpdate` refuses every client of its authority, those that were "
    "never revoked included. Whoever brings a list must bring the next one in time, and apply.",
    fix="fetch the new list into the file, and run deployer apply",
)
def lists_end_soon(site: VhostSpec, context: Context) -> Iterator[str]:
    """Find lists of others that end within a week."""
    if site.client_auth.verify == "none" or site.client_auth.revocation == "none":
        return
    for one, found in _brought(site, context):
        for ca in found.certificates:
            # Of several that follow each other, the last one counts.
            ends = [crl.next_update_utc or _NEVER for crl in found.lists if is_signed_by(crl, ca)]
            last = max(ends, default=_NEVER)
            if context.now < last <= context.now + SOON:
                yield f"{one}: the list of {title(ca)} ends on {last:%Y-%m-%d %H:%M} UTC"


@on_site(
    "MTLS-423",
    WARNING,
    "an authority is near its end",
    why="With its authority every certificate below it ends. Clients need time to get others.",
    fix="trust its successor beside it, in the same file, before clients are moved",
)
def authorities_end_soon(site: VhostSpec, context: Context) -> Iterator[str]:
    """Find authorities of others that end within a month."""
    if site.client_auth.verify == "none":
        return
    for one, found in _brought(site, context):
        for ca in found.certificates:
            end = ca.not_valid_after_utc
            if context.now < end <= context.now + IN_TIME:
                yield f"{one}: {title(ca)} ends on {end:%Y-%m-%d}"


@on_site(
    "MTLS-424",
    WARNING,
    "the authority that is trusted also certifies others",
    why="A root that may have authorities below it certifies whatever its owner needs: servers, "
    "other departments, other firms. A certificate without a purpose counts as a client's to "
    "Apache, and so does that of an authority: with the root's own key one logs in.",
    fix="name the authority that issues your clients and nothing else, with its root above it; "
    "or narrow it with client_auth.allow",
)
def trusts_a_root(site: VhostSpec, context: Context) -> Iterator[str]:
    """Find roots that are meant to issue clients themselves, and may do more."""
    if site.client_auth.verify == "none":
        return
    for one, found in _brought(site, context):
        for ca in issuing(found.certificates):
            if ca.subject == ca.issuer and not _issues_leaves_alone(ca):
                yield f"{one}: {title(ca)} is a root"


@on_site(
    "MTLS-425",
    WARNING,
    "anybody can get such a certificate",
    why="A public authority certifies whoever has a domain, for nothing. Its certificates prove "
    "that, and not that you know somebody.",
    fix="trust an authority of your own, or of a partner; deployer ca init founds one",
)
def trusts_the_public(site: VhostSpec, context: Context) -> Iterator[str]:
    """Find public authorities, and whole stores of them."""
    if site.client_auth.verify == "none":
        return
    for one, found in _brought(site, context):
        roots = [ca for ca in found.certificates if ca.subject == ca.issuer]
        public = [ca for ca in found.certificates if _is_public(ca)]
        if len(roots) >= A_STORE:
            yield f"{one}: {len(roots)} roots: it is a store of public authorities"
        elif public:
            yield f"{one}: {title(public[0])} is a public authority"


_NEVER = datetime.max.replace(tzinfo=UTC)


def _brought(site: VhostSpec, context: Context) -> Iterator[tuple[str, Brought]]:
    for one in site.client_auth.authorities:
        found = context.brought.get(one)
        if found is not None:
            yield one.file or "", found


def _issues_leaves_alone(ca: x509.Certificate) -> bool:
    try:
        return ca.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    except (x509.ExtensionNotFound, ValueError):
        return False


def _is_public(ca: x509.Certificate) -> bool:
    names = [
        str(one.value).lower()
        for one in ca.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    ]
    return any(name.startswith(_PUBLIC) for name in names)


RULES = (
    would_not_do,
    lacks_a_list,
    lists_end_soon,
    authorities_end_soon,
    trusts_a_root,
    trusts_the_public,
)
