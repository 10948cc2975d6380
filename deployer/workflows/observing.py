"""Observing: one host reached and looked at, with one connection and one round trip."""

from dataclasses import dataclass

from deployer.errors import Interrupted, Unreachable
from deployer.fleet.workplace import Workplace
from deployer.host import verbs
from deployer.host.script import Host, Whereabouts
from deployer.layouts import Layout
from deployer.observation import Observation
from deployer.result import Event, Listener, Step
from deployer.spec.connection import Connection
from deployer.spec.supplied import CertificateOnHost
from deployer.workflows.arrival import Arrival, recognised
from deployer.workflows.claims import Claimant, settled


@dataclass(frozen=True, slots=True, kw_only=True)
class Observe:
    """The task of looking at a host, the first of each run."""

    connection: Connection
    layout: Layout | None
    """Where its Apache lives, if the inventory says so; otherwise the host finds out."""
    watched: tuple[CertificateOnHost, ...] = ()
    """Certificates that somebody else keeps there."""
    texts: bool = False
    """Whether Apache's files are wanted as well, for a diff."""
    claimant: Claimant | None = None
    """A run that is about to change the host: it waits for others, and finishes what they left."""
    installs: bool = False
    """Whether Apache and mod_ssl are installed where they are missing."""
    hangs_up: bool = False
    """Whether that is all that is done on the host."""

    @property
    def host(self) -> str:
        """The inventory's name of the host."""
        return self.connection.name

    def perform(self, place: Workplace, listen: Listener) -> Arrival:
        """Look; raise `Unreachable`, `Locked`, or `StepFailed` for a system unlike any we know."""
        listen(Event(host=self.host, step=Step.OBSERVE, ended=False))
        seen = self._look(place)
        exchange = place.key_exchange(self.host)
        listen(Event(host=self.host, step=Step.OBSERVE, ended=True, detail=exchange))
        if self.installs and seen.awaits_install:
            listen(Event(host=self.host, step=Step.INSTALL, ended=False))
            verbs.install(place.host(self._where(seen.platform.layout)))
            seen = self._look(place)
            listen(Event(host=self.host, step=Step.INSTALL, ended=True))
        if self.hangs_up:
            place.leave(self.host)
        return seen

    def _look(self, place: Workplace) -> Arrival:
        way = (
            place.host(self._where(self.layout)) if self.layout else place.stranger(self.connection)
        )
        try:
            found = verbs.observe(way, texts=self.texts, watched=self.watched)
            platform = recognised(self.host, self.layout, found)
            if self.claimant is not None:
                found = self._settled(place, place.host(self._where(platform.layout)), found)
        except Interrupted as error:
            # Nothing was begun here, so nothing is unknown.
            raise Unreachable(self.host, Step.OBSERVE, error.cause, hint=error.hint) from error
        return Arrival(found=found, platform=platform)

    def _settled(self, place: Workplace, host: Host, found: Observation) -> Observation:
        assert self.claimant is not None  # noqa: S101 - whoever calls this has looked
        return settled(
            host,
            found,
            self.claimant,
            lambda: verbs.observe(host, texts=self.texts, watched=self.watched),
            gave_up=place.gave_up,
        )

    def _where(self, layout: Layout) -> Whereabouts:
        return Whereabouts(connection=self.connection, layout=layout)
