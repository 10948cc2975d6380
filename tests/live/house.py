"""
One Apache with every site, brought there by `deployer apply`, and everybody who may knock.

The certificates of its CA are real; those that it would never issue are forged with its keys.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deployer.pki.pem import read_certificates
from deployer.sandbox import Sandbox, ports
from deployer.store.state import Store
from tests.conformance.forge import Party, party
from tests.conformance.today import NOW
from tests.hosts.sandbox import SandboxHost
from tests.journey.workbench import PASSPHRASE, Workbench, found_ca
from tests.live.echo import backend
from tests.live.sites import SITES, Site
from tests.live.visitors import NOBODY, REVOKED, Visitor, Wallet, wallets

REFUSALS = frozenset({35, 52, 55, 56, 60})
"""How curl ends when a server ends the handshake, by version of TLS and of HTTP."""
PROTOCOLS = tuple((tls, http) for tls in ("1.2", "1.3") for http in ("1.1", "2"))
WITH = ("--passphrase-file", "passphrase")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What curl has to say."""

    status: str
    """`refused`, or an HTTP status."""
    http: str = ""
    body: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """A running Apache, the desk that provisioned it, and what people show at its door."""

    desk: Workbench
    wallets: dict[str, Wallet]
    http_port: int
    """Where plain HTTP is redirected from; the sandbox's own has another default."""

    def log(self, name: str) -> str:
        """Read one of Apache's logs."""
        return Path(self.desk.host.layout.log_dir, name).read_text()

    def ask(
        self,
        site: str,
        visitor: Visitor,
        path: str = "/",
        *options: str,
        password: str = "",
        protocol: tuple[str, str] = ("1.3", "1.1"),
    ) -> Answer:
        """Ask with curl, over one version of TLS and of HTTP."""
        tls, http = protocol
        name = f"{site}.example.com"
        shown: tuple[str, ...] = ()
        if visitor is not NOBODY:
            wallet = self.wallets[visitor.name]
            shown = ("--cert", str(wallet.chain), "--key", str(wallet.key))
        if password:
            shown += ("--user", f"alice:{password}")
        ended = subprocess.run(
            [
                "curl", "--silent", "--max-time", "10", "--noproxy", "*", "--path-as-is",
                "--write-out", "\\n%{http_code} %{http_version}",
                "--cacert", "alice/alice.ca.pem", f"--http{http}", f"--tlsv{tls}", "--tls-max", tls,
                "--resolve", f"{name}:{self.desk.port}:{self.desk.host.address}", *shown, *options,
                f"https://{name}:{self.desk.port}{path}",
            ],
            cwd=self.desk.directory,
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        if ended.returncode in REFUSALS:
            return Answer(status="refused")
        assert ended.returncode == 0, f"curl: {ended.returncode}"
        body, _, last = ended.stdout.rpartition("\n")
        status, _, version = last.partition(" ")
        return Answer(status=status, http=version, body=body)


@contextmanager
def house(directory: Path) -> Iterator[House]:
    """Provision everything with the commands that users have."""
    with Sandbox.start(directory / "sandbox") as sandbox, backend() as url:
        desk = Workbench(directory / "project", SandboxHost(sandbox))
        found_ca(desk.directory)
        desk.know_host()
        known = wallets(_authorities(desk), desk.directory)
        known[REVOKED.name] = _revoked(desk)
        with ports.reserve() as held:
            http_port = ports.number(held)
        desk.vhosts = [_here(site, sandbox, url, http_port) for site in SITES.values()]
        desk.write_inventory()
        _publish(sandbox.document_root)
        desk.apply()
        yield House(desk=desk, wallets=known, http_port=http_port)


def _authorities(desk: Workbench) -> dict[str, Party]:
    with Store.open(desk.directory / ".deployer", now=NOW) as store:
        return {
            name: party(store.unlock(name, PASSPHRASE)) for name in ("root", "servers", "clients")
        }


def _revoked(desk: Workbench) -> Wallet:
    desk.deployer("client", "issue", REVOKED.cn, *WITH)
    stem = desk.directory / REVOKED.cn / REVOKED.cn
    wallet = Wallet(
        certificate=read_certificates(stem.with_suffix(".pem").read_bytes())[0],
        chain=stem.with_suffix(".pem"),
        key=stem.with_suffix(".key"),
    )
    desk.deployer("client", "revoke", REVOKED.cn, "--yes", *WITH)
    return wallet


def _here(site: Site, sandbox: Sandbox, url: str, http_port: int) -> Site:
    """Complete a site by what only this host knows."""
    made = {**site, "listen": sandbox.https_port}
    if "redirect_http" in site:
        made["redirect_http"] = http_port
    if "proxy" in site:
        made["proxy"] = [
            {**route, "to": route["to"].replace("BACKEND", url)} for route in site["proxy"]
        ]
    if "proxy" not in site or any(route["to"] == "!" for route in site["proxy"]):
        made["document_root"] = str(sandbox.document_root)
    return made


def _publish(documents: Path) -> None:
    """Put a page behind every path of every site."""
    for site in SITES.values():
        for rule in (*site.get("paths", ()), *site.get("proxy", ())):
            page = documents / rule["path"].lstrip("/") / "index.html"
            page.parent.mkdir(parents=True, exist_ok=True)
            page.write_text("<h1>Here it is</h1>\n")
