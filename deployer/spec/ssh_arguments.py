"""
Arguments for `ssh`, as Ansible's `ansible_ssh_common_args` and its like hold them.

They are read as ssh(1) reads its command line, and each is one of three things: an option that
we follow, one that changes nothing for commands like ours, or one that is refused. None is
silently dropped: a jump host that is left out ends at the wrong machine.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deployer.errors import nearest

Option = tuple[str, str]
"""A name of ssh_config(5), in lower case, and its value."""

OURS = frozenset(
    {
        "addressfamily",
        "bindaddress",
        "casignaturealgorithms",
        "certificatefile",
        "ciphers",
        "compression",
        "connectionattempts",
        "connecttimeout",
        "globalknownhostsfile",
        "hashknownhosts",
        "hostkeyalgorithms",
        "hostkeyalias",
        "hostname",
        "identitiesonly",
        "identityagent",
        "identityfile",
        "kbdinteractiveauthentication",
        "kexalgorithms",
        "macs",
        "numberofpasswordprompts",
        "passwordauthentication",
        "port",
        "preferredauthentications",
        "proxycommand",
        "proxyjump",
        "pubkeyacceptedalgorithms",
        "pubkeyauthentication",
        "requiredrsasize",
        "revokedhostkeys",
        "stricthostkeychecking",
        "tag",
        "user",
        "userknownhostsfile",
    }
)
"""What we follow with a connection of our own."""

NO_MATTER = frozenset(
    {
        "addkeystoagent",
        "batchmode",  # nothing is asked during a run anyway
        "canonicaldomains",
        "canonicalizefallbacklocal",
        "canonicalizehostname",
        "canonicalizemaxdots",
        "canonicalizepermittedcnames",
        "challengeresponseauthentication",
        "checkhostip",
        "clearallforwardings",
        "controlmaster",
        "controlpath",
        "controlpersist",
        "enableescapecommandline",
        "enablesshkeysign",
        "escapechar",
        "exitonforwardfailure",
        "fingerprinthash",
        "forwardagent",
        "forwardx11",
        "forwardx11timeout",
        "forwardx11trusted",
        "gatewayports",
        "gssapiauthentication",  # a distribution's default: other ways to log in are still there
        "gssapidelegatecredentials",
        "gssapikexalgorithms",
        "gssapikeyexchange",
        "gssapirenewalforcesrekey",
        "gssapiserveridentity",
        "gssapiclientidentity",
        "gssapitrustdns",
        "hostbasedacceptedalgorithms",
        "hostbasedauthentication",
        "ignoreunknown",
        "include",
        "ipqos",
        "kbdinteractivedevices",
        "localcommand",
        "localforward",
        "loglevel",
        "logverbose",
        "nohostauthenticationforlocalhost",  # a host key is checked all the same
        "obscurekeystroketiming",
        "permitlocalcommand",
        "permitremoteopen",
        "rekeylimit",
        "securitykeyprovider",
        "sendenv",
        "serveralivecountmax",
        "serveraliveinterval",
        "streamlocalbindmask",
        "streamlocalbindunlink",
        "syslogfacility",
        "tcpkeepalive",
        "tunnel",
        "tunneldevice",
        "updatehostkeys",
        "verifyhostkeydns",  # a key is trusted for standing in known_hosts, and for nothing else
        "versionaddendum",
        "visualhostkey",
        "warnweakcrypto",
        "xauthlocation",
    }
)
"""What changes nothing for commands without a terminal, whose connections end with the run."""

THEIRS = frozenset(
    {
        "bindinterface",
        "channeltimeout",
        "dynamicforward",
        "knownhostscommand",
        "pkcs11provider",
        "proxyusefdpass",
        "refuseconnection",
        "remoteforward",
        "setenv",
    }
)
"""What only the program `ssh` can do, as the transport `openssh`."""

BREAKING = frozenset(
    {"forkafterauthentication", "remotecommand", "requesttty", "sessiontype", "stdinnull"}
)
"""What would keep any ssh from running our commands."""

_KNOWN = OURS | NO_MATTER | THEIRS | BREAKING

# Letters of ssh(1): the option that each stands for. Those of the first table take a value.
_WITH_VALUE = {
    "B": "bindinterface",
    "b": "bindaddress",
    "c": "ciphers",
    "D": "dynamicforward",
    "E": "loglevel",
    "e": "escapechar",
    "I": "pkcs11provider",
    "i": "identityfile",
    "J": "proxyjump",
    "L": "localforward",
    "l": "user",
    "m": "macs",
    "P": "tag",
    "p": "port",
    "R": "remoteforward",
    "S": "controlpath",
    "w": "tunneldevice",
}
_FLAGS = {
    "4": ("addressfamily", "inet"),
    "6": ("addressfamily", "inet6"),
    "A": ("forwardagent", "yes"),
    "a": ("forwardagent", "no"),
    "C": ("compression", "yes"),
    "g": ("gatewayports", "yes"),
    "K": ("gssapiauthentication", "yes"),
    "k": ("gssapidelegatecredentials", "no"),
    "M": ("controlmaster", "yes"),
    "q": ("loglevel", "quiet"),
    "v": ("loglevel", "debug"),
    "X": ("forwardx11", "yes"),
    "x": ("forwardx11", "no"),
    "Y": ("forwardx11trusted", "yes"),
    "y": ("loglevel", "info"),
    "T": ("", ""),
}
_REFUSED_LETTERS = "1GNOQVWfnst"

# `Name=value`, `Name value` and `Name = value` are the same (ssh_config(5)).
_SETTING = re.compile(r"\s*(?P<name>\w+)(?:\s*=\s*|\s+)(?P<value>.*\S)\s*", re.ASCII)

KEYS_ARE_CHECKED = "host keys are always checked; `deployer hosts trust` records them, once"


class NotHonoured(ValueError):
    """Arguments that cannot be followed; the message says which, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SshArguments:
    """Arguments of `ssh`, understood."""

    options: tuple[Option, ...] = ()
    """In their order; of one that is given twice the first counts, as in ssh(1)."""
    config_file: str | None = None
    """What `-F` names."""


def ssh_arguments(text: str, *, transport: str = "ssh") -> SshArguments:
    """
    Read the arguments that a variable holds, split as a POSIX shell would.

    Raises `NotHonoured` for those that cannot be followed by this transport: `ssh` is a
    connection of our own, `openssh` the system's program.
    """
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise NotHonoured(str(error).lower()) from error
    options: list[Option] = []
    config_file = None
    for name, value, shown in _options(words):
        if name == "-F":
            config_file = config_file or value
            continue
        if not name:
            continue
        _check(name, value, shown, transport)
        if name not in NO_MATTER or transport == "openssh":
            options.append((name, value))
    return SshArguments(options=tuple(options), config_file=config_file)


def _check(name: str, value: str, shown: str, transport: str) -> None:
    if name not in _KNOWN:
        raise NotHonoured(f"{shown} is no option of ssh, {nearest(name, _KNOWN)}".rstrip(", "))
    if name in BREAKING:
        raise NotHonoured(f"{shown} would keep ssh from running our commands")
    if name in THEIRS and transport != "openssh":
        raise NotHonoured(f"{shown} needs the program ssh itself: set ansible_connection: openssh")
    if name == "stricthostkeychecking" and value.lower() in {"no", "off", "false"}:
        raise NotHonoured(f"{shown} cannot be: {KEYS_ARE_CHECKED}")


def _options(words: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield each option's name and value, and how it was written."""
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word in {"-", "--"}:
            raise NotHonoured(f"{word!r} is neither an option of ssh nor the value of one")
        letters = word[1:]
        while letters:
            letter, letters = letters[0], letters[1:]
            if letter in _FLAGS:
                yield *_FLAGS[letter], f"-{letter}"
            elif letter in _WITH_VALUE or letter in {"o", "F"}:
                if not letters and not rest:
                    raise NotHonoured(f"-{letter} needs a value")
                value, letters = letters or rest.pop(0), ""
                yield _valued(letter, value)
            elif letter in _REFUSED_LETTERS:
                raise NotHonoured(f"-{letter} would keep ssh from running our commands")
            else:
                raise NotHonoured(f"-{letter} is no option of ssh")


def _valued(letter: str, value: str) -> tuple[str, str, str]:
    if letter == "F":
        return "-F", value, f"-F {value}"
    if letter != "o":
        return _WITH_VALUE[letter], value, f"-{letter} {value}"
    found = _SETTING.fullmatch(value)
    if found is None:
        raise NotHonoured(f"-o {value} is not of the form Name=value")
    return found["name"].lower(), found["value"], f"-o {value}"
