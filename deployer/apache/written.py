"""
What virtual hosts say that were written some time ago, by whichever templates.

Only what a visitor notices is read: names, addresses, certificates, and whom they let in.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

SERVER_FILE = "sites/000-server.conf"
"""The virtual hosts in it answer nobody by name."""

_RELEASE = "${DEPLOYER_RELEASE}/"
_VERIFY = {"require": "require", "optional": "optional"}
# Whether a condition holds is for Apache to say. What is written inside is taken to be so.
_TRANSPARENT = frozenset({"ifmodule", "ifdefine", "ifversion", "if"})
_SECTION = re.compile(r"<(?P<end>/?)(?P<name>\w+)(?P<rest>[^>]*)>?")


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenSite:
    """A virtual host with TLS and a name."""

    address: str
    """As `*` or an IP address."""
    port: int
    directives: Mapping[str, str] = field(repr=False)
    """The last value of each directive for the site as a whole, by name in lower case."""
    aliases: tuple[str, ...] = ()

    @property
    def server_name(self) -> str:
        """The name that it answers to first."""
        return self.directives["servername"]

    @property
    def verify(self) -> str:
        """Whether clients need a certificate: `require`, `optional` or `none`."""
        return _VERIFY.get(self.directives.get("sslverifyclient", "").lower(), "none")

    @property
    def revocation(self) -> str:
        """Whose revocation lists are looked into: `chain`, `leaf` or `none`."""
        return self.directives.get("sslcarevocationcheck", "none").lower().split(" ")[0]

    def path(self, directive: str) -> str:
        """Return the file of the release that a directive names; empty where that is another's."""
        value = self.directives.get(directive.lower(), "")
        return value.removeprefix(_RELEASE) if value.startswith(_RELEASE) else ""


def sites_of(texts: Mapping[str, str]) -> tuple[WrittenSite, ...]:
    """Read the sites of a release from Apache's files by their paths."""
    return tuple(
        site
        for path, text in sorted(texts.items())
        if path.startswith("sites/") and path != SERVER_FILE
        for site in _sites(text)
    )


def _sites(text: str) -> Iterator[WrittenSite]:
    address, depth = "", 0
    directives: dict[str, str] = {}
    aliases: list[str] = []
    for line in _lines(text):
        section = _SECTION.match(line)
        if section is None:
            name, _, value = line.partition(" ")
            if address and depth == 0:
                directives[name.lower()] = _bare(value)
                if name.lower() == "serveralias":
                    aliases += _bare(value).split()
        elif section["name"].lower() == "virtualhost":
            if section["end"] and (site := _site(address, directives, aliases)):
                yield site
            address = "" if section["end"] else _bare(section["rest"]).split(" ")[0]
            depth, directives, aliases = 0, {}, []
        elif section["name"].lower() not in _TRANSPARENT:
            depth += -1 if section["end"] else 1


def _site(address: str, directives: Mapping[str, str], aliases: list[str]) -> WrittenSite | None:
    host, _, port = address.rpartition(":")
    speaks_tls = directives.get("sslengine", "").lower() == "on"
    if not speaks_tls or "servername" not in directives or not port.isdecimal():
        return None
    return WrittenSite(
        address="*" if host in {"", "_default_"} else host.strip("[]"),
        port=int(port),
        directives=directives,
        aliases=tuple(aliases),
    )


def _lines(text: str) -> Iterator[str]:
    """Yield what is no comment, with lines joined that a backslash continues."""
    for line in re.sub(r"\\\r?\n", " ", text).splitlines():
        words = line.strip()
        if words and not words.startswith("#"):
            yield re.sub(r"\s+", " ", words)


def _bare(value: str) -> str:
    value = value.strip()
    quoted = len(value) > 1 and value[0] == value[-1] == '"'
    return value[1:-1] if quoted else value
