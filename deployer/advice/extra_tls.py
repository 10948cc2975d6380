"""Advice on lines of `extra` about TLS: whom it asks, whom it trusts, what it speaks."""

from deployer.advice.finding import Severity, on_line
from deployer.advice.lines import Line
from deployer.spec.vhost import VhostSpec

ERROR, WARNING, NOTE = Severity.ERROR, Severity.WARNING, Severity.NOTE

_NEGOTIATED = {
    "sslverifyclient": "SSLVerifyClient",
    "sslverifydepth": "SSLVerifyDepth",
    "sslciphersuite": "SSLCipherSuite",
}
_PROFILE = frozenset(
    {
        "sslprotocol", "sslciphersuite", "sslopensslconfcmd", "sslhonorcipherorder",
        "sslsessiontickets", "sslcompression",
    }
)  # fmt: skip
_TRUST = frozenset(
    {"sslcacertificatefile", "sslcacertificatepath", "sslcadnrequestfile", "sslcadnrequestpath"}
)
_REVOCATION = frozenset({"sslcarevocationfile", "sslcarevocationpath", "sslcarevocationcheck"})
_CERTIFICATE = frozenset({"sslcertificatefile", "sslcertificatekeyfile", "sslcertificatechainfile"})
_PROTOCOLS = ("SSLv3", "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_SPOKEN = frozenset({"TLSv1.2", "TLSv1.3"})


@on_line(
    "MTLS-101",
    ERROR,
    "a part of a site negotiates TLS of its own",
    why="`SSLVerifyClient`, `SSLVerifyDepth` or `SSLCipherSuite` for one path means another "
    "handshake after the request has come in. HTTP/2 forbids it, browsers do not take part in it "
    "under TLS 1.3, and where the site itself has `optional` OpenSSL refuses to ask twice: every "
    "request gets 403 (AH10158), with a good certificate too.",
    fix="ask once for the whole site, and say in paths who may come in where",
)
def negotiates_per_path(line: Line, _: VhostSpec) -> str:
    """Find what would start another handshake."""
    if line.name in _NEGOTIATED and line.places:
        return f"{_NEGOTIATED[line.name]} in {line.places[-1]} needs a second handshake"
    return ""


@on_line(
    "MTLS-102",
    ERROR,
    "extra decides which clients are asked for a certificate",
    why="The last `SSLVerifyClient` of a virtual host counts, and `extra` is last: what the "
    "inventory says about clients would no longer be so, and no plan would show it.",
    fix="set client_auth.verify and client_auth.depth",
)
def decides_who_is_asked(line: Line, _: VhostSpec) -> str:
    """Find what overrides `client_auth.verify` or its depth."""
    overrides = line.name in {"sslverifyclient", "sslverifydepth"} and not line.places
    return f"{line.written} overrides client_auth" if overrides else ""


@on_line(
    "MTLS-103",
    ERROR,
    "a certificate that nobody vouches for is accepted",
    why="`optional_no_ca` lets in a self-signed certificate and fills `SSL_CLIENT_S_DN` from it: "
    "whoever reads that name reads what the client chose.",
    fix="set client_auth.verify: optional",
)
def trusts_everybody(line: Line, _: VhostSpec) -> str:
    """Find `optional_no_ca`."""
    trusts = line.name in {"sslverifyclient", "sslproxyverify"} and line.first == "optional_no_ca"
    return f"{line.written} optional_no_ca verifies nothing" if trusts else ""


@on_line(
    "MTLS-104",
    ERROR,
    "extra decides whom the site trusts",
    why="A file named here replaces the bundle that was computed and checked: without its root "
    "every client is refused, with a key or half a certificate in it the whole server ends at the "
    "next reload (AH01896), and the syntax test passes all of that.",
    fix="name the authority in client_auth.authorities: {file: …}",
)
def decides_trust(line: Line, _: VhostSpec) -> str:
    """Find other authorities."""
    return f"{line.written} overrides client_auth.authorities" if line.name in _TRUST else ""


@on_line(
    "MTLS-105",
    ERROR,
    "extra decides about revocation",
    why="A list that is not there, expired, or of another authority refuses every client, and "
    "without `SSLCARevocationCheck` it is never looked into. Workers read a "
    "`SSLCARevocationPath` when they first need it: after a change some let a revoked client in "
    "and others do not.",
    fix="set client_auth.revocation, and name lists beside their authority: {file: …, crl: …}",
)
def decides_revocation(line: Line, _: VhostSpec) -> str:
    """Find other revocation lists."""
    return f"{line.written} overrides client_auth.revocation" if line.name in _REVOCATION else ""


@on_line(
    "MTLS-106",
    ERROR,
    "certificates of ours are looked up with OCSP",
    why="`SSLOCSPEnable` refuses every client whose certificate names no responder (error 50, "
    "AH01974). An authority of deployer has none: it signs revocation lists.",
    fix="leave it out: client_auth.revocation: chain does what it is for",
)
def asks_a_responder(line: Line, site: VhostSpec) -> str:
    """Find OCSP where our own authority issues the clients."""
    ours = any(one.file is None for one in site.client_auth.authorities)
    asks = line.name == "sslocspenable" and line.first != "off" and ours
    return f"SSLOCSPEnable {line.first} refuses every client of ours" if asks else ""


@on_line(
    "MTLS-107",
    WARNING,
    "extra changes the TLS profile",
    why="The profile was resolved for the versions of this host, and other sites of the address "
    "share it. A group that this OpenSSL does not know passes the syntax test and ends the server "
    "at its reload.",
    fix="choose a profile with tls: intermediate or modern",
)
def changes_the_profile(line: Line, _: VhostSpec) -> str:
    """Find protocols, ciphers and groups."""
    changes = line.name in _PROFILE and not line.places
    return f"{line.written} overrides the profile" if changes else ""


@on_line(
    "MTLS-108",
    ERROR,
    "no version of TLS is left that clients speak",
    why="`SSLProtocol -all` ends the server at its reload (AH02231). With versions before 1.2 "
    "alone it starts, and OpenSSL 3 refuses every handshake.",
    fix="leave SSLProtocol to the profile: tls: intermediate or modern",
)
def speaks_nothing(line: Line, _: VhostSpec) -> str:
    """Find an `SSLProtocol` without TLS 1.2 and 1.3."""
    if line.name != "sslprotocol":
        return ""
    left = _protocols(line.arguments)
    names = ", ".join(one for one in _PROTOCOLS if one in left) or "nothing"
    return "" if left & _SPOKEN else f"SSLProtocol leaves {names}"


@on_line(
    "MTLS-109",
    ERROR,
    "extra switches TLS on or off",
    why="Without `SSLEngine on` the port answers in plain HTTP: the reload goes through, and no "
    "client gets a certificate to see, nor is asked for one.",
    fix="leave it out: a site of apache_vhosts has TLS",
)
def switches_tls(line: Line, _: VhostSpec) -> str:
    """Find `SSLEngine`."""
    return f"SSLEngine {line.first} overrides us" if line.name == "sslengine" else ""


@on_line(
    "MTLS-110",
    ERROR,
    "extra brings a certificate",
    why="Nobody checks a certificate that is named here. A key that does not belong to it, or a "
    "chain in the wrong order, passes the syntax test and ends the server with every site on it "
    "(AH02565); nobody renews it either.",
    fix="set certificate: {files: …} or {on_host: …}",
)
def brings_a_certificate(line: Line, _: VhostSpec) -> str:
    """Find a certificate or key of the server."""
    return f"{line.written} names files that nobody checks" if line.name in _CERTIFICATE else ""


@on_line(
    "MTLS-111",
    ERROR,
    "sites can be reached past the rules of their handshake",
    why="A client that sends no name in its handshake, or another than in its request, would be "
    "judged by one site and served by another. `SSLVHostSNIPolicy` is for the whole server: in a "
    "virtual host Apache refuses it.",
    fix="leave it out",
)
def loosens_sni(line: Line, _: VhostSpec) -> str:
    """Find `SSLStrictSNIVHostCheck off` and `SSLVHostSNIPolicy`."""
    if line.name == "sslstrictsnivhostcheck" and line.first == "off":
        return "SSLStrictSNIVHostCheck off serves clients that name no site"
    return "SSLVHostSNIPolicy has no place in a site" if line.name == "sslvhostsnipolicy" else ""


@on_line(
    "MTLS-112",
    ERROR,
    "insecure renegotiation is allowed",
    why="A client that knows no secure renegotiation lets somebody in between put requests of "
    "their own in front of its own (CVE-2009-3555), and they count as made with its certificate.",
    fix="leave it out",
)
def renegotiates(line: Line, _: VhostSpec) -> str:
    """Find `SSLInsecureRenegotiation on`."""
    loose = line.name == "sslinsecurerenegotiation" and line.first == "on"
    return "SSLInsecureRenegotiation on" if loose else ""


@on_line(
    "MTLS-113",
    ERROR,
    "sessions survive a revocation",
    why="With a key file for session tickets a revoked client resumed its old session after the "
    "reload that brought the revocation list, under TLS 1.2 and 1.3 alike. Keys that Apache makes "
    "itself are new with every reload.",
    fix="leave it out: sessions are resumed from the server's cache",
)
def keeps_ticket_keys(line: Line, _: VhostSpec) -> str:
    """Find `SSLSessionTicketKeyFile`."""
    return f"{line.written} keeps sessions" if line.name == "sslsessionticketkeyfile" else ""


@on_line(
    "MTLS-114",
    WARNING,
    "OCSP stapling needs what a site cannot bring",
    why="Without `SSLStaplingCache`, which is for the whole server, stapling ends the server at "
    "its reload (AH01958); the syntax test passes. A certificate that we issued names no "
    "responder, so there is nothing to staple.",
    fix="leave it out; with a public certificate, set SSLStaplingCache in the server's own files",
)
def staples(line: Line, _: VhostSpec) -> str:
    """Find `SSLUseStapling on`."""
    return "SSLUseStapling on" if line.name == "sslusestapling" and line.first == "on" else ""


def _protocols(words: tuple[str, ...]) -> frozenset[str]:
    """Compute what is left: a word without a sign replaces all that stood before it."""
    by_name = {one.lower(): frozenset({one}) for one in _PROTOCOLS}
    by_name["all"] = frozenset(_PROTOCOLS)
    left: frozenset[str] = frozenset()
    for word in words:
        meant = by_name.get(word.lstrip("+-").lower(), frozenset())
        if word.startswith("-"):
            left -= meant
        else:
            left = left | meant if word.startswith("+") else meant
    return left


RULES = (
    negotiates_per_path,
    decides_who_is_asked,
    trusts_everybody,
    decides_trust,
    decides_revocation,
    asks_a_responder,
    changes_the_profile,
    speaks_nothing,
    switches_tls,
    brings_a_certificate,
    loosens_sni,
    renegotiates,
    keeps_ticket_keys,
    staples,
)
