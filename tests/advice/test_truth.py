"""What advice says of `extra` and of names is what a real Apache does."""

import subprocess
from http.client import HTTPConnection
from pathlib import Path

from deployer.sandbox import Sandbox
from deployer.sandbox.httpd import MODULES
from deployer.sandbox.processes import environment, until
from deployer.spec.vhost import VhostSpec
from tests.advice.examples import context, of, site

OPENING = ("MTLS-201", "MTLS-203", "MTLS-204")
ASKED = "/admin/x"
LINES = (
    '<Location "/admin">\nRequire all granted\n</Location>',
    '<Location "/">\nRequire all granted\n</Location>',
    '<Location "/admin/x">\nRequire all granted\n</Location>',
    '<LocationMatch "^/ad">\nRequire all granted\n</LocationMatch>',
    '<If "true">\nRequire all granted\n</If>',
    '<Location "/admin">\nAuthMerging Off\n</Location>',
    '<Location "/admin">\nAuthMerging Or\n</Location>',
    '<Location "/admin">\nSatisfy any\n</Location>',
    '<Location "/admin">\nAuthMerging And\nRequire all granted\n</Location>',
    '<Location "/adminx">\nRequire all granted\n</Location>',
    '<Location "/admin">\nSatisfy all\n</Location>',
    '<Directory "{documents}">\nRequire all granted\n</Directory>',
    '<Directory "{documents}">\nAuthMerging Or\nRequire all granted\n</Directory>',
    '<Files "*">\nRequire all granted\n</Files>',
)
CLOSED = '<Location "/admin">\nAuthMerging And\nRequire expr false\n</Location>'


def virtual_host(name: str, port: int, documents: str, *lines: str) -> str:
    return "\n".join(
        [f"<VirtualHost *:{port}>", f"ServerName {name}", f'DocumentRoot "{documents}"',
         f'<Directory "{documents}">', "Require all granted", "</Directory>", *lines,
         "</VirtualHost>", ""]
    )  # fmt: skip


def configure(sandbox: Sandbox, text: str) -> None:
    """Add virtual hosts, and wait until they answer."""
    ready = virtual_host("ready.lab", sandbox.http_port, "/nowhere", "RedirectMatch 410 .")
    text = f"LoadModule access_compat_module {MODULES}/mod_access_compat.so\n{text}{ready}"
    (Path(sandbox.layout.vhost_dir) / "truth.conf").write_text(text)
    subprocess.run(
        sandbox.layout.reload, env=environment(Path(sandbox.layout.config_root)), check=True
    )
    assert until(lambda: ask(sandbox, "ready.lab") == 410, timeout=10)


def ask(sandbox: Sandbox, name: str, path: str = "/") -> int:
    connection = HTTPConnection(sandbox.address, sandbox.http_port, timeout=5)
    try:
        connection.request("GET", path, headers={"Host": name})
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()


def page(directory: Path) -> str:
    """Make a directory of a site, with a page at the path that is asked for."""
    (directory / "admin").mkdir(parents=True)
    (directory / "admin" / "x").write_text("a page")
    for made in (directory, directory / "admin"):
        made.chmod(0o755)  # whatever the umask: Apache's workers are another user
    return str(directory)


def about(lines: str) -> VhostSpec:
    return site(extra=lines, client_auth={"verify": "optional"}, paths=[{"path": "/admin"}])


def test_what_is_called_open_is_open_and_nothing_else(sandbox: Sandbox, room: Path) -> None:
    documents = page(room / "site")
    extras = [lines.format(documents=documents) for lines in LINES]
    configure(
        sandbox,
        "".join(
            virtual_host(f"{number}.lab", sandbox.http_port, documents, CLOSED, lines)
            for number, lines in enumerate(extras)
        ),
    )

    opened = [lines for number, lines in enumerate(extras) if _is_open(sandbox, number)]

    told = [
        lines for lines in extras if any(of(number, context(about(lines))) for number in OPENING)
    ]
    assert opened == told
    assert len(opened) == 8


def test_a_wildcard_that_comes_first_takes_the_name(sandbox: Sandbox, room: Path) -> None:
    documents = page(room / "site")
    taking = site(server_aliases=["*.corp.lab"])
    taken = site(server_name="b.corp.lab")
    configure(
        sandbox,
        virtual_host(
            taking.server_name, sandbox.http_port, documents, "ServerAlias *.corp.lab",
            "RedirectMatch 409 .",
        )
        + virtual_host(taken.server_name, sandbox.http_port, documents),
    )  # fmt: skip

    assert ask(sandbox, "b.corp.lab", ASKED) == 409
    assert of("MTLS-501", context(taking, taken))


def _is_open(sandbox: Sandbox, number: int) -> bool:
    status = ask(sandbox, f"{number}.lab", ASKED)
    assert status in {200, 403}
    return status == 200
