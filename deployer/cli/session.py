"""
One run of one command: the project, the clock, the state and its keys.

Everything is opened when it is first asked for and closed at the end, so that a command pays
for what it uses and no more. What reaches out to hosts is in `HostSession`.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from functools import cached_property
from types import TracebackType

from deployer import __version__
from deployer.cli.inventory_session import InventorySession
from deployer.cli.options import Common
from deployer.cli.passphrase import Passphrase
from deployer.errors import DeployerError
from deployer.pki.authority import Signer
from deployer.pki.profiles import ROOT
from deployer.report import console
from deployer.store.custody import KeyElsewhere
from deployer.store.state import Store
from deployer.workflows.reading import read_file


class Session(InventorySession):
    """What a command works with."""

    def __init__(self, common: Common) -> None:
        super().__init__(common)
        # The one place where the clock is read.
        self.now = datetime.now(UTC)
        self.passphrase = Passphrase(common.passphrase_file, common.passphrase_command)
        self._signers: dict[tuple[str, int | None], Signer] = {}
        self._foreseen: set[str] = set()
        self._opening: dict[str, Future[Signer]] = {}
        self._open = ExitStack()
        if common.as_json:
            console.json_line("run", schema=console.SCHEMA, deployer=__version__)

    @cached_property
    def store(self) -> Store:
        """The state of the project; there must be one."""
        return self._open.enter_context(Store.open(self.project.state, now=self.now))

    def unlock(self, authority: str, generation: int | None = None) -> Signer:
        """Open the key of an authority, once a run: of a generation, or of the one that issues."""
        which = authority, generation
        if which not in self._signers:
            self._signers[which] = self._unlocked(authority, generation)
        return self._signers[which]

    def foresee(self, authority: str) -> None:
        """
        Begin to open the key of the generation that issues, if nobody has to be asked for it.

        It is made to take long; meanwhile others can go on. What is wrong with it, `unlock` says.
        """
        if authority in self._foreseen or not self.passphrase.at_hand:
            return
        self._foreseen.add(authority)
        with suppress(DeployerError):
            unlock, passphrase = self.store.authorities.locked(authority), self.passphrase.get()
            pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="key")
            self._opening[authority] = pool.submit(unlock, passphrase)
            pool.shutdown(wait=False)  # its one thread ends with its one task

    def _unlocked(self, authority: str, generation: int | None) -> Signer:
        if generation is None and authority in self._opening:
            return self._opening[authority].result()
        try:
            return self.store.unlock(authority, self.passphrase.get(), generation=generation)
        except KeyElsewhere:
            if authority != ROOT.name or self.common.root_key is None:
                raise
        # It was sealed with the passphrase of the day that it was exported.
        other = self.common.root_key_passphrase_file
        secret = self.passphrase if other is None else Passphrase(other, variable=None)
        return self.store.authorities.unlock_exported(
            authority, read_file(self.common.root_key), secret.get(), generation=generation
        )

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # With the error: what is on record of a run says how it ended.
        self._open.__exit__(kind, error, trace)
