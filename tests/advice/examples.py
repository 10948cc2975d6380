"""Hosts as inventories write them, and what advice has to say about them."""

from datetime import UTC, datetime
from typing import Any

from deployer.advice.catalogue import findings
from deployer.advice.context import Context, Seen
from deployer.advice.finding import Finding
from deployer.spec.server import ServerSpec
from deployer.spec.vhost import VhostSpec

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)

Example = tuple[str, Any]
"""The number of a rule, and what it is tried on."""


def site(**fields: object) -> VhostSpec:
    return VhostSpec.model_validate({"server_name": "a.lab", "document_root": "/srv/a"} | fields)


def host(*sites: VhostSpec, **fields: Any) -> ServerSpec:
    default: dict[str, Any] = {
        "host": "web1",
        "layout": None,
        "default_vhost": "deny",
        "confirm_timeout": 60,
    }
    return ServerSpec(vhosts=sites, **(default | fields))


def context(*sites: VhostSpec, seen: Seen | None = None, **fields: Any) -> Context:
    return Context(spec=host(*sites), now=NOW, seen=seen or Seen(), **fields)


def of(number: str, about: Context) -> list[Finding]:
    """Return what one rule finds."""
    return [one for one in findings(about) if one.number == number]
