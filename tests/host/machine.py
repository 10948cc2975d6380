"""A host as these tests see it: our verbs on one side, its files and its Apache on the other."""

import itertools
import ssl
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding

from deployer.errors import HostError
from deployer.host import verbs
from deployer.host.script import Host
from deployer.host.verbs import Switch
from deployer.layouts import Layout
from deployer.observation import Observation
from deployer.pki import pem
from deployer.release import File, Release
from deployer.sandbox import Sandbox
from deployer.sandbox.processes import MARK, until
from deployer.transport import Completed, Stream
from deployer.transport.local import Local
from tests.host import releases
from tests.host.releases import FULLCHAIN, KEY, NAME
from tests.hosts.fleet import FleetHost
from tests.hosts.host import LabHost
from tests.hosts.prober import Prober, fetch
from tests.hosts.sandbox import SandboxHost

TOKENS = itertools.count(1)
HOLDER = "alice@laptop: deployer apply"


class InSandbox(Local):
    """Whatever our scripts leave running in a sandbox ends with it."""

    def __init__(self, sandbox: Sandbox, shell: str = "sh") -> None:
        super().__init__()
        self._mark = f"{MARK}={sandbox.directory}"
        self._shell = shell

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float) -> Completed:
        shell, *rest = argv
        assert shell == "sh"
        return super().run(("env", self._mark, self._shell, *rest), stdin=stdin, timeout=timeout)


@dataclass(frozen=True, slots=True)
class OnFleet:
    """Into a fleet host past SSH, which has its own tests."""

    fleet_host: FleetHost

    def run(self, argv: Sequence[str], *, stdin: bytes = b"", timeout: float) -> Completed:
        return self.fleet_host.exec(argv, stdin=stdin, check=False, timeout=timeout)

    def dial(self, address: str, port: int, *, timeout: float) -> Stream:
        raise NotImplementedError

    def close(self) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Machine:
    """One host under test."""

    host: Host
    lab: LabHost = field(repr=False)

    @property
    def layout(self) -> Layout:
        return self.host.layout

    @property
    def root(self) -> Path:
        """Our directory below Apache's configuration."""
        return self._path(self.layout.root)

    @property
    def state(self) -> Path:
        return self._path(self.layout.state_dir)

    @property
    def sites(self) -> Path:
        return self._path(self.layout.vhost_dir)

    @property
    def journal(self) -> str:
        return (self.state / "journal").read_text()

    @property
    def last(self) -> str:
        """The outcome of the last activation, or nothing yet."""
        path = self.state / "last"
        return path.read_text().splitlines()[0] if path.exists() else ""

    @property
    def current(self) -> str:
        link = self.root / "current"
        return link.readlink().name if link.is_symlink() else ""

    def release(
        self, *, port: int | None = None, documents: str | None = None, **changes: object
    ) -> Release:
        """Make a new good release for this host, or one with something changed."""
        return releases.release(
            self.layout,
            port=port or self.lab.https_port,
            documents=documents or self.lab.document_root,
            **changes,  # type: ignore[arg-type]
        )

    def observe(self) -> Observation:
        return verbs.observe(self.host)

    def stage(self, release: Release, switch: Switch | None = None) -> str:
        """Stage a release, for a switch to come or for its own sake."""
        claim = switch or new_switch(self.host)
        name = verbs.stage(self.host, release, self.observe(), claim)
        if switch is None:
            verbs.release(self.host, claim)
        return name

    def rehearse(self, release: Release) -> str:
        switch = new_switch(self.host)
        name = verbs.stage(self.host, release, self.observe(), switch)
        mode = verbs.rehearse(self.host, release, name, switch)
        verbs.release(self.host, switch)
        return mode

    def activate(self, release: Release, *, timeout: int = 60, holder: str = HOLDER) -> Switch:
        """Stage a release and switch to it, leaving the confirmation to the caller."""
        switch = new_switch(self.host, timeout=timeout, holder=holder)
        verbs.activate(self.host, release, self.stage(release, switch), switch)
        return switch

    def undo(self, switch: Switch, why: str = "the probe failed") -> HostError | None:
        return verbs.undo(self.host, switch.token, why)

    def deploy(self, release: Release) -> Switch:
        """Bring the host to a release, whole."""
        switch = self.activate(release)
        verbs.confirm(self.host, switch)
        return switch

    def serves(self, release: Release) -> bool:
        """Say whether a new connection meets this release's certificate and a page."""
        content = release.file(FULLCHAIN).content
        assert content is not None
        leaf, *_ = pem.read_certificates(content)
        return self.served() == leaf.public_bytes(Encoding.DER)

    def served(self) -> bytes | None:
        """Return the certificate that a new connection meets, if any does."""
        try:
            met = fetch(
                f"https://{NAME}/",
                to=(self.lab.address, self.lab.https_port),
                context=trusting_all(),
            )
        except OSError:
            return None
        assert met.status == 200
        return met.certificate

    def site_serves(self) -> bool:
        """Say whether the administrator's own site answers."""
        try:
            return fetch(self.lab.site_url).status == 200
        except OSError:
            return False

    def prober(self) -> Prober:
        """A visitor of the administrator's own site."""
        return Prober(self.lab.site_url)

    def await_last(self, outcome: str, *, timeout: float = 30) -> str:
        """Wait until an activation has ended like this, and return the whole line."""
        assert until(lambda: self.last.startswith(outcome), timeout=timeout), self.last
        # The line is written before the last files go.
        assert until(lambda: not self.in_flight(), timeout=timeout), self.in_flight()
        return self.last

    def in_flight(self) -> list[str]:
        names = ("pending.*", "undoing.*", "undoer.*", "working.*", "timer.*")
        return [path.name for name in names for path in self.state.glob(name)]

    def kept(self, release: Release) -> Release:
        """The same release, made by a controller that does not have its key."""
        files = (
            File.kept(file.path, file.digest) if file.path == KEY else file
            for file in release.files
        )
        return replace(release, files=tuple(files))

    def configuration(self) -> dict[str, object]:
        """Everything below Apache's configuration that is not ours, byte for byte."""
        root = self._path(self.layout.config_root)
        runtime = {self._path(path) for path in self.layout.private_dirs}
        return {
            str(path.relative_to(root)): _described(path)
            for path in sorted(root.rglob("*"))
            if path != self.root
            and self.root not in path.parents
            and not runtime.intersection((path, *path.parents))
        }

    def _path(self, path: str) -> Path:
        return self.lab.root / path.lstrip("/")


def new_switch(host: Host, *, timeout: int = 60, holder: str = HOLDER) -> Switch:
    """Claim a host for a run that takes every run before it for dead."""
    found = verbs.observe(host)
    return Switch(
        token=f"token{next(TOKENS)}",
        holder=holder,
        fence=found.fence,
        dead=found.lease.token if found.lease else "",
        confirm_timeout=timeout,
    )


def claim(machine: Machine) -> tuple[str, ...]:
    """The first arguments of the scripts that want the lease."""
    switch = new_switch(machine.host)
    return switch.token, *switch.claim


def in_sandbox(sandbox: Sandbox, shell: str = "sh") -> Machine:
    host = Host("web1", InSandbox(sandbox, shell), sandbox.layout, sandbox.address)
    return Machine(host, SandboxHost(sandbox))


def on_fleet(fleet_host: FleetHost) -> Machine:
    return Machine(
        Host("web1", OnFleet(fleet_host), fleet_host.layout, fleet_host.address), fleet_host
    )


def trusting_all() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _described(path: Path) -> object:
    status = path.lstat()
    mode = f"{stat.filemode(status.st_mode)} {status.st_uid}"
    if path.is_symlink():
        return mode, str(path.readlink())
    return mode, path.read_bytes() if path.is_file() else None
