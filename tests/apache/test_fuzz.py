"""
Every value that reaches a template: refused, or written so that Apache reads what was meant.

Hosts are drawn with values as odd as they may be, some of them spoilt. What the program writes is
read by a parser of its own, and must be the directives that an oracle works out from the same
variables; who comes in where is tried out. Then Apache reads it all, and must see what we saw.
"""

import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, event, given, settings
from hypothesis import strategies as st

from deployer.apache.material import Backend, Trust
from deployer.apache.rendering import Templates
from deployer.apache.sites import render_sites
from deployer.errors import DeployerError
from deployer.inventory.model import Host
from deployer.inventory.place import Located, Place, Unsafe
from deployer.inventory.templating import Variables
from deployer.layouts import DEBIAN
from deployer.platforms import Platform
from deployer.resources import templates as shipped
from deployer.sandbox.httpd import LOADED, MODULES
from deployer.spec.server import server_spec
from tests.apache import oracle, strategies
from tests.apache.expressions import Request, admits
from tests.apache.oracle import SiteOracle
from tests.apache.parser import Directive, parse

TEMPLATES = Templates(
    {
        str(path.relative_to(shipped())): path.read_text(encoding="utf-8")
        for path in shipped().rglob("apache/*.j2")
    }
)
NEWEST = Platform(layout=DEBIAN, apache=(2, 4, 71), openssl=(3, 5), shared=False)
PLATFORMS = (NEWEST, Platform.assumed(DEBIAN))
# Without an explanation, which takes minutes.
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
APACHE = shutil.which("apache2")
SECTIONS = frozenset({"<Location", "<LocationMatch"})
ENOUGH = 0.5
"""Of all cases must be taken by the program."""


class Case(NamedTuple):
    """A host to be, and what surrounds it."""

    variables: dict[str, Any]
    platform: Platform
    issuers: list[str]
    depth: int
    lists: bool
    """Whether there are CRLs of its backends' authority."""


class Written(NamedTuple):
    """What became of a case."""

    files: dict[str, str]
    sites: list[SiteOracle]


CASES = st.builds(
    Case,
    strategies.cases(),
    st.sampled_from(PLATFORMS),
    strategies.issuers(),
    st.integers(1, 20),
    st.booleans(),
)


def located(value: object) -> Located:
    """Make what a reader of inventories makes, with texts that no template is looked for in."""
    place = Place("hosts.yml", 1)
    if isinstance(value, dict):
        return Located({key: located(part) for key, part in value.items()}, place)
    if isinstance(value, list):
        return Located(tuple(map(located, value)), place)
    return Located(Unsafe(value) if isinstance(value, str) else value, place)  # type: ignore[arg-type]


def write(case: Case) -> Written | None:
    """Let the program write a host's files, or refuse to."""
    named = {str(name): located(value) for name, value in case.variables.items()}
    try:
        spec = server_spec(Host(name="web1", groups=(), variables=Variables("web1", named, {})))
        trust = Trust(bundle=b"", names=b"", crls=b"", depth=case.depth, issuers=(*case.issuers,))
        backend = Backend(trust=b"", crls=b"" if case.lists else None, depth=case.depth)
        files = render_sites(
            spec,
            replace(case.platform, layout=spec.layout or DEBIAN),
            {site.slug: trust for site in spec.vhosts if site.client_auth.verify != "none"},
            {site.slug: backend for site in spec.vhosts if site.tls_route},
            TEMPLATES,
        )
    except DeployerError:
        return None
    layout = case.variables.get("mtls_layout") or {}
    surroundings: dict[str, Any] = {
        "log_dir": oracle.bare(layout.get("log_dir", DEBIAN.log_dir)),
        "hybrid": case.platform is NEWEST,
        "depth": case.depth,
        "backend_lists": case.lists,
    }
    written = case.variables.get("apache_vhosts") or ()
    return Written(files, [SiteOracle(site, **surroundings) for site in written])


def judge(case: Case, written: Written) -> None:
    """Compare what was written with what was asked for."""
    layout = case.variables.get("mtls_layout") or {}
    include = parse(written.files["include.conf"])
    root = oracle.bare(layout.get("config_root", DEBIAN.config_root))
    assert include[0].inside[0].words == ("DEPLOYER_RELEASE", f"{root}/deployer/current")
    assert [one.name for one in include] == ["<IfDefine", "Include"]

    deny = case.variables.get("mtls_default_vhost", "deny") == "deny"
    server = parse(written.files["sites/000-server.conf"])
    general = (
        {"LogFormat", "SSLVHostSNIPolicy"} if deny and case.platform is NEWEST else {"LogFormat"}
    )
    assert {one.name for one in server if one.name in {"LogFormat", "SSLVHostSNIPolicy"}} == general
    assert Counter(oracle.read([one for one in server if one.name not in general])) == Counter(
        oracle.server_file(written.sites, deny=deny, known_ports=DEBIAN.listens)
    )

    names = {f"sites/{site.slug}.conf" for site in written.sites}
    assert set(written.files) == {"include.conf", "sites/000-server.conf", *names}
    for site in written.sites:
        judge_site(site, parse(written.files[f"sites/{site.slug}.conf"]), case.issuers)


def judge_site(site: SiteOracle, found: Sequence[Directive], issuers: Sequence[str]) -> None:
    """Compare one site's file, and try who comes in."""
    foreign = len(parse(site.written.get("extra") or ""))
    inside = found[0].inside
    ours, theirs = inside[: len(inside) - foreign], inside[len(inside) - foreign :]
    access = [one for one in ours if one.name in SECTIONS and one.words != (oracle.AMBIGUOUS,)]
    rest = replace(found[0], inside=(*(one for one in ours if one not in access), *theirs))
    assert oracle.read([rest, *found[1:]]) == oracle.site_file(site)
    for section in access:
        judge_section(site, section)
    for request, held in requests(site, issuers):
        assert admits(access, request) == oracle.open_to(site, issuers, request, held), request


def judge_section(site: SiteOracle, section: Directive) -> None:
    """Compare what a section holds beside its requirements, which are tried out."""
    settings = [one for one in section.inside if not one.name.lower().startswith(("req", "<req"))]
    wanted = [("AuthMerging", ("And",))]
    if "valid-user" in {one.arguments for one in flat(section.inside)}:
        file = f"{oracle.RELEASE}/auth/{site.slug}.htpasswd"
        wanted += [("AuthType", ("Basic",)), ("AuthName", (site.name,))]
        wanted += [("AuthBasicProvider", ("file",)), ("AuthUserFile", (file,))]
    assert [(one.name, one.words) for one in settings] == wanted


def flat(directives: Sequence[Directive]) -> Iterator[Directive]:
    for one in directives:
        yield one
        yield from flat(one.inside)


def requests(
    site: SiteOracle, issuers: Sequence[str]
) -> Iterator[tuple[Request, dict[str, list[str]]]]:
    """Think of clients: those that are meant, and those that are nearly so."""
    if site.verify == "none":
        return
    paths = [rule["path"].rstrip("/") for rule in site.written.get("paths") or ()]
    urls = ["/", *(f"{path}{rest}" for path in filter(None, paths) for rest in ("", "/b", "b"))]
    rules = [*(site.auth.get("allow") or ())]
    rules += [one for rule in site.written.get("paths") or () for one in rule.get("allow") or ()]
    clients: list[dict[str, list[str]]] = [{}]
    for rule in rules:
        clients += [held(rule, change) for change in CHANGES]
    certified = {"SSL_CLIENT_VERIFY": "SUCCESS", oracle.ISSUERS_VARIABLE: issuers[-1]}
    some = {**variables(clients[1 % len(clients)])}
    for url in urls:
        yield Request(url=url, variables=some), clients[1 % len(clients)]
        other = {**some, **certified, oracle.ISSUERS_VARIABLE: issuers[0] + "x"}
        yield Request(url=url, variables=other), clients[1 % len(clients)]
        for number, client in enumerate(clients):
            known = {**certified, **variables(client)}
            yield Request(url=url, variables=known, logged_in=number % 2 == 0), client


CHANGES: tuple[Callable[[str], str], ...] = (
    lambda text: text.replace("*", "").replace("?", "x"),
    lambda text: text.replace("*", "a'\\b").replace("?", "*") + "x" * (not text.endswith("*")),
    lambda text: text.replace("*", "x").replace("?", "y").swapcase(),
    lambda text: text[:-1].replace("*", ""),
)


def held(rule: Mapping[str, Any], change: Callable[[str], str]) -> dict[str, list[str]]:
    """Make a client of what a rule asks for, more or less."""
    client = {}
    for key, said in rule.items():
        if key == "serial":
            number = re.sub(r"[\s:]", "", said)
            client[key] = [f"{int(number, 16):X}"]
        elif key in {"cn", "o"}:
            client[key] = [change(str(said))]
        else:
            client[key] = ["z", "", change(str(said))]
    return client


def variables(client: Mapping[str, list[str]]) -> dict[str, str]:
    """Say what mod_ssl makes of a client."""
    known = {}
    for key, values in client.items():
        name = oracle.VARIABLES[key]
        for number, value in enumerate(values):
            if key in {"email", "dns", "upn"}:
                known[f"{name[:-1]}{number}"] = value
            elif key == "serial":
                known[name] = value.zfill(len(value) + len(value) % 2)
            else:
                known[f"{name}_{number}" if number else name] = value
    return known


def is_plain(site: SiteOracle) -> bool:
    """Whether Apache would start with its files and raw lines, which may have been spoilt."""
    log_dir = site.log_dir.removeprefix("${APACHE_LOG_DIR}") or strategies.ROOM
    files = [path for path in (site.on_host or {}).values() if path]
    if not all(path.startswith(strategies.ROOM) and len(path) < 200 for path in (log_dir, *files)):
        return False
    if not all(path.endswith(".pem") for path in files):
        return False
    rest = site.written.get("extra") or ""
    for known in sorted(strategies.EXTRAS, key=len, reverse=True):
        rest = rest.replace(known, "")
    return not rest.strip()


def assert_apache_reads_the_same(room: Path, hosts: Sequence[Written]) -> None:
    """Let Apache print the tree that it parsed, and compare it with our parser's."""
    release = room / "release"
    defined = {"DEPLOYER_RELEASE": str(release), "APACHE_LOG_DIR": str(room / "log")}
    (room / "log").mkdir()
    lines = [f"DefaultRuntimeDir {room}", "ServerName localhost", f"ErrorLog {room}/error.log"]
    lines += [f"Define {name} {value}" for name, value in defined.items()]
    lines += [f"LoadModule {one}_module {MODULES}/mod_{one}.so" for one in (*LOADED, "info")]
    general = [line for line in lines if line.startswith(("ServerName", "ErrorLog"))]
    wanted = list(parse("\n".join(general)))
    for number, host in enumerate(hosts):
        for site in host.sites:
            here = f"{room}/{number}"
            text = host.files[f"sites/{site.slug}.conf"].replace(strategies.ROOM, here)
            path = room / f"{number}-{site.slug}.conf"
            path.write_text(text)
            lines.append(f"Include {path}")
            wanted += parse(text, defined)
    for one in flat(wanted):
        if one.name.startswith("SSL") and one.name.endswith("File"):
            Path(one.words[0]).parent.mkdir(parents=True, exist_ok=True)
            Path(one.words[0]).write_text("Apache looks whether there is something.")
        elif one.name in {"CustomLog", "ErrorLog"}:
            Path(one.words[0]).parent.mkdir(parents=True, exist_ok=True)
    (room / "httpd.conf").write_text("\n".join([*lines, ""]))
    shown = subprocess.run(
        [str(APACHE), "-t", "-D", "DUMP_CONFIG", "-d", room, "-f", room / "httpd.conf"],
        capture_output=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stderr.decode()[-2000:]
    printed = [*outline(parse(shown.stdout.decode()))]
    assert printed == [*outline(wanted)]


def outline(directives: Sequence[Directive], depth: int = 0) -> Iterator[tuple[int, str, str]]:
    """List directives as they stand, and how deep."""
    for one in directives:
        yield depth, one.name.lower(), one.arguments
        yield from outline(one.inside, depth + 1)


def run(cases: int) -> list[tuple[Case, Written]]:
    """Draw cases, judge each of them, and return those that were written."""
    taken: list[tuple[Case, Written]] = []
    refused = 0

    @settings(max_examples=cases, phases=PHASES, suppress_health_check=list(HealthCheck))
    @given(CASES)
    def every(case: Case) -> None:
        nonlocal refused
        written = write(case)
        event("refused" if written is None else "taken")
        if written is None:
            refused += 1
            return
        judge(case, written)
        taken.append((case, written))

    every()
    assert len(taken) >= ENOUGH * (len(taken) + refused)
    return taken


def only(site: dict[str, Any], **layout: str) -> Written | None:
    """Write a host of one site."""
    site = {"server_name": "a.lab", "document_root": "/srv", **site}
    variables = {"mtls_layout": {"like": "debian", **layout}, "apache_vhosts": [site]}
    return write(Case(variables, NEWEST, ["CN=CA"], 1, lists=False))


@pytest.mark.fault(66, how="raw lines that try to")
@pytest.mark.parametrize("extra", strategies.BAD_EXTRAS)
def test_raw_lines_cannot_leave_their_virtual_host(extra: str) -> None:
    # Apache reads a tag in quotes, on two lines, or out of a variable, as any other.
    assert only({"extra": extra}) is None


def test_a_word_may_go_on_at_the_beginning_of_the_next_line() -> None:
    written = only({"extra": "SetEnv A b\\\nc"})

    assert written is not None
    assert "    SetEnv A b\\\nc\n" in written.files["sites/a.lab.conf"]


def test_a_path_below_one_with_its_own_list_is_for_whom_the_site_allows() -> None:
    site = {
        "client_auth": {"allow": [{"cn": "site"}]},
        "paths": [{"path": "/a", "allow": [{"cn": "a"}]}, {"path": "/a/b"}],
    }
    written = only(site)

    assert written is not None
    sections = parse(written.files["sites/a.lab.conf"])[0].inside
    access = [one for one in sections if one.name in SECTIONS]
    for name, url in (("site", "/a/b"), ("a", "/a"), ("site", "/")):
        admitted = [who for who in ("site", "a", "x") if admits(access, certified(who, url))]
        assert admitted == [name]


def certified(name: str, url: str) -> Request:
    known = {"SSL_CLIENT_VERIFY": "SUCCESS", oracle.ISSUERS_VARIABLE: "CN=CA"}
    return Request(url=url, variables={**known, "SSL_CLIENT_S_DN_CN": name})


@pytest.mark.parametrize(
    ("site", "layout"),
    [
        ({"hsts": 10**4000}, {}),
        ({"client_auth": {"allow": [{"cn": "x" * 8192}]}}, {}),
        ({"proxy": [{"path": "/", "to": "http://[10.0.0.1]/"}]}, {}),
        ({}, {"config_root": "/srv/my apache"}),
    ],
)
def test_what_apache_could_not_read_is_refused(
    site: dict[str, Any], layout: dict[str, str]
) -> None:
    assert only({}) is not None
    assert only(site, **layout) is None


def test_a_backend_is_named_as_dns_has_it() -> None:
    written = only({"proxy": [{"path": "/", "to": "https://Bücher.example:8443"}]})

    assert written is not None
    assert '"https://xn--bcher-kva.example:8443/"' in written.files["sites/a.lab.conf"]


@pytest.mark.fault(66, how="fuzzing")
def test_what_is_not_refused_is_written_as_it_was_meant(room: Path) -> None:
    taken = run(500)
    if APACHE is None:
        pytest.skip("Apache is not installed")
    seen = [one for one in taken if all(map(is_plain, one[1].sites))][:100]
    assert len(seen) > 50
    assert_apache_reads_the_same(room, [written for _, written in seen])


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_so_it_is_for_ten_thousand_hosts() -> None:
    run(10_000)
