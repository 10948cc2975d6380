"""
Variables of hosts, as odd as they can be and still be right; and then one of them made wrong.

Most of what is drawn here is taken by the program, or the fuzz would test refusals alone.
"""

import copy
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from hypothesis import strategies as st

ROOM = "/deployer-fuzz"
"""Every path on the host is below it, so that a test can have them somewhere else."""

_ODD = "aZ09 .,;:!#$%&'\"()+-/<=>@^_`{|}~äß中🙂"
_FAVOURITES = (
    *("O'Neil", 'the "boss"', "100%", "trailing ", " leading", "#no comment", "<x>", "a && b"),
    *("' || '1' == '1", "x'} || true || 'a' in {'a", "expr=%s", "-strmatch", "valid-user", "$"),
    *("Rích Üser 中", "a=b, c", "$$", "{}", "!", "</VirtualHost>", '"', "'", "(", "50%%", "%%"),
)
_SEGMENT = st.text(alphabet="aZ09._~@:+,;=-", min_size=1, max_size=6).filter(
    lambda text: text not in {".", ".."}
)
_HEX = "0123456789abcdefABCDEF"


def sayable(text: str) -> bool:
    """Whether an expression of Apache can hold a text."""
    return not re.search(r"%\{|\$\{|\$[0-9]", text)


@cache
def patterns() -> st.SearchStrategy[str]:
    odd = st.text(alphabet=_ODD + "*?", min_size=1, max_size=16)
    favourites = st.sampled_from([*_FAVOURITES, "lo'ng" * 300])
    return st.one_of(odd, favourites).filter(lambda text: sayable(text) and bool(text.strip("*?")))


@cache
def host_paths() -> st.SearchStrategy[str]:
    allowed = "".join(letter for letter in _ODD if letter not in "<>\"'*?[]/") + "\\"
    part = st.text(alphabet=allowed, min_size=1, max_size=12).filter(
        lambda text: text not in {".", ".."} and "${" not in text and not text.endswith("\\")
    )
    parts = st.lists(part, min_size=1, max_size=3)
    return st.builds(
        "{}/{}{}".format, st.just(ROOM), parts.map("/".join), st.sampled_from(["", "", "/"])
    )


@cache
def url_paths() -> st.SearchStrategy[str]:
    return st.lists(_SEGMENT, min_size=1, max_size=3).map(lambda parts: "/" + "/".join(parts))


@cache
def names() -> st.SearchStrategy[str]:
    label = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True).filter(
        lambda text: text[2:4] != "--"
    )
    plain = st.builds("{}.{}".format, label, label.map(lambda text: text + "x"))
    special = ["EXAMPLE.com", "bücher.example", "x" * 63 + ".example", "xn--bcher-kva.example"]
    return plain | st.sampled_from(special)


@cache
def listens() -> st.SearchStrategy[int | str]:
    fixed = [443, 443, 443, 8443, "443", "*:8443", "10.0.0.1:443", "[2001:DB8::1]:443"]
    return st.sampled_from([*fixed, "[::ffff:10.0.0.1]:9443", "0.0.0.0:08443"])


@cache
def allow_rules() -> st.SearchStrategy[dict[str, Any]]:
    serial = st.text(alphabet=_HEX, min_size=1, max_size=38).filter(lambda one: int(one, 16) > 0)
    keys = ("cn", "ou", "o", "email", "dns", "upn")
    optional: dict[str, st.SearchStrategy[Any]] = {key: patterns() for key in keys}
    optional["cn"] |= st.integers(0, 10**20)
    optional["serial"] = serial | serial.map("0x{}".format) | serial.map(" {}:".format)
    return st.lists(st.sampled_from(sorted(optional)), min_size=1, max_size=2, unique=True).flatmap(
        lambda chosen: st.fixed_dictionaries({key: optional[key] for key in chosen})
    )


@cache
def identities(*, passwords: bool) -> st.SearchStrategy[dict[str, Any]]:
    word = st.from_regex(r"[A-Za-z0-9]{1,5}", fullmatch=True)
    header = st.lists(word, min_size=1, max_size=3).map(lambda words: "-".join(["Xq", *words]))
    said = st.sampled_from(["cn", "ou", "email", "serial", "subject", "verify", "certificate"])
    mapping = st.dictionaries(header, said, max_size=3).filter(
        lambda one: len({name.lower() for name in one}) == len(one)
    )
    optional: dict[str, st.SearchStrategy[Any]] = {
        "environment": st.booleans(),
        "headers": st.booleans() | mapping,
    }
    if not passwords:
        optional["remote_user"] = st.none() | st.sampled_from(["cn", "email", "subject"])
    return st.fixed_dictionaries({}, optional=optional)


@cache
def proxies() -> st.SearchStrategy[list[dict[str, Any]]]:
    identity = st.none() | st.sampled_from(["gw", "the gateway", "Größe 'x' \"y\" #1", "100%{x}"])

    def routes(identity: str | None) -> st.SearchStrategy[list[dict[str, Any]]]:
        path = url_paths().flatmap(lambda one: st.sampled_from([one, f"{one}/"])) | st.just("/")
        host = names() | st.just("app.internal:8443")
        target = st.builds("{}{}".format, host, st.just("") | url_paths() | st.just("/"))
        shown = {} if identity is None else {"identity": identity}
        tls = target.map(lambda one: {"to": f"https://{one}", "authority": "servers", **shown})
        bare = target.map(lambda one: {"to": f"http://{one}", "websocket": len(one) % 2 == 0})
        plain = bare | st.sampled_from([{"to": "http://10.0.0.1"}, {"to": "http://[::1]:80/x"}])
        none = st.just({"to": "!"})
        route = st.builds(lambda at, rest: {"path": at, **rest}, path, tls | plain | none)
        return st.lists(route, min_size=1, max_size=3, unique_by=lambda one: str(one["path"]))

    return identity.flatmap(routes)


EXTRAS = (
    *('SetEnv A "a \\"b\\" c\\\\"', "# a comment \\\n  that goes on", "SetEnv B\\\n\tc\\\nd"),
    *('<Location "/x >y">\n  Require all denied\n</Location>', '"ServerSignature" "Off"', "  "),
    *("<If \"%{HTTP_HOST} == 'a'\">\n  <RequireAll>\nRequire env X\n</requireall>\n</If>", ""),
    *("SetEnv C ${NOT_DEFINED}", "serversignature\tOFF", "SetEnv D 'it\"s #'", "SetEnv E \\x"),
)


@cache
def extras() -> st.SearchStrategy[str]:
    return st.lists(st.sampled_from(EXTRAS), max_size=3).map("\n".join)


@st.composite
def sites(draw: st.DrawFn, number: int) -> dict[str, Any]:  # noqa: C901 - a list of choices
    """Draw a site that makes sense."""
    verify = draw(st.sampled_from(["require", "require", "optional", "optional", "none"]))
    auths = {
        "require": ["certificate", "certificate_and_password"],
        "optional": [
            *("public", "certificate", "certificate_and_password", "certificate_or_password"),
        ],
        "none": ["public"],
    }
    allow = st.lists(allow_rules(), max_size=2)
    unique = draw(st.lists(url_paths(), max_size=3, unique=True))
    nested = (
        [f"{unique[0]}/{one}" for one in draw(st.lists(_SEGMENT, max_size=1))] if unique else []
    )
    whole = ["/"] if verify != "none" and draw(st.booleans()) else []
    paths: list[dict[str, Any]] = []
    for path in dict.fromkeys(whole + unique + nested):
        rule: dict[str, Any] = {"path": path, "auth": draw(st.sampled_from(auths[verify]))}
        if rule["auth"] == "public" and verify == "optional" and not _is_closed(path, paths):
            rule["auth"] = "certificate"
        if rule["auth"] != "public" and path != "/" and draw(st.booleans()):
            rule["allow"] = draw(allow)
        paths.append(rule)
    passwords = any(str(rule["auth"]).endswith("password") for rule in paths)
    auth: dict[str, Any] = {"verify": verify, "identity": draw(identities(passwords=passwords))}
    if verify != "none":
        auth["revocation"] = draw(st.sampled_from(["chain", "leaf", "none"]))
        if verify == "require" or any(rule["auth"] != "public" for rule in paths):
            auth["allow"] = draw(allow)
    site: dict[str, Any] = {
        "server_name": f"s{number}.{draw(names())}",
        "server_aliases": [
            f"{star}a{number}.{one}"
            for star, one in draw(
                st.lists(st.tuples(st.sampled_from(["", "*."]), names()), max_size=2)
            )
        ],
        "listen": draw(listens()),
        "client_auth": auth,
        "paths": paths,
        "extra": draw(extras()),
    }
    if passwords:
        site["passwords"] = {"users": {"alice": "$2y$12$" + "a" * 53}}
    if draw(st.booleans()):
        site["document_root"] = draw(host_paths())
    routes = draw(proxies()) if "document_root" not in site or draw(st.booleans()) else []
    if routes:
        site["proxy"] = routes
        if all(route["to"] == "!" for route in routes):
            site.setdefault("document_root", "/")
    if draw(st.booleans()):
        # No directory is called so: a test can have all of them.
        file = host_paths().map(lambda path: path.rstrip("/") + ".pem")
        three = st.fixed_dictionaries(
            {"certificate": file, "private_key": file}, optional={"chain": file}
        )
        site["certificate"] = {"on_host": draw(three)}
    rest = {
        "hsts": st.booleans() | st.integers(0, 10**9),
        "http2": st.booleans(),
        "tls": st.sampled_from(["intermediate", "modern"]),
        "redirect_http": st.none() | st.booleans() | st.sampled_from([80, 8080]),
    }
    return site | draw(st.fixed_dictionaries({}, optional=rest))


@st.composite
def hosts(draw: st.DrawFn) -> dict[str, Any]:
    """Draw the variables of a host with one or two sites."""
    directory = st.from_regex(r"/[a-z0-9._+=@-]{1,8}", fullmatch=True).map(f"{ROOM}{{}}".format)
    logs = host_paths() | st.builds(
        "{}{}".format, st.just("${APACHE_LOG_DIR}"), st.just("") | host_paths()
    )
    layout = {"like": "debian", "log_dir": draw(logs), "config_root": draw(directory)}
    return {
        "mtls_layout": layout,
        "mtls_default_vhost": draw(st.sampled_from(["deny", "leave"])),
        "apache_vhosts": [draw(sites(number)) for number in range(draw(st.integers(1, 2)))],
    }


SPOILS = (
    *("\n", "\nListen 1\n", "\r", "\0", "\\", "\\\\", '"', "'", "${PATH}", "$${X}", "%{HTTP_HOST}"),
    *("$1", "</VirtualHost>", "\n</VirtualHost>\n<VirtualHost *:1>", " ", "\t", "\u2028", "\u00a0"),
    *("\x1b[2J", "\ud800", "\x85", "#", "<", ">", "a" * 300, "b" * 70000, "/..", "//", "/", "*"),
    *("?", "[", "]", ";", "`", "ß", ":99999", "@", "%", "$", "{", "\x7f", "\ufeff", "e\u0301"),
)
FREE = frozenset(
    {"document_root", "log_dir", "certificate", "private_key", "chain", "cn", "ou", "o", "email",
     "dns", "upn", "extra", "identity", "to", "path", "server_name"}
)  # fmt: skip
"""Keys whose values are as people like them, and are spoilt more often."""
WRONG: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 1.5, float("nan"), 10**4000, "", [], {}, [1], {"a": "b"}, "\n"),
    *("\\", "${X}", "/", "..", "*", "!", "yes", 443, 70000, [[]], {1: 2}, "\U000e0001", "-all"),
)
BAD_EXTRAS = (
    *(
        "</VirtualHost>",
        '"</VirtualHost>"',
        "'</VirtualHost>'",
        "</Virtual\\\nHost>",
        "a\\",
        "a\\\\",
    ),
    *("<VirtualHost *:1>\n</VirtualHost>", '"<VirtualHost" *:1>\n"</VirtualHost>"', "</Location>"),
    *('<Location "/">', '"<Location" "/">', "a\rb", '"\\\n</VirtualHost>"', "\t</virtualHOST >"),
    *("${CLOSE}", "# \\", "<Location />\n</Directory>", '"</Virtual\\\\\nHost>"', "\\"),
)


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a host; every fourth time something in it is spoilt."""
    host = draw(hosts())
    if draw(st.integers(0, 99)) < 75:
        return host
    spoilt = copy.deepcopy(host)
    places = list(_places(spoilt))
    free = [place for place in places if place[1] in FREE]
    around, key = draw(st.sampled_from(free or places) | st.sampled_from(places))
    old = around[key]
    if key == "extra" and draw(st.integers(0, 3)):
        around[key] = f"{old}\n{draw(st.sampled_from(BAD_EXTRAS))}"
    elif isinstance(old, str) and draw(st.integers(0, 3)):
        worst = st.sampled_from(SPOILS[:14])
        spoil = draw(st.one_of(worst, worst, st.sampled_from(SPOILS), st.text(max_size=5)))
        at = draw(st.integers(0, min(len(old), 20)) | st.just(len(old)))
        around[key] = old[:at] + spoil + old[at:]
    elif isinstance(around, dict) and draw(st.integers(0, 3)) == 0:
        del around[key]
        around[draw(st.sampled_from([*SPOILS, *WRONG[:8]]) | st.text(max_size=5))] = old
    else:
        around[key] = draw(st.sampled_from(WRONG))
    return spoilt


def issuers() -> st.SearchStrategy[list[str]]:
    """Draw names of authorities, as Apache writes them."""
    odd = st.text(alphabet=_ODD + "\\", min_size=1, max_size=16).filter(sayable)
    return st.lists(
        st.just("CN=Example CA,O=Example") | odd.map("CN={}".format), min_size=1, max_size=2
    )


def _is_closed(path: str, paths: list[dict[str, Any]]) -> bool:
    """Whether somebody is asked for something around a path."""
    return any(
        rule["auth"] != "public" and path.startswith(str(rule["path"]).rstrip("/") + "/")
        for rule in paths
    )


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    parts = value.items() if isinstance(value, dict) else enumerate(value)
    for key, part in parts:
        yield value, key
        if isinstance(part, dict | list):
            yield from _places(part)
