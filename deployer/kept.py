"""Releases that a host keeps, as it tells of them, and what is in one. Text in, value out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from deployer.observation import Found, edited, facts_of, files_of, texts_of
from deployer.release import Release

FIRST_LINE = "deployer-kept"


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What a host keeps, and of one release what there is to know."""

    names: tuple[str, ...]
    """The directories of all releases, newest first: the id, with a suffix for a second copy."""
    before: str
    """The one that served before the live one; empty where there was none."""
    name: str = ""
    """The one that was asked for; empty where there is none, or more than one."""
    manifest: str = ""
    files: Mapping[str, Found] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Apache's files."""
    certificates: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The PEM in each file of certificates; never a key."""
    lists: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The revocation lists in each file, as PEM."""

    @property
    def edited(self) -> tuple[str, ...]:
        """The files that are not as they were brought, by path."""
        return edited(self.manifest, self.files)

    def beginning(self, text: str) -> tuple[str, ...]:
        """List the releases whose names begin so."""
        return tuple(name for name in self.names if name.startswith(text))

    def release(self) -> Release:
        """
        Read the release that was asked for; its secrets stay on their host.

        Raises `ValueError` for a manifest that is not the one that gave the release its name.
        """
        texts = {path: text.encode() for path, text in self.texts.items()}
        found = Release.of_manifest(self.manifest, texts)
        if found.id != self.name.partition(".")[0]:
            message = "its manifest was edited"
            raise ValueError(message)
        return found


def parse(output: str) -> Kept:
    """Read what `kept.sh` printed; raise `ValueError` for half of it."""
    facts = facts_of(output, FIRST_LINE)

    def single(name: str) -> str:
        return facts.get(name, [""])[-1]

    return Kept(
        names=tuple(facts.get("release", [])),
        before=single("before"),
        name=single("chosen"),
        manifest="".join(f"{line}\n" for line in facts.get("manifest", [])),
        files=files_of(facts.get("mode", []), facts.get("digest", [])),
        texts=texts_of(facts.get("text", [])),
        certificates=_pem(facts.get("certificate", []), "CERTIFICATE"),
        lists=_pem(facts.get("list", []), "X509 CRL"),
    )


def _pem(lines: Iterable[str], label: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in lines:
        path, _, body = line.partition(" ")
        block = f"-----BEGIN {label}-----\n{body}\n-----END {label}-----\n"
        found[path] = f"{found.get(path, '')}{block}"
    return found
