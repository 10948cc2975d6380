"""
Apache's door without Apache: handshakes in memory, with exactly the flags that mod_ssl sets.

mod_ssl loads `SSLCACertificateFile` and `SSLCARevocationFile` into one store, switches on the
check of the leaf's list or of all, and counts the depth itself. Two libraries do the same here:
the OpenSSL that Python was built on, which is Debian's and Apache's, and a newer one.
"""

import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import SSL, crypto

from deployer.pki.crl import CRL
from deployer.pki.keys import private_key_pem
from deployer.pki.pem import write_certificates
from tests.conformance.forge import Party

ADMITTED = 0
NO_CERTIFICATE = -1
TOO_DEEP = 22
"""`X509_V_ERR_CERT_CHAIN_TOO_LONG`; what mod_ssl means when it counts more than the depth."""
CHUNK = 65536
TURNS = 20  # more than any handshake takes

Tls = Literal["TLS 1.2", "TLS 1.3"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What a virtual host is told about its clients."""

    trust: Sequence[Party]
    """`SSLCACertificateFile`, in this order."""
    crls: Sequence[CRL] = ()
    """`SSLCARevocationFile`, in this order."""
    strays: Sequence[Party] = ()
    """Certificates that found their way into the file of the lists."""
    revocation: Literal["chain", "leaf", "none"] = "chain"
    verify: Literal["require", "optional"] = "require"
    depth: int = 10

    def files(self, directory: Path) -> tuple[Path, ...]:
        """Write what Apache would read."""
        anchors, lists = directory / "anchors.pem", directory / "lists.pem"
        anchors.write_bytes(write_certificates(one.certificate for one in self.trust))
        pems = [one.public_bytes(Encoding.PEM) for one in self.crls]
        pems += [one.certificate.public_bytes(Encoding.PEM) for one in self.strays]
        lists.write_bytes(b"".join(pems))
        return (anchors, lists) if pems else (anchors,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """A door, and who knocks: a leaf with the issuers that are sent along, or nobody."""

    door: Door
    leaf: Party | None
    chain: Sequence[Party] = ()


Knock = Callable[[Visit, Party, Path, Tls], int]
"""Shakes hands below a directory; returns OpenSSL's error about the client, or 0."""


def debian_openssl(visit: Visit, server: Party, directory: Path, tls: Tls) -> int:
    """Knock at the OpenSSL that Python was built on; it has no say about the depth."""
    context = server_context(visit.door, server, directory, tls)
    return converse(context, client_context(visit, directory))[0]


def newer_openssl(visit: Visit, server: Party, directory: Path, tls: Tls) -> int:
    """Knock at the OpenSSL that cryptography brings along, with mod_ssl's own callback."""
    found: list[int] = []

    def judged(_connection: Any, _certificate: Any, error: int, depth: int, fine: int) -> bool:
        if fine and depth <= visit.door.depth:
            return True
        found.append(error or TOO_DEEP)
        return False

    context = _context(server, SSL.TLS_SERVER_METHOD)
    version = {"TLS 1.2": SSL.TLS1_2_VERSION, "TLS 1.3": SSL.TLS1_3_VERSION}[tls]
    context.set_min_proto_version(version)
    context.set_max_proto_version(version)
    for file in visit.door.files(directory):
        context.load_verify_locations(str(file))
    store = context.get_cert_store()
    assert store is not None
    flags = crypto.X509StoreFlags
    for needed, flag in ((("chain", "leaf"), flags.CRL_CHECK), (("chain",), flags.CRL_CHECK_ALL)):
        if visit.door.revocation in needed:
            store.set_flags(flag)
    insist = SSL.VERIFY_FAIL_IF_NO_PEER_CERT if visit.door.verify == "require" else 0
    context.set_verify(SSL.VERIFY_PEER | insist, judged)
    inside = SSL.Connection(context, None)
    inside.set_accept_state()
    outside = SSL.Connection(_context(visit.leaf, SSL.TLS_CLIENT_METHOD, visit.chain), None)
    outside.set_connect_state()
    try:
        _pump(inside, outside)
    except SSL.Error:
        return found[0] if found else NO_CERTIFICATE
    return ADMITTED


def server_context(door: Door, server: Party, directory: Path, tls: Tls) -> ssl.SSLContext:
    """Open a door in the standard library's words."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    version = {"TLS 1.2": ssl.TLSVersion.TLSv1_2, "TLS 1.3": ssl.TLSVersion.TLSv1_3}[tls]
    context.minimum_version = context.maximum_version = version
    _show(context, (server,), directory / "server.pem")
    for file in door.files(directory):
        context.load_verify_locations(cafile=file)
    context.verify_mode = ssl.CERT_REQUIRED if door.verify == "require" else ssl.CERT_OPTIONAL
    if door.revocation != "none":
        context.verify_flags |= {
            "leaf": ssl.VERIFY_CRL_CHECK_LEAF,
            "chain": ssl.VERIFY_CRL_CHECK_CHAIN,
        }[door.revocation]
    return context


def client_context(visit: Visit, directory: Path) -> ssl.SSLContext:
    """Stand before a door; the server is not judged."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if visit.leaf is not None:
        _show(context, (visit.leaf, *visit.chain), directory / "client.pem")
    return context


def converse(
    server: ssl.SSLContext, client: ssl.SSLContext, session: ssl.SSLSession | None = None
) -> tuple[int, ssl.SSLObject]:
    """Shake hands and exchange a byte; returns the server's error and the client's end."""
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    inside = server.wrap_bio(there, back, server_side=True)
    outside = client.wrap_bio(back, there, session=session)
    try:
        _settle(outside.do_handshake, inside.do_handshake)
        # Under TLS 1.3 the session to resume comes after the handshake.
        _settle(lambda: inside.write(b"!"), lambda: outside.read(1))
    except ssl.SSLCertVerificationError as error:
        return error.verify_code, outside
    except ssl.SSLError:
        return NO_CERTIFICATE, outside
    return ADMITTED, outside


def _settle(*steps: Callable[[], object]) -> None:
    waiting = list(steps)
    for _ in range(TURNS):
        for step in tuple(waiting):
            with suppress(ssl.SSLWantReadError):
                step()
                waiting.remove(step)
        if not waiting:
            return
    raise AssertionError("neither end has anything to say")


def _show(context: ssl.SSLContext, chain: Sequence[Party], file: Path) -> None:
    certificates = write_certificates(one.certificate for one in chain)
    file.write_bytes(private_key_pem(chain[0].key) + certificates)
    context.load_cert_chain(file)


def _context(shown: Party | None, method: int, chain: Sequence[Party] = ()) -> SSL.Context:
    context = SSL.Context(method)
    if shown is not None:
        context.use_certificate(shown.certificate)
        context.use_privatekey(shown.key)
        for issuer in chain:
            context.add_extra_chain_cert(issuer.certificate)
    return context


def _pump(inside: SSL.Connection, outside: SSL.Connection) -> None:
    done: set[SSL.Connection] = set()
    for _ in range(TURNS):
        for one, other in ((outside, inside), (inside, outside)):
            try:
                one.do_handshake()
                done.add(one)
            except SSL.WantReadError:
                done.discard(one)
            with suppress(SSL.WantReadError):
                while True:
                    other.bio_write(one.bio_read(CHUNK))
        if len(done) == 2:
            return
    raise AssertionError("neither end has anything to say")
