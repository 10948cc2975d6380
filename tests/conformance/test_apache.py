"""
The decisive situations of the handshakes once more, on the real Apache.

One Apache serves them all: a virtual host each, told apart by name.
"""

import socket
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from deployer.pki.keys import private_key_pem
from deployer.pki.pem import write_certificates, write_crls
from deployer.probe.handshake import End, Identity, ask
from deployer.sandbox import Sandbox, processes
from tests.conformance.doors import Visit
from tests.conformance.forge import crl, party
from tests.conformance.test_handshakes import (
    after_a_second,
    beside_an_expired_root,
    expired_client,
    expired_list,
    expired_root_list,
    namesakes,
    ours,
    reissued,
    revoked_by_our_ladder,
    revoked_issuer,
    revoked_on_the_lower_rung_alone,
    server_as_client,
    server_of,
    sibling,
    stale_and_fresh,
    stray,
    two_lists,
    visit,
)
from tests.conformance.today import DAY, HOUR

SITUATIONS: dict[str, tuple[Callable[[], Visit], bool]] = {
    "everything is in order": (visit, True),
    "nobody in particular comes": (lambda: visit(anonymous=True), False),
    "the root's list is missing": (lambda: visit(root_lists=()), False),
    "the root's list is missing where only the leaf's counts": (
        lambda: visit(root_lists=(), revocation="leaf"),
        True,
    ),
    "the clients' list has expired": (expired_list, False),
    "the clients' list has expired at an optional door": (
        lambda: expired_list(verify="optional"),
        False,
    ),
    "the root's list has expired at an optional door": (
        lambda: expired_root_list(verify="optional"),
        False,
    ),
    "an expired client comes to an optional door": (
        lambda: expired_client(verify="optional"),
        False,
    ),
    "an expired list before a fresh one": (
        lambda: two_lists((-9 * DAY, -DAY), (-HOUR, 7 * DAY)),
        True,
    ),
    "a list of a day to come": (
        lambda: visit(lists=(crl(party(ours().clients), start=DAY, end=9 * DAY),)),
        False,
    ),
    "revoked by our ladder": (revoked_by_our_ladder, False),
    "revoked, with the old list of the same second first": (
        lambda: stale_and_fresh("old", "new"),
        True,
    ),
    "revoked a second later, with the old list first": (
        lambda: after_a_second("old", "new"),
        False,
    ),
    "revoked on a rung below one that does not know it": (revoked_on_the_lower_rung_alone, True),
    "the issuer is revoked": (revoked_issuer, False),
    "the issuer is revoked where only the leaf's list counts": (
        lambda: revoked_issuer(revocation="leaf"),
        True,
    ),
    "a stranger's authority among the lists": (stray, True),
    "a server's certificate": (server_as_client, False),
    "a client of our servers' authority": (lambda: sibling(bound=True), False),
    "a client of an unbound sibling": (lambda: sibling(bound=False), True),
    "the issuer renewed with its key": (lambda: reissued(issuer_and_serial=False), True),
    "the issuer renewed, and a leaf that names its serial": (
        lambda: reissued(issuer_and_serial=True),
        False,
    ),
    "lists of namesakes that do not say who signed them": (
        lambda: namesakes(identifiers=False),
        False,
    ),
    "an expired root before a renewed one": (
        lambda: beside_an_expired_root("expired", "renewed"),
        True,
    ),
    "a depth that does not count the root": (lambda: visit(depth=1), False),
    "a depth that counts the root": (lambda: visit(depth=2), True),
}

SITE = """\
<VirtualHost *:{port}>
    ServerName {name}
    DocumentRoot "{documents}"
    SSLEngine on
    SSLCertificateFile "{directory}/server.pem"
    SSLVerifyClient {verify}
    SSLVerifyDepth {depth}
    SSLCACertificateFile "{directory}/anchors.pem"
    SSLCARevocationCheck {revocation}
{lists}
</VirtualHost>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """An Apache with a virtual host for each visit."""

    sandbox: Sandbox
    directory: Path
    visits: dict[str, Visit]

    def host(self, situation: str) -> str:
        return f"s{list(self.visits).index(situation)}.example.com"

    def connect(self) -> socket.socket:
        return socket.create_connection((self.sandbox.address, self.sandbox.https_port), 10)

    def admits(self, situation: str) -> bool:
        asked = self.visits[situation]
        identity = None
        if asked.leaf is not None:
            identity = Identity(
                certificate=asked.leaf.certificate,
                chain=tuple(one.certificate for one in asked.chain),
                key=asked.leaf.key,
            )
        answer = ask(self.connect, self.host(situation), identity)
        assert answer.end in {End.ANSWERED, End.REFUSED}, answer
        return answer.status == 200

    def write(self, situation: str) -> Path:
        asked = self.visits[situation]
        directory = self.directory / self.host(situation)
        directory.mkdir(exist_ok=True)
        *_, last = asked.door.files(directory)
        server = server_of(ours())
        chain = write_certificates([server.certificate, ours().servers.authority.certificate])
        (directory / "server.pem").write_bytes(private_key_pem(server.key) + chain)
        lists = f'    SSLCARevocationFile "{last}"' if last.name == "lists.pem" else ""
        site = Path(self.sandbox.layout.vhost_dir) / f"{self.host(situation)}.conf"
        site.write_text(
            SITE.format(
                port=self.sandbox.https_port,
                name=self.host(situation),
                documents=self.sandbox.document_root,
                directory=directory,
                verify=asked.door.verify,
                depth=asked.door.depth,
                revocation=asked.door.revocation,
                lists=lists,
            )
        )
        return directory

    def reload(self) -> None:
        """Reload gracefully and wait until the new generation of workers answers."""
        log = Path(self.sandbox.layout.log_dir) / "error.log"
        before = log.read_text().count("resuming normal operations")
        subprocess.run(
            self.sandbox.layout.reload,
            env=processes.environment(self.sandbox.directory),
            check=True,
            capture_output=True,
        )
        assert processes.until(
            lambda: log.read_text().count("resuming normal operations") > before, timeout=20
        ), log.read_text()[-2000:]


@pytest.fixture(scope="module")
def doors() -> Iterator[Doors]:
    with tempfile.TemporaryDirectory(prefix="deployer-") as name:
        directory = Path(name)
        directory.chmod(0o711)
        with Sandbox.start(directory / "sandbox") as sandbox:
            visits = {name: made() for name, (made, _) in SITUATIONS.items()}
            opened = Doors(sandbox=sandbox, directory=directory, visits=visits)
            for situation in visits:
                opened.write(situation)
            opened.reload()
            yield opened


@pytest.mark.parametrize("situation", SITUATIONS)
def test_apache_lets_in_whom_openssl_does(situation: str, doors: Doors) -> None:
    assert doors.admits(situation) is SITUATIONS[situation][1]


class Returning:
    """A client that keeps its session, as browsers do."""

    def __init__(self, doors: Doors, situation: str, tls: ssl.TLSVersion) -> None:
        self.doors, self.host = doors, doors.host(situation)
        asked = doors.visits[situation]
        assert asked.leaf is not None
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.minimum_version = context.maximum_version = tls
        shown = write_certificates(one.certificate for one in (asked.leaf, *asked.chain))
        file = doors.directory / "returning.pem"
        file.write_bytes(private_key_pem(asked.leaf.key) + shown)
        context.load_cert_chain(file)
        self.context = context
        self.session: ssl.SSLSession | None = None

    def visit(self, *, resume: bool) -> tuple[bool, bool]:
        """Say whether this client was let in, and whether its session was resumed."""
        session = self.session if resume else None
        try:
            with self.context.wrap_socket(
                self.doors.connect(), server_hostname=self.host, session=session
            ) as stream:
                stream.sendall(
                    f"GET / HTTP/1.1\r\nHost: {self.host}\r\nConnection: close\r\n\r\n".encode()
                )
                admitted = stream.recv(4096).startswith(b"HTTP/1.1 200")
                self.session = stream.session
                return admitted, bool(stream.session_reused)
        except (ssl.SSLError, ConnectionResetError, BrokenPipeError):
            return False, False


@pytest.mark.parametrize("tls", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_revoked_client_goes_on_with_its_session_until_apache_is_reloaded(
    tls: ssl.TLSVersion, doors: Doors
) -> None:
    situation = "everything is in order"
    doors.write(situation)
    doors.reload()
    client = Returning(doors, situation, tls)
    assert client.visit(resume=False) == (True, False)
    asked = doors.visits[situation]
    assert asked.leaf is not None
    revoked = crl(party(ours().clients), asked.leaf, start=-HOUR / 2)
    lists = doors.directory / doors.host(situation) / "lists.pem"

    lists.write_bytes(write_crls((crl(party(ours().root)), revoked)))
    before = client.visit(resume=True)
    doors.reload()
    after = client.visit(resume=True)

    assert before == (True, True)
    assert after == (False, False)
