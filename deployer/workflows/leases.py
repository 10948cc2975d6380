"""What a run says to hosts beside its work there: that it still wants them, or does not."""

from dataclasses import dataclass

from deployer.fleet.workplace import AtHost, Workplace
from deployer.host import verbs
from deployer.host.verbs import Switch
from deployer.result import Listener


@dataclass(frozen=True, slots=True, kw_only=True)
class Renew(AtHost):
    """The task of keeping the lease of a host that waits for its turn."""

    switch: Switch

    def perform(self, place: Workplace, _: Listener) -> None:
        """Say that the run is alive; raise `Locked` when the lease is lost."""
        verbs.renew(place.host(self.where), self.switch)


@dataclass(frozen=True, slots=True, kw_only=True)
class GiveBack(AtHost):
    """The task of giving back the lease of a host on which nothing will be switched after all."""

    switch: Switch

    def perform(self, place: Workplace, _: Listener) -> None:
        """Say that the run is done there."""
        verbs.release(place.host(self.where), self.switch)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leave:
    """The task of hanging up, when there is nothing else to do on a host in this run."""

    host: str

    def perform(self, place: Workplace, _: Listener) -> None:
        """Give the connection back."""
        place.leave(self.host)


@dataclass(frozen=True, slots=True, kw_only=True)
class Break(AtHost):
    """The task of taking a lease from a run that will not come back."""

    token: str

    def perform(self, place: Workplace, _: Listener) -> None:
        """Take it; raise `Locked` when it is another's by now, or something is in flight."""
        verbs.unlock(place.host(self.where), self.token)
