"""The connection variables of one host while they are read: typed, and with every mistake."""

import difflib
from collections.abc import Callable, Sequence

from deployer.errors import nearest
from deployer.inventory.model import Host
from deployer.inventory.place import InventoryError, Problem
from deployer.spec.connection_names import (
    ANSIBLE,
    BECOME_METHOD,
    FALSE,
    HONOURED_VALUES,
    KNOWN,
    METHODS,
    REASONS,
    TRUE,
    WAYS,
    Method,
    Way,
)
from deployer.spec.ssh_arguments import NotHonoured, Option, SshArguments, ssh_arguments

LARGEST_PORT = 65535


class Reading:
    """What the variables say, read one by one; `problems` has what is wrong with them."""

    def __init__(self, host: Host) -> None:
        self.problems: list[Problem] = []
        self._host = host

    def refuse_what_cannot_be_honoured(self) -> None:
        """Report variables that ask for something that we do not do."""
        for name, honoured in HONOURED_VALUES.items():
            value = self._value(name)
            if value is not None and str(value).strip().lower() not in _lower(honoured):
                self.wrong(name, REASONS.get(name, "cannot be honoured by this version"))

    def refuse_mistyped(self) -> None:
        """Report variables that look like one of Ansible's and are none: they would be ignored."""
        known = {name.removeprefix(ANSIBLE): name for name in KNOWN}
        for name in self._host.variables.written:
            word = name.removeprefix(ANSIBLE)
            if name == word or word in known:
                continue
            # Close ones only: there are hundreds of others, for modules that we are not.
            for close in difflib.get_close_matches(word, known, n=1, cutoff=0.75):
                self.wrong(name, f"unknown variable, did you mean {known[close]}?")

    def way(self, default: Way) -> Way:
        """Read `ansible_connection`; `ssh` there is what the command line makes of it."""
        value = self._value("ansible_connection")
        if value is None:
            return default
        if isinstance(value, str) and value in WAYS:
            way = WAYS[value]
            return default if way == "ssh" and default == "openssh" else way
        hint = nearest(str(value), WAYS) or "ssh, openssh, paramiko and local are"
        self.wrong("ansible_connection", f"{value!r} is not a way we know, {hint}")
        return default

    def method(self, default: Method) -> Method:
        """Read `ansible_become_method`."""
        value = self._value(BECOME_METHOD)
        if value is None:
            return default
        if isinstance(value, str) and value in METHODS:
            return METHODS[value]
        self.wrong(BECOME_METHOD, f"{value!r} is not a way we know; sudo, doas and su are")
        return default

    def text(
        self, names: Sequence[str], default: str | None, check: Callable[[str], str]
    ) -> str | None:
        """Read a text; `check` says what is wrong with it, or nothing."""
        name, value = self._last(names)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, str | int):
            self.wrong(name, "must be a text: put it in quotes")
            return default
        why = check(str(value))
        if why:
            self.wrong(name, why)
        return str(value)

    def number(self, names: Sequence[str], what: str, *, low: int, high: int) -> int | None:
        """Read a whole number within bounds."""
        name, value = self._last(names)
        if value is None:
            return None
        digits = "" if isinstance(value, bool) else str(value)
        if digits.isascii() and digits.isdecimal() and len(digits) <= len(str(high)):
            number = int(digits)
            if low <= number <= high:
                return number
        self.wrong(name, f"must be {what} from {low} to {high}")
        return None

    def arguments(self, name: str, default: str, way: Way) -> SshArguments:
        """Read arguments for ssh(1)."""
        text = self.text((name,), default, _line) or ""
        try:
            return ssh_arguments(text, transport=way)
        except NotHonoured as error:
            self.wrong(name, str(error))
            return SshArguments()

    def option(self, name: str, option: str) -> tuple[Option, ...]:
        """Read a variable that stands for one option of ssh_config(5)."""
        text = self.text((name,), None, _line)
        return ((option, text),) if text else ()

    def truth(self, names: Sequence[str], *, default: bool) -> bool:
        """Read a yes or no, in any of the words that Ansible takes for one."""
        name, value = self._last(names)
        text = str(value).strip().lower()
        if value is None:
            return default
        if text not in TRUE | FALSE:
            self.wrong(name, "must be true or false")
        return text in TRUE

    def wrong(self, name: str, text: str) -> None:
        """Note what is wrong with a variable."""
        place = self._host.variables.place_of(name)
        self.problems.append(Problem(place, f"{name}: {text}", self._host.name))

    def _last(self, names: Sequence[str]) -> tuple[str, object]:
        found: tuple[str, object] = (names[0], None)
        for name in names:
            value = self._value(name)
            if value is not None:
                found = (name, value)
        return found

    def _value(self, name: str) -> object:
        try:
            return self._host.variables.get(name)
        except InventoryError as error:
            self.problems += error.problems
            return None


def _lower(texts: frozenset[str]) -> frozenset[str]:
    return frozenset(text.lower() for text in texts)


def _line(text: str) -> str:
    return "" if text.isprintable() else "must be one line"
