"""A real Apache behind a real Apache: each knows the other by its certificate, or nobody talks."""

import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deployer.cli.host_session import HostSession
from deployer.cli.options import Common
from deployer.pki.issue import LeafRequest
from deployer.pki.keys import KeyType, key_digest, private_key_pem
from deployer.pki.names import subject_alternative_names
from deployer.pki.profiles import SERVER
from deployer.sandbox import Sandbox
from deployer.sandbox.processes import until
from deployer.store.randomness import generate_key
from deployer.store.records import CertificateRequest
from deployer.store.state import Store
from deployer.workflows.status import status_of
from tests.hosts.host import LabHost
from tests.hosts.sandbox import SandboxHost
from tests.journey.foreign import ForeignCa
from tests.journey.workbench import PASSPHRASE, SITE, Workbench

NAME = "localhost"
REFUSED = {"500", "502"}
BACKEND = """\
<VirtualHost *:{port}>
    ServerName {name}
    DocumentRoot {documents}
    SSLEngine on
    SSLCertificateFile {directory}/server.pem
    SSLCertificateKeyFile {directory}/server.key
    SSLVerifyClient require
    SSLVerifyDepth 2
    SSLCACertificateFile {directory}/root.pem
    Header always set X-Seen "%{{SSL_CLIENT_S_DN_CN}}s %{{SSL_CLIENT_M_SERIAL}}s"
</VirtualHost>
"""


@pytest.fixture
def any_host(sandbox: Sandbox) -> LabHost:
    """The backend is on this computer's loopback address, which is the sandbox's too."""
    return SandboxHost(sandbox)


class Behind:
    """An Apache that lets in clients of the desk's CA: those of its root who bring their chain."""

    def __init__(self, sandbox: Sandbox, desk: Workbench) -> None:
        self.sandbox, self.directory = sandbox, sandbox.directory / "tls"
        self.directory.mkdir(mode=0o755)
        (self.directory / "root.pem").write_bytes(
            (desk.directory / "alice/alice.ca.pem").read_bytes()
        )

    @property
    def url(self) -> str:
        return f"https://{NAME}:{self.sandbox.https_port}"

    def present(self, certificate: bytes, key: bytes) -> None:
        """Show a certificate from now on."""
        (self.directory / "server.pem").write_bytes(certificate)
        (self.directory / "server.key").write_bytes(key)
        layout = self.sandbox.layout
        site = BACKEND.format(
            port=self.sandbox.https_port,
            name=NAME,
            documents=self.sandbox.document_root,
            directory=self.directory,
        )
        Path(layout.vhost_dir, "backend.conf").write_text(site)
        log = Path(layout.log_dir, "error.log")
        seen = log.read_text().count("resuming normal operations")
        subprocess.run(layout.reload, check=True)
        assert until(
            lambda: log.read_text().count("resuming normal operations") > seen, timeout=10
        ), log.read_text()


@pytest.fixture
def behind(desk: Workbench, room: Path) -> Iterator[Behind]:
    with Sandbox.start(room / "backend") as running:
        yield Behind(running, desk)


def ours(desk: Workbench) -> tuple[bytes, bytes]:
    """A certificate for the backend from the desk's own authority, and its key."""
    key, now = generate_key(KeyType.P256), datetime.now(UTC)
    text = private_key_pem(key)
    request = CertificateRequest(
        leaf=LeafRequest(
            profile=SERVER,
            common_name=NAME,
            alternative_names=subject_alternative_names(hosts=[NAME]),
            public_key=key.public_key(),
        ),
        host="app1",
        name=NAME,
        key_sha256=key_digest(text),
    )
    with Store.open(desk.directory / ".deployer", now=now) as store:
        servers = store.unlock("servers", PASSPHRASE)
        return store.certificates.issue(request, servers, now=now).fullchain_pem, text


def proxy(desk: Workbench, behind: Behind, **route: object) -> None:
    desk.vhosts = [
        desk.site(
            document_root=None,
            proxy=[{"path": "/", "to": behind.url, "identity": "shop gateway", **route}],
        )
    ]
    desk.write_inventory()


def asked(desk: Workbench) -> tuple[str, str]:
    """Ask the front as alice: the status, and whom the backend saw."""
    said = desk.curl(*desk.alice, "--write-out", "%{http_code} %header{x-seen}").stdout
    status, _, seen = said.partition(" ")
    return status, seen


def outcomes(desk: Workbench) -> list[str]:
    return [
        one["outcome"]
        for one in desk.events("host", "apply", "--passphrase-file", "passphrase", "--yes")
    ]


def test_both_show_certificates_and_revocations_reach_both(
    desk: Workbench, behind: Behind, monkeypatch: pytest.MonkeyPatch
) -> None:
    behind.present(*ours(desk))
    proxy(desk, behind)
    planned = desk.deployer("plan", "--detailed-exitcode", status=2)
    assert (
        f"backend/{SITE}_{desk.port}/certificate.pem   (a new identity for its backends: "
        in planned.stdout
    )
    assert "2 certificates to issue" in planned.stderr

    desk.apply()

    status, first = asked(desk)
    assert (status, first[:13]) == ("200", "shop gateway ")
    assert outcomes(desk) == ["unchanged"]
    (holder,) = (one for one in desk.events("holder", "client", "list") if one["host"])
    assert (holder["name"], holder["host"]) == ("shop gateway", "web1")
    assert holder["serial"] == first.split()[-1].lower().lstrip("0")
    (remark,) = later(desk, 66, monkeypatch)
    assert "identity for backends: it was due for renewal" in remark

    desk.deployer("client", "revoke", "shop gateway", "--yes", "--passphrase-file", "passphrase")
    (site,) = desk.events("site", "status", status=8)
    assert "the identity for backends: it was revoked" in site["remarks"]
    desk.apply()

    status, second = asked(desk)
    assert status == "200"
    assert second != first
    assert outcomes(desk) == ["unchanged"]
    secrets = desk.host.exec(
        ["find", f"{desk.host.layout.root}/", "-name", "identity.pem", "-perm", "600"]
    )
    assert len(secrets.stdout.split()) == 2, "one in each release"

    (backend,) = desk.events("certificate", "cert", "list", "--host", "app1")
    desk.deployer("cert", "revoke", backend["serial"], "--yes", "--passphrase-file", "passphrase")
    (site,) = desk.events("site", "status", status=8)
    assert "revocation lists for backends are not those on record" in site["remarks"]
    desk.apply()
    assert asked(desk)[0] in REFUSED


def later(desk: Workbench, days: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What status will say of identities if nobody does anything until then."""
    monkeypatch.chdir(desk.directory)
    with HostSession(Common()) as session:
        session.now += timedelta(days=days)
        (found,), _ = status_of(session.survey(), session.targets("all"), session.operator())
    return [one for one in found.remarks if "identity" in one]


@pytest.mark.slow
def test_backends_that_others_certified_are_refused_until_those_are_trusted(
    desk: Workbench, behind: Behind, tmp_path: Path
) -> None:
    other = ForeignCa.root(tmp_path / "other", "/O=Other/CN=Other Root")
    certificate, key = backend_of(other, tmp_path / "good", NAME)
    behind.present(certificate, key)
    proxy(desk, behind)
    desk.apply()
    assert asked(desk)[0] in REFUSED, "it has the right name, and is not ours"

    (desk.directory / "other.pem").write_bytes(other.bundle)
    proxy(desk, behind, authority={"file": "other.pem"})
    desk.apply()
    assert asked(desk)[0] == "200"

    behind.present(*backend_of(other, tmp_path / "elsewhere", "elsewhere.example"))
    assert asked(desk)[0] in REFUSED, "certified for somebody else"


def backend_of(ca: ForeignCa, path: Path, name: str) -> tuple[bytes, bytes]:
    ca.issue(path, f"/CN={name}", "server", names=f"DNS:{name}")
    return path.with_suffix(".pem").read_bytes(), path.with_suffix(".key").read_bytes()


def test_a_password_opens_a_path_beside_a_certificate(desk: Workbench) -> None:
    made = desk.deployer("password", "alice", stdin="correct horse\n").stdout
    name, _, quoted = made.strip().partition(": ")
    desk.vhosts = [
        desk.site(
            passwords={"users": {name: quoted.strip('"')}},
            paths=[{"path": "/index.html", "auth": "certificate_and_password"}],
        )
    ]
    desk.write_inventory()

    desk.apply()

    url = ("--url", f"https://{SITE}:{desk.port}/index.html", "--output", "/dev/null")

    def status(*options: str) -> str:
        return desk.curl(*desk.alice, *url, *options).stdout[-3:]

    assert status("--user", "alice:correct horse") == "200"
    assert status("--user", "alice:wrong horse") == "401"
    assert status() == "401"
    assert outcomes(desk) == ["unchanged"]
