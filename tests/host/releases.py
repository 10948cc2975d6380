"""Small real releases, and the many ways to spoil one."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache

from cryptography.hazmat.primitives.serialization import Encoding

from deployer.layouts import Layout
from deployer.pki.keys import KeyType, private_key_pem
from deployer.pki.pem import write_certificates
from deployer.release import File, Release
from tests.pki.examples import key_of, pki, server_leaf

NOW = datetime.now(UTC)
NAME = "one.test"
KEY = "tls/one/key.pem"
FULLCHAIN = "tls/one/fullchain.pem"
TRUST = "trust/one.pem"
CRL = "crl/one.pem"
SITE = "sites/one.conf"
SERVER = "sites/000-server.conf"

INCLUDE = """\
# Written by deployer.
<IfDefine !DEPLOYER_RELEASE>
    Define DEPLOYER_RELEASE {root}/current
</IfDefine>
Include ${{DEPLOYER_RELEASE}}/sites/*.conf
"""

VHOST = """\
<VirtualHost {address}:{port}>
    ServerName one.test
    DocumentRoot {documents}
    ErrorLog {logs}/one.error.log
    CustomLog {logs}/one.access.log "%h %r"
    SSLEngine on
    SSLCertificateFile ${{DEPLOYER_RELEASE}}/tls/one/fullchain.pem
    SSLCertificateKeyFile ${{DEPLOYER_RELEASE}}/tls/one/key.pem
    SSLVerifyClient optional
    SSLVerifyDepth 2
    SSLCACertificateFile ${{DEPLOYER_RELEASE}}/trust/one.pem
    SSLCARevocationFile ${{DEPLOYER_RELEASE}}/crl/one.pem
    SSLCARevocationCheck chain
    {extra}
    <Location "/">
        Require all granted
    </Location>
</VirtualHost>
"""


def key() -> bytes:
    """The one server key of these tests."""
    return private_key_pem(key_of(KeyType.P256, "server"))


def another_key() -> bytes:
    return private_key_pem(key_of(KeyType.P256, "somebody else"))


def fullchain(*, reverse: bool = False) -> bytes:
    """A certificate that was never issued before, with its chain."""
    servers = pki(now=NOW).servers
    chain = servers.authority.fullchain(server_leaf(servers, NAME, now=NOW))
    return write_certificates(chain[::-1] if reverse else chain)


@cache
def crls() -> bytes:
    authorities = pki(now=NOW)
    return b"".join(crl.public_bytes(Encoding.PEM) for crl in authorities.crls(NOW))


def release(
    layout: Layout,
    *,
    port: int,
    documents: str,
    address: str = "*",
    extra: str = "",
    server: str = "# nothing for the server as a whole\n",
    include: str = "000-deployer.conf",
    modules: tuple[str, ...] = ("ssl",),
    ports: tuple[int, ...] | None = None,
    replaced: Mapping[str, bytes] | None = None,
) -> Release:
    """Make a release that no other equals: its certificate is new."""
    vhost = VHOST.format(
        address=address, port=port, documents=documents, logs=layout.log_dir, extra=extra
    )
    contents = {
        "include.conf": INCLUDE.format(root=layout.root).encode(),
        SERVER: server.encode(),
        SITE: vhost.encode(),
        FULLCHAIN: fullchain(),
        TRUST: pki(now=NOW).clients.authority.bundle_pem,
        CRL: crls(),
        KEY: key(),
    } | dict(replaced or {})
    files = tuple(File.of(path, content, secret=path == KEY) for path, content in contents.items())
    ports = (port,) if ports is None else ports
    return Release(files=files, include=include, modules=modules, ports=ports)
