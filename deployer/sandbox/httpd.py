"""A real Apache in a directory of its own, with a site that an administrator put there before."""

import os
import subprocess
from pathlib import Path

from deployer.errors import DeployerError
from deployer.layouts import Layout
from deployer.sandbox import ports, processes

MODULES = Path("/usr/lib/apache2/modules")

# What Debian enables by default, and what our virtual hosts need: the sandbox's Layout has no
# command that enables a module. Debian compiles log_config, unixd and a few more in.
LOADED = (
    "mpm_event",
    "authn_core",
    "authn_file",
    "authz_core",
    "authz_host",
    "authz_user",
    "auth_basic",
    "alias",
    "dir",
    "env",
    "mime",
    "headers",
    "setenvif",
    "socache_shmcb",
    "ssl",
    "proxy",
    "proxy_http",
    "http2",
)

CONFIGURATION = """\
ServerRoot "{root}"
ServerName localhost
DefaultRuntimeDir "{root}/run"
PidFile "{root}/run/httpd.pid"
ErrorLog "{root}/logs/error.log"
LogLevel notice
{modules}
{account}
StartServers 1
ThreadsPerChild 16
MinSpareThreads 16
MaxSpareThreads 64
MaxRequestWorkers 256
TypesConfig /dev/null
AddType text/html .html
DirectoryIndex index.html
SSLSessionCache "shmcb:{root}/run/ssl_scache(512000)"
Listen {address}:{http_port}
Listen {address}:{https_port}
<Directory />
    AllowOverride None
    Require all denied
</Directory>
<Directory "{documents}">
    Require all granted
</Directory>
IncludeOptional "{root}/sites/*.conf"
"""

EXISTING_SITE = """\
# Written by this host's administrator, who does not know about deployer.
<VirtualHost *:{http_port}>
    ServerName localhost
    DocumentRoot "{documents}/existing"
    CustomLog "{root}/logs/access.log" "%h %t \\"%r\\" %>s"
</VirtualHost>
"""


def describe(directory: Path, *, http_port: int, https_port: int) -> Layout:
    """Describe a sandbox's Apache in the words that describe a distribution's."""
    root = directory / "apache"
    program = processes.find("apache2", package="apache2")
    command = (program, "-d", str(root), "-f", str(root / "httpd.conf"))
    return Layout(
        name="sandbox",
        config_root=str(root),
        vhost_dir=str(root / "sites"),
        state_dir=str(directory / "state"),
        httpd=command,
        reload=(*command, "-k", "graceful"),
        start=(*command, "-k", "start"),
        pid_file=str(root / "run" / "httpd.pid"),
        private_dirs=(str(root / "run"), str(root / "logs")),
        copied_dirs=(str(root / "sites"),),
        log_dir=str(root / "logs"),
        listens=(http_port, https_port),
    )


def start(directory: Path, layout: Layout, documents: Path) -> None:
    """Write the configuration and the existing site, start Apache, wait until both ports answer."""
    root = Path(layout.config_root)
    http_port, https_port = layout.listens
    for made in (root, root / "sites", root / "run", root / "logs"):
        made.mkdir()
        made.chmod(0o755)  # whatever the caller's umask: Apache's workers are another user
    facts = {
        "root": root,
        "documents": documents,
        "address": ports.LOOPBACK,
        "http_port": http_port,
        "https_port": https_port,
        "modules": "\n".join(_load(name) for name in LOADED),
        "account": "User www-data\nGroup www-data" if os.geteuid() == 0 else "",
    }
    (root / "httpd.conf").write_text(CONFIGURATION.format(**facts))
    (root / "sites" / "existing.conf").write_text(EXISTING_SITE.format(**facts))
    started = subprocess.run(
        layout.start,
        env=processes.environment(directory),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=30,
    )
    # Status 0 only says that a child was forked, so the pid file and the ports decide.
    if started.returncode != 0 or not processes.until(
        lambda: Path(layout.pid_file).exists() and all(map(ports.answers, layout.listens)),
        timeout=10,
    ):
        log = root / "logs" / "error.log"
        said = f"{started.stdout}{processes.tail(log)}".strip()
        raise DeployerError(
            f"the sandbox's Apache does not answer on port {http_port}:\n{said}",
            hint=f"the rest is in {log}",
        )


def _load(name: str) -> str:
    return f"LoadModule {name}_module {MODULES}/mod_{name}.so"
