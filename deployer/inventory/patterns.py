"""
Host patterns: `web:&production:!web3` to hosts.

The grammar is Ansible's ("Patterns: targeting hosts and groups"), except that a term which
names nothing is an error: `all:!typo` must not mean every host.
"""

import fnmatch
import re
from collections.abc import Sequence

from deployer.errors import UsageError, nearest
from deployer.inventory.model import ALL, Host, Inventory
from deployer.inventory.ranges import is_ipv6

_SUBSCRIPT = re.compile(r"(?P<term>.+)\[(?:(?P<index>-?\d+)|(?P<first>-?\d*):(?P<last>-?\d*))\]")
_COLON_OUTSIDE_BRACKETS = re.compile(r":(?![^\[\]]*\])")


def select(
    inventory: Inventory,
    pattern: str = ALL,
    limit: str | Sequence[str] | None = None,
    *,
    passed_over: list[str] | None = None,
) -> tuple[Host, ...]:
    """
    Find the hosts that a pattern means, in the order that Ansible would take them.

    A limit is a second pattern, or several of which each adds its terms. A term that names nothing
    is an error; in a lenient inventory it is added to `passed_over`, and stands for no host.
    """
    unknown = [] if passed_over is None else passed_over
    names = _evaluate(inventory, split_pattern(pattern), unknown)
    limits = [limit] if isinstance(limit, str) else limit or ()
    if terms := [term for one in limits for term in split_pattern(one)]:
        allowed = set(_evaluate(inventory, terms, unknown))
        names = [name for name in names if name in allowed]
    if not names:
        shown = repr(pattern) if limit is None else f"{pattern!r} limited to {limit!r}"
        raise UsageError(f"no host matches {shown}", hint="deployer inventory list shows all")
    return tuple(inventory.hosts[name] for name in names)


def split_pattern(pattern: str) -> list[str]:
    """Cut a pattern into its terms: at commas, or at colons when there is no comma."""
    if "," in pattern:
        terms = pattern.split(",")
    elif is_ipv6(pattern):
        terms = [pattern]
    else:
        terms = _COLON_OUTSIDE_BRACKETS.split(pattern)
    return [term.strip() for term in terms if term.strip()]


def _evaluate(inventory: Inventory, terms: Sequence[str], unknown: list[str]) -> list[str]:
    """Take plain terms first, then every `&`, then every `!`, whatever their written order."""
    plain = [term for term in terms if term[0] not in "&!"] or [ALL]
    found = list(
        dict.fromkeys(name for term in plain for name in _matches(inventory, term, unknown))
    )
    for term in terms:
        if term[0] == "&":
            wanted = set(_matches(inventory, term[1:], unknown))
            found = [name for name in found if name in wanted]
    for term in terms:
        if term[0] == "!":
            unwanted = set(_matches(inventory, term[1:], unknown))
            found = [name for name in found if name not in unwanted]
    return found


def _matches(inventory: Inventory, term: str, unknown: list[str]) -> list[str]:
    if term in inventory.hosts:
        return [term]
    subscript = None if term.startswith("~") else _SUBSCRIPT.fullmatch(term)
    if subscript is None:
        return _matches_name(inventory, term, unknown)
    return _subscripted(_matches_name(inventory, subscript["term"], unknown), subscript, term)


def _matches_name(inventory: Inventory, term: str, unknown: list[str]) -> list[str]:
    if term in inventory.hosts:
        return [term]
    expression = _expression(term)
    groups = [name for name in inventory.groups if expression.match(name)]
    found = [host for name in groups for host in inventory.groups[name].members]
    hosts: list[str] = []
    if not groups or term.startswith("~") or any(letter in term for letter in ".?*["):
        hosts = [name for name in inventory.hosts if expression.match(name)]
    if not groups and not hosts:
        text = f"no host or group matches {term!r}"
        if not inventory.lenient:
            raise UsageError(text, hint=nearest(term, [*inventory.groups, *inventory.hosts]))
        unknown.append(text)
    return list(dict.fromkeys([*found, *hosts]))


def _expression(term: str) -> re.Pattern[str]:
    if not term.startswith("~"):
        return re.compile(fnmatch.translate(term))
    try:
        return re.compile(term[1:])
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(f"{term!r} is not a regular expression: {error}") from error


def _subscripted(names: list[str], subscript: re.Match[str], term: str) -> list[str]:
    if subscript["index"] is not None:
        index = int(subscript["index"])
        if not -len(names) <= index < len(names):
            hint = f"{subscript['term']} has {len(names)} hosts, counted from 0"
            raise UsageError(f"{term!r} is outside of its group", hint=hint)
        return [names[index]]
    if not subscript["first"]:
        hint = f"write {subscript['term']}[0:{subscript['last']}]"
        raise UsageError(f"{term!r} has no beginning, and Ansible takes it for letters", hint=hint)
    first = int(subscript["first"])
    last = int(subscript["last"]) if subscript["last"] else len(names) - 1
    if min(first, last) < 0:
        raise UsageError(f"{term!r} counts from the end, which only a single number may")
    if subscript["last"] and last < first:
        raise UsageError(f"{term!r} is empty: it ends before it begins")
    return names[first : last + 1]
