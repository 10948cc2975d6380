"""
How fast hosts' files are made: compiling and rendering, next to plain Jinja2 with the same values.

`python -m benchmarks.render` prints a ratio, the median of several rounds in which both sides take
turns, and virtual hosts per second of one core. `--quick` is a tenth of it.
"""
# ruff: noqa: INP001 (run by name, imported by a test)

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jinja2

from deployer.apache.compile import compile_release
from deployer.apache.material import Backend, Leaf, Material, Trust
from deployer.apache.rendering import Templates
from deployer.apache.sites import SITE, render_sites
from deployer.layouts import DEBIAN
from deployer.platforms import Platform
from deployer.resources import templates as shipped
from deployer.spec.server import ServerSpec
from deployer.spec.vhost import VhostSpec

HOSTS = 200
SITES = 25
FEWEST = 5000
"""Virtual hosts per second of a core."""
MOST = 2.0
"""Times what plain Jinja2 takes."""
PLATFORM = Platform.assumed(DEBIAN)
TRUST = Trust(
    bundle=b"t" * 3000, names=b"n" * 1500, crls=b"c" * 2000, depth=2, issuers=("CN=CA,O=Example",)
)
BACKEND = Backend(trust=b"t" * 1500, crls=None, depth=1)
KINDS: tuple[Mapping[str, object], ...] = (
    {
        "document_root": "/srv/www",
        "client_auth": {"allow": [{"ou": "admins"}, {"cn": "batch-*", "o": "Example"}]},
    },
    {
        "document_root": "/srv/www",
        "client_auth": {"verify": "optional"},
        "paths": [
            {"path": "/admin", "allow": [{"ou": "admins"}]},
            {"path": "/admin/keys", "auth": "certificate_and_password"},
            {"path": "/staff", "auth": "certificate_or_password"},
        ],
        "passwords": {"users": {"alice": f"$2y$12${'a' * 53}"}},
    },
    {
        "hsts": True,
        "proxy": [
            {"path": "/", "to": "https://app.internal:8443", "identity": "gateway"},
            {"path": "/live", "to": "http://app.internal:8080/live", "websocket": True},
        ],
        "client_auth": {"identity": {"headers": True}},
    },
)


class Fleet(NamedTuple):
    """Hosts and what lies beside their sites."""

    specs: tuple[ServerSpec, ...]
    material: Material

    @property
    def sites(self) -> int:
        """The number of virtual hosts."""
        return sum(len(spec.vhosts) for spec in self.specs)


class Recorded(Templates):
    """Templates that remember what they were asked for."""

    def __init__(self, shipped: Mapping[str, str]) -> None:
        super().__init__(shipped)
        self.asked: list[tuple[str, dict[str, object]]] = []

    def render(self, name: str, subject: str, /, **values: object) -> str:
        """Render, and remember the values."""
        self.asked.append((name, values))
        return super().render(name, subject, **values)


class Figures(NamedTuple):
    """What was measured: medians, in virtual hosts per second of a core."""

    ratio: float
    compiled: float
    rendered: float
    plain: float


def texts() -> dict[str, str]:
    """Read the templates that ship with the program."""
    return {
        str(path.relative_to(shipped())): path.read_text(encoding="utf-8")
        for path in shipped().rglob("apache/*.j2")
    }


def fleet(hosts: int) -> Fleet:
    """Make hosts with sites of every kind."""
    sites = tuple(
        VhostSpec.model_validate(
            {"server_name": f"s{number}.example.com", **KINDS[number % len(KINDS)]}
        )
        for number in range(SITES)
    )
    specs = tuple(
        ServerSpec(
            host=f"h{number}", layout=None, vhosts=sites, default_vhost="deny", confirm_timeout=60
        )
        for number in range(hosts)
    )
    leaf = Leaf(fullchain=b"l" * 3000, key_digest="0" * 64)
    return Fleet(
        specs,
        Material(
            leaves={site.slug: leaf for site in sites},
            trust={site.slug: TRUST for site in sites},
            backends={site.slug: BACKEND for site in sites if site.tls_route},
        ),
    )


def plain_jinja(sources: Mapping[str, str]) -> jinja2.Environment:
    """Make what anybody would: the same templates, and quoting that looks at nothing."""
    environment = jinja2.Environment(
        loader=jinja2.DictLoader(sources),
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
        autoescape=False,  # noqa: S701 - Apache's files are no HTML
    )
    environment.filters |= {
        "arg": str,
        "comment": str,
        "path": str,
        "expr": "'{}'".format,
        "quoted": '"{}"'.format,
    }
    return environment


def seconds(work: Callable[[], object]) -> float:
    """Time one round on this core, whoever else is busy."""
    start = time.process_time()
    work()
    return time.process_time() - start


def measure(hosts: int, rounds: int) -> Figures:
    """Let both sides take turns; neither reads a template in the time that counts."""
    made = fleet(hosts)
    material = made.material
    templates = Templates(texts())
    plain = plain_jinja(texts())
    recorded = Recorded(texts())
    for spec in made.specs:
        render_sites(spec, PLATFORM, material.trust, material.backends, recorded)
    asked = recorded.asked

    def compiling() -> None:
        for spec in made.specs:
            compile_release(spec, PLATFORM, material, templates)

    def rendering() -> None:
        for spec in made.specs:
            render_sites(spec, PLATFORM, material.trust, material.backends, templates)

    def barely() -> None:
        for name, values in asked:
            plain.get_template(name).render(values)

    compile_release(made.specs[0], PLATFORM, material, templates)
    plain.get_template(SITE).render(asked[-1][1])
    all_rounds = [(seconds(compiling), seconds(rendering), seconds(barely)) for _ in range(rounds)]
    one, two, three = (statistics.median(taken) for taken in zip(*all_rounds, strict=True))
    ratio = statistics.median(ours / bare for ours, _, bare in all_rounds)
    return Figures(ratio, made.sites / one, made.sites / two, made.sites / three)


def main() -> int:
    """Measure, and say whether it is within the limits."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    hosts = HOSTS // (10 if options.quick else 1)
    found = measure(hosts, options.rounds)
    within = found.ratio <= MOST and found.compiled >= FEWEST
    sys.stdout.write(
        f"{hosts} hosts of {SITES} sites, compiled and rendered: {found.ratio:.2f} times plain "
        f"Jinja2 (at most {MOST:g}); {found.compiled:.0f} sites a second and core (at least "
        f"{FEWEST}), {found.rendered:.0f} without the files' digests, {found.plain:.0f} by plain "
        f"Jinja2: {'ok' if within else 'TOO SLOW'}\n"
    )
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
