"""The same job for pyinfra; read by it, with pyinfra's own Python."""
# ruff: noqa: INP001 (a file that a program reads)
# mypy: disable-error-code="import-not-found"

import os
import subprocess
from pathlib import Path

from pyinfra import host
from pyinfra.facts.files import Link
from pyinfra.operations import files, server

here = Path.cwd()
name = host.name
if os.environ.get("ROTATE") or not (here / "certs" / f"{name}.pem").exists():
    subprocess.run([here / "issue", "ca", name, host.data.ssh_hostname, "certs"], check=True)

changes = [
    files.directory(name="the directory", path="/etc/apache2/mtls", mode="755"),
    files.put(
        name="the key",
        src=f"certs/{name}.key",
        dest="/etc/apache2/mtls/server.key",
        mode="600",
    ),
    files.put(
        name="the certificate",
        src=f"certs/{name}.pem",
        dest="/etc/apache2/mtls/server.pem",
        mode="644",
    ),
    files.put(
        name="whom to let in",
        src="ca/ca.pem",
        dest="/etc/apache2/mtls/clients.pem",
        mode="644",
    ),
    files.template(
        name="the virtual host",
        src="site.conf.j2",
        dest="/etc/apache2/sites-available/mtls.conf",
        mode="644",
        host_name=name,
    ),
    files.link(
        name="the virtual host enabled",
        path="/etc/apache2/sites-enabled/mtls.conf",
        target="../sites-available/mtls.conf",
    ),
]
if not host.get_fact(Link, path="/etc/apache2/mods-enabled/ssl.load"):
    changes.append(server.shell(name="mod_ssl", commands=["a2enmod -q ssl"]))
server.shell(
    name="configtest and graceful",
    commands=["apache2ctl configtest && apache2ctl graceful"],
    _if=lambda: any(change.did_change() for change in changes),
)
