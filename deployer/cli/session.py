"""
One run of one command: the project, the clock, the state and the hosts it speaks of.

Everything is opened when it is first asked for and closed at the end, so that a command pays
for what it uses and no more.
"""

import getpass
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from deployer import __version__
from deployer.apache.rendering import Templates
from deployer.cli.options import Common
from deployer.cli.passphrase import Passphrase
from deployer.inventory.model import Host, Inventory
from deployer.pki.authority import Signer
from deployer.pki.profiles import ROOT
from deployer.probe.handshake import Identity
from deployer.report import console, results
from deployer.result import Listener
from deployer.spec.connection import Defaults
from deployer.store.state import Store
from deployer.workflows.account import login_name
from deployer.workflows.apply import Operator
from deployer.workflows.authorities import read_file
from deployer.workflows.clients import read_identity
from deployer.workflows.connecting import connector
from deployer.workflows.project import Project, find, here
from deployer.workflows.survey import Survey, Target
from deployer.workflows.targets import chosen, read_inventory, targets


class Session:
    """What a command works with."""

    def __init__(self, common: Common) -> None:
        self.common = common
        # The one place where the clock is read.
        self.now = datetime.now(UTC)
        self.passphrase = Passphrase(common.passphrase_file, common.passphrase_command)
        self._signers: dict[tuple[str, int | None], Signer] = {}
        self._open = ExitStack()
        if common.as_json:
            console.json_line("run", schema=console.SCHEMA, deployer=__version__)

    @cached_property
    def project(self) -> Project:
        """The project of this directory."""
        return find(
            here(),
            inventory=tuple(self.common.inventory or ()),
            state=self.common.state,
            known_hosts=self.common.known_hosts,
            forks=self.common.forks,
        )

    @cached_property
    def inventory(self) -> Inventory:
        """The inventory of the project."""
        return read_inventory(self.project, self.common.extra_vars or ())

    @cached_property
    def store(self) -> Store:
        """The state of the project; there must be one."""
        return self._open.enter_context(Store.open(self.project.state, now=self.now))

    @cached_property
    def templates(self) -> Templates:
        """What the Apache files are rendered from."""
        return self.project.templates()

    @cached_property
    def listen(self) -> Listener:
        """Where the events of this run go."""
        return results.listener(as_json=self.common.as_json, verbose=self.common.verbose)

    def hosts(self, pattern: str) -> tuple[Host, ...]:
        """Select the hosts of a pattern."""
        return chosen(self.inventory, pattern, self.common.limit)

    def name_hosts(self, pattern: str) -> None:
        """Print the names of the hosts of a pattern, for `--list-hosts`."""
        for host in self.hosts(pattern):
            console.data(host.name)

    def targets(self, pattern: str) -> tuple[Target, ...]:
        """Select the hosts of a pattern that serve something, with the ways to them."""
        common = self.common
        return targets(
            self.hosts(pattern),
            Defaults(
                user=common.user or login_name() or "",
                password=getpass.getpass("SSH password: ") if common.ask_pass else None,
                private_key_file=common.private_key,
                become=common.become,
                become_password=getpass.getpass("sudo password: ")
                if common.ask_become_pass
                else None,
            ),
        )

    def survey(self, *, texts: bool = False, settles: bool = False) -> Survey:
        """Open the connections of this run."""
        survey = Survey(
            connector(self.project.known_hosts, timeout=self.common.timeout),
            self.store,
            self.templates,
            now=self.now,
            root=self.project.root,
            texts=texts,
            settles=settles,
        )
        return self._open.enter_context(survey)

    def operator(
        self, *, identity: Path | None = None, confirm_timeout: int | None = None
    ) -> Operator:
        """Say who is at work, and with which keys."""
        return Operator(
            store=self.store,
            templates=self.templates,
            unlock=self.unlock,
            may_unlock=self.passphrase.at_hand,
            identity=self.identity(identity),
            now=self.now,
            forks=self.project.forks,
            confirm_timeout=confirm_timeout,
            listen=self.listen,
        )

    def identity(self, directory: Path | None) -> Identity | None:
        """Read the identity that was named, if one was."""
        return read_identity(directory, self.store, now=self.now) if directory else None

    def unlock(self, authority: str, generation: int | None = None) -> Signer:
        """Open the key of an authority, once a run: of a generation, or of the one that issues."""
        which = authority, generation
        if which not in self._signers:
            self._signers[which] = self._unlocked(authority, generation)
        return self._signers[which]

    def _unlocked(self, authority: str, generation: int | None) -> Signer:
        file = self.common.root_key
        if authority == ROOT.name and file is not None:
            content = read_file(file)
            secret = self.passphrase.get()
            return self.store.authorities.unlock_exported(
                authority, content, secret, generation=generation
            )
        return self.store.unlock(authority, self.passphrase.get(), generation=generation)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()
