"""What a host said about itself when it was observed. Text in, value out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from deployer.existing import Existing, common_set, parse_existing

FIRST_LINE, LAST_LINE = "deployer-observation", "end"
MODES = {"r": 4, "w": 2, "x": 1, "s": 1, "t": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A file as it lies in the live release, whatever the manifest says of it."""

    digest: str
    mode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A file of somebody else's that a virtual host names: a certificate, or its key."""

    digest: str
    readers: str
    """Who besides root can read it: `everyone`, the `workers` of Apache, or `nobody`."""
    certificates: str = field(default="", repr=False)
    """The certificates in it as PEM; never a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A switch that was neither confirmed nor undone when the host was observed."""

    token: str
    deadline: int
    """When the dead-man timer fires, in seconds of the host's clock."""
    undoing: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right of one run to change the host."""

    token: str
    heartbeat: int
    """When the run was last heard of, in seconds of the host's clock."""
    holder: str
    """Who has it and for what, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One host at one moment. Empty strings and None mean: there is none."""

    clock: int
    """Seconds since 1970 on the host's own clock."""
    user_id: int
    system: str = ""
    """What the system calls itself, where its layout was looked for: `ubuntu`."""
    layout: str = ""
    """The name of the layout that was found or given; empty when none of ours fits."""
    machine: str = ""
    """What no other machine, container or boot has; empty where the host cannot tell."""
    addresses: tuple[str, ...] = ()
    """The host's own IPv4 addresses, the loopback's among them."""
    apache_pid: int | None
    apache_version: str
    openssl_version: str = ""
    """What Apache is linked with, or would be."""
    existing: Existing | None = None
    """What its Apache says of itself; None where there is none, or its configuration is broken."""
    current: str
    """The directory name of the live release: its id, with a suffix for a second copy."""
    confirmed: str
    manifest: str
    files: Mapping[str, Found] = field(default_factory=dict)
    includes: Mapping[str, str] = field(default_factory=dict)
    """Our files among the administrator's virtual hosts, by name, with their digests."""
    modules: frozenset[str] = frozenset()
    """Modules that are enabled by a link, where the distribution does so."""
    releases: frozenset[str] = frozenset()
    pending: Pending | None = None
    fence: int = 0
    """The number of the last lease that there was, or that there is."""
    lease: Lease | None = None
    """None as well when its run was not heard of for too long, and nothing is in flight."""
    last_outcome: str = ""
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Apache's files of the live release, where they were asked for."""
    watched: Mapping[str, Watched] = field(default_factory=dict)
    """Others' files that were asked for and are there, by path."""
    fits: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Of a certificate's and a key's path: `yes`, `no`, or that the key is `unreadable`."""

    @property
    def edited(self) -> tuple[str, ...]:
        """
        The files of the live release that are not as they were brought, by path.

        Changed, added or removed on the host by somebody: the manifest lies beside them.
        """
        return edited(self.manifest, self.files)

    def digest(self, path: str) -> str | None:
        """Return the digest of a file of the live release."""
        found = self.files.get(path)
        return found.digest if found else None


def edited(manifest: str, files: Mapping[str, Found]) -> tuple[str, ...]:
    """List the files of a release on a host that are not as its manifest has them, by path."""
    brought = {}
    for line in manifest.splitlines():
        kind, _, rest = line.partition(" ")
        if kind == "file":
            _, digest, path = rest.split(" ", 2)
            brought[path] = digest
    there = {path: found.digest for path, found in files.items()}
    return tuple(sorted(path for path in brought | there if brought.get(path) != there.get(path)))


def parse(output: str) -> Observation:
    """
    Read what `observe.sh` printed: one fact a line, its name first.

    Only what stands between its first and its last line counts: a login shell may have its own
    greeting. Raises `ValueError` for output that is not ours, and for half of ours.
    """
    facts = facts_of(output, FIRST_LINE)

    def single(name: str) -> str:
        return facts.get(name, [""])[-1]

    pid = single("apache")
    return Observation(
        clock=int(single("clock")),
        user_id=int(single("user")),
        system=single("system"),
        layout=single("layout"),
        machine=single("machine") if "machine" in facts else "",
        addresses=tuple(facts.get("address", [])),
        apache_pid=int(pid) if pid else None,
        apache_version=single("version"),
        openssl_version=single("openssl"),
        existing=parse_existing(
            facts.get("existing", []), facts.get("directive", []), int(single("processes") or 0)
        ),
        current=single("current"),
        confirmed=single("confirmed"),
        manifest="".join(f"{line}\n" for line in facts.get("manifest", [])),
        files=files_of(facts.get("mode", []), facts.get("digest", [])),
        includes=dict(_pair(line) for line in facts.get("include", [])),
        modules=common_set(tuple(facts.get("module", []))),
        releases=frozenset(facts.get("release", [])),
        pending=_pending(single("pending")),
        fence=int(single("fence") or 0),
        lease=_lease(single("lease")),
        last_outcome=single("last"),
        texts=texts_of(facts.get("text", [])),
        watched=_watched(facts.get("watched", []), facts.get("certified", [])),
        fits=dict(_fit(line) for line in facts.get("fits", [])),
    )


def facts_of(output: str, first_line: str) -> dict[str, list[str]]:
    """
    Collect the facts that a script printed after a line of its own, by their names.

    Raises `ValueError` for output that is not ours, and for half of ours.
    """
    _, ours, answer = f"\n{output}".partition(f"\n{first_line}\n")
    if not ours:
        message = "the answer holds no observation"
        raise ValueError(message)
    lines = answer.splitlines()
    if LAST_LINE not in lines:
        message = "the answer broke off"
        raise ValueError(message)
    facts: dict[str, list[str]] = {}
    for line in lines[: lines.index(LAST_LINE)]:
        name, _, value = line.partition(" ")
        facts.setdefault(name, []).append(value)
    return facts


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition(" ")
    return name, value


def texts_of(lines: Iterable[str]) -> dict[str, str]:
    """Put texts together that were printed line by line, each with its path."""
    texts: dict[str, str] = {}
    for path, line in map(_pair, lines):
        texts[path] = f"{texts.get(path, '')}{line}\n"
    return texts


def _watched(files: Iterable[str], certificates: Iterable[str]) -> dict[str, Watched]:
    texts: dict[str, str] = {}
    for body, path in map(_pair, certificates):
        block = f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n"
        texts[path] = f"{texts.get(path, '')}{block}"
    found = {}
    for line in files:
        digest, readers, path = line.split(" ", 2)
        found[path] = Watched(digest=digest, readers=readers, certificates=texts.get(path, ""))
    return found


def _fit(line: str) -> tuple[tuple[str, str], str]:
    verdict, paths = _pair(line)
    certificate, _, key = paths.partition("\t")
    return (certificate, key), verdict


def files_of(modes: Iterable[str], digests: Iterable[str]) -> dict[str, Found]:
    """Read what is there, by path, from the letters of `ls` and from digests."""
    mode_of = {path: _mode(letters) for letters, path in map(_pair, modes)}
    return {
        path: Found(digest=digest, mode=mode_of.get(path, 0))
        for digest, path in map(_pair, digests)
    }


def _mode(letters: str) -> int:
    """Read the permission letters of `ls -l`, which every system prints alike."""
    bits = [MODES.get(letter, 0) for letter in letters[1:10]]
    return sum(bits[0:3]) << 6 | sum(bits[3:6]) << 3 | sum(bits[6:9])


def _pending(text: str) -> Pending | None:
    if not text:
        return None
    name, _, deadline = text.partition(" ")
    phase, _, token = name.partition(".")
    return Pending(token=token, deadline=int(deadline or 0), undoing=phase == "undoing")


def _lease(text: str) -> Lease | None:
    if not text:
        return None
    token, heartbeat, holder = f"{text}  ".split(" ", 2)
    since = int(heartbeat) if heartbeat.isdecimal() else 0
    return Lease(token=token, heartbeat=since, holder=holder.strip())
