"""
Which parts of a site are closed to some, and which lines of `extra` could open them.

Apache merges `<Location>` in the order of the file and `<If>` after all of them, and a later
section replaces what an earlier one requires unless it says `AuthMerging And`. `extra` stands at
the end of a site, so its sections have the last word. `<Directory>` and `<Files>` come before
ours, which add to them.
"""

from collections.abc import Sequence

from deployer.advice.lines import Line, Section, read
from deployer.spec.vhost import VhostSpec

_LATER = frozenset({"location", "locationmatch", "if", "elseif", "else"})
_PATTERN = frozenset("*?[~")


def has_last_word(line: Line, site: VhostSpec) -> bool:
    """Say whether what a line requires could replace what `paths` or `client_auth` require."""
    later = [one for one in line.places if one.name in _LATER]
    if not later:
        return False
    paths = [path for one in later if (path := _literal(one)) is not None]
    return is_closed(site, paths[-1]) if paths else _is_closed_anywhere(site)


def is_closed(site: VhostSpec, path: str) -> bool:
    """Say whether a path, or anything below it, is for some clients alone."""
    if site.client_auth.verify == "none":
        return False
    rules = [(rule.path, rule.auth != "public") for rule in site.paths]
    around = [(place, closed) for place, closed in rules if _covers(place, path)]
    here = max(around, default=("", site.client_auth.verify == "require"))[1]
    return here or any(closed for place, closed in rules if _covers(path, place))


def adds_to_ours(line: Line, site: VhostSpec) -> bool:
    """Say whether the section of a line says `AuthMerging And`."""
    places = line.places
    return any(
        other.name == "authmerging" and other.first == "and" and other.places == places
        for other in read(site.extra)
    )


def siblings(line: Line, site: VhostSpec) -> Sequence[Line]:
    """Return the other lines of the very same section."""
    return [
        other for other in read(site.extra) if other != line and other.sections == line.sections
    ]


def _is_closed_anywhere(site: VhostSpec) -> bool:
    return is_closed(site, "/")


def _literal(section: Section) -> str | None:
    """Return the path of a section, or None where it is a pattern."""
    if section.name != "location" or len(section.arguments) != 1:
        return None
    path = section.arguments[0]
    if not path.startswith("/") or _PATTERN & set(path):
        return None
    return path.rstrip("/") or "/"


def _covers(one: str, other: str) -> bool:
    return one in {"/", other} or other.startswith(f"{one}/")
