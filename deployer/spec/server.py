"""
Servers: everything that one host's Apache should be, read from its variables.

After this nobody reads a variable by name.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationError

from deployer.errors import nearest
from deployer.inventory.model import Host
from deployer.inventory.place import Place, Problem, Steps
from deployer.layouts import Layout
from deployer.spec.fields import no_boolean
from deployer.spec.layout import read_layout
from deployer.spec.model import Spec
from deployer.spec.problems import Origin, SpecError, problems_of
from deployer.spec.vhost import ClientAuth, VhostSpec

VHOSTS = "apache_vhosts"
LAYOUT = "mtls_layout"
OURS = ("mtls_", "apache_")
"""What our variables begin with: an unknown one is a mistake."""


class Settings(Spec):
    """What concerns a host as a whole: each field is a variable, `mtls_` before its name."""

    default_vhost: Literal["deny", "leave"] = "deny"
    """Who answers a client that names no site: a vhost of ours that refuses, or whoever did."""
    confirm_timeout: Annotated[int, BeforeValidator(no_boolean), Field(ge=1, le=3600)] = 60
    """Seconds after which a host undoes a switch that nobody confirmed."""
    accept: tuple[Annotated[str, Field(pattern="^MTLS-[0-9]{3}$")], ...] = ()
    """Numbers of findings that are known here, and meant."""


SETTINGS = {f"mtls_{key}": (key,) for key in Settings.model_fields}
# Every key of a vhost may be given once for all vhosts, and those about clients without saying
# that they are: `mtls_verify` is `client_auth.verify`.
DEFAULTS: dict[str, Steps] = {
    **{f"mtls_{key}": (key,) for key in VhostSpec.model_fields},
    **{f"mtls_{key}": ("client_auth", key) for key in ClientAuth.model_fields},
}
KNOWN = (VHOSTS, LAYOUT, *SETTINGS, *DEFAULTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSpec:
    """What one Apache host should serve, with every default already decided."""

    host: str
    layout: Layout | None
    """None: whatever is found on the host."""
    vhosts: tuple[VhostSpec, ...]
    default_vhost: Literal["deny", "leave"]
    confirm_timeout: int
    accept: frozenset[str] = frozenset()
    """Numbers of findings that need not be told again."""


def server_specs(hosts: Iterable[Host]) -> tuple[ServerSpec, ...]:
    """Read the specs of many hosts; a mistake in what they share is reported once."""
    specs: list[ServerSpec] = []
    problems: list[Problem] = []
    for host in hosts:
        try:
            specs.append(server_spec(host))
        except SpecError as error:
            problems += error.problems
    if problems:
        raise SpecError(problems)
    return tuple(specs)


def server_spec(host: Host) -> ServerSpec:
    """Read the spec of one host, or raise `SpecError` with everything that is wrong with it."""
    reading = _Reading(host)
    settings = reading.settings()
    layout = reading.layout()
    vhosts = reading.vhosts()
    reading.problems += _collisions(host, vhosts)
    if reading.problems or settings is None:
        raise SpecError(reading.problems)
    return ServerSpec(
        host=host.name,
        layout=layout,
        vhosts=tuple(vhosts.values()),
        default_vhost=settings.default_vhost,
        confirm_timeout=settings.confirm_timeout,
        accept=frozenset(settings.accept),
    )


class _Reading:
    """The variables of one host while they are read, and what is wrong so far."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.problems: list[Problem] = []
        self.values: dict[str, object] = {}
        self._unresolved: set[str] = set()
        for name in host.variables.written:
            if not name.startswith(OURS):
                continue
            if name in KNOWN:
                self._resolve(name)
            else:
                place = host.variables.place_of(name)
                hint = nearest(name, KNOWN)
                text = f"{name}: unknown variable{f', {hint}' if hint else ''}"
                self.problems.append(Problem(place, text, host.name))

    def settings(self) -> Settings | None:
        """Read what concerns the host as a whole."""
        given = {key: self.values[name] for name, (key,) in SETTINGS.items() if name in self.values}
        try:
            return Settings.model_validate(given)
        except ValidationError as error:
            origin = self._origin({(key,): name for name, (key,) in SETTINGS.items()}, (), ())
            self._note(problems_of(error, Settings, origin, self.host.name))
            return None

    def layout(self) -> Layout | None:
        """Read how the host's Apache is laid out, where somebody says so."""
        value = self.values.get(LAYOUT)
        if value is None:
            return None
        try:
            return read_layout(value, self._origin({(): LAYOUT}, (), ()), self.host.name)
        except SpecError as error:
            self._note(error.problems)
            return None

    def vhosts(self) -> dict[int, VhostSpec]:
        """Read the sites that can be read, by their position."""
        listed = self.values.get(VHOSTS)
        if listed is None:
            return {}
        if not isinstance(listed, list):
            self._wrong((VHOSTS,), "must be a list of sites")
            return {}
        found = {}
        for at, written in enumerate(listed):
            if not isinstance(written, Mapping):
                self._wrong((VHOSTS, at), "must be a mapping")
                continue
            merged, defaulted = self._with_defaults(written)
            try:
                found[at] = VhostSpec.model_validate(merged)
            except ValidationError as error:
                origin = self._origin(defaulted, (VHOSTS, at), (at,))
                self._note(problems_of(error, VhostSpec, origin, self.host.name))
        return found

    def _resolve(self, name: str) -> None:
        self.values[name], problems, unresolved = self.host.variables.partly(name)
        self.problems += problems
        self._unresolved |= unresolved

    def _note(self, problems: Iterable[Problem]) -> None:
        """Add what is wrong, except about values that are missing only because of a template."""
        self.problems += [
            problem
            for problem in problems
            if problem.text.partition(": ")[0] not in self._unresolved
        ]

    def _with_defaults(
        self, written: Mapping[str, object]
    ) -> tuple[dict[str, object], dict[Steps, str]]:
        """Fill in what the site leaves open, and say which variable filled which field."""
        merged = dict(written)
        defaulted: dict[Steps, str] = {}
        for name, path in DEFAULTS.items():
            if name not in self.values:
                continue
            inside: dict[str, object] = merged
            if len(path) > 1:
                around = merged.get("client_auth", {})
                if not isinstance(around, Mapping):
                    continue
                inside = dict(around)
                merged["client_auth"] = inside
            key = str(path[-1])
            if key not in inside:
                inside[key] = self.values[name]
                defaulted[path] = name
        return merged, defaulted

    def _origin(self, variables: Mapping[Steps, str], shown: Steps, at: Steps) -> Origin:
        """Lead from a field to its variable: one of `variables`, or a part of the vhosts."""

        def origin(path: Steps) -> tuple[Steps, Place]:
            for length in range(len(path), -1, -1):
                name = variables.get(path[:length])
                if name is not None:
                    rest = path[length:]
                    return (name, *rest), self._place(name, rest)
            return (*shown, *path), self._place(VHOSTS, (*at, *path))

        return origin

    def _place(self, name: str, path: Steps) -> Place:
        return self.host.variables.place_of(name, path)

    def _wrong(self, path: Steps, text: str) -> None:
        place = self._place(str(path[0]), path[1:])
        at = "".join(f"[{step}]" for step in path[1:])
        self._note([Problem(place, f"{path[0]}{at}: {text}", self.host.name)])


def _collisions(host: Host, vhosts: Mapping[int, VhostSpec]) -> Iterator[Problem]:
    """Find names that two sites of one address claim: Apache would serve the first, silently."""
    taken: dict[tuple[str, str], int] = {}
    with_tls = {vhost.address for vhost in vhosts.values()}
    for at, vhost in vhosts.items():
        place = host.variables.place_of(VHOSTS, (at,))
        for name in vhost.names:
            first = taken.setdefault((name, vhost.address), at)
            if first != at:
                text = f"{VHOSTS}[{at}]: {name} on {vhost.address} is {VHOSTS}[{first}] already"
                yield Problem(place, text, host.name)
        if vhost.redirect_port is not None and vhost.redirect_address in with_tls:
            text = f"{VHOSTS}[{at}].redirect_http: {vhost.redirect_address} is for TLS already"
            yield Problem(place, text, host.name)
