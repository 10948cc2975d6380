"""Render: the Apache files of hosts, offline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from deployer.apache.rendering import Templates
from deployer.apache.sites import render_sites
from deployer.errors import DeployerError
from deployer.inventory.model import Host
from deployer.layouts import DEBIAN
from deployer.platforms import Platform
from deployer.spec.server import ServerSpec
from deployer.store.deployments import Deployed
from deployer.store.state import Store
from deployer.workflows.backends import backends_of
from deployer.workflows.credentials import unissued
from deployer.workflows.supplies import SupplyReader
from deployer.workflows.targets import specs
from deployer.workflows.trust import trust_of
from deployer.workflows.writing import write_texts

INCLUDE = "include.conf"
OURS = "# Written by deployer."


class NotARender(DeployerError):
    """A directory holds files that are somebody else's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The Apache files of one host, and what it got last."""

    host: str
    texts: Mapping[str, str] = field(repr=False)
    """By their paths in the release."""
    deployed: Deployed | None

    @property
    def differs(self) -> bool:
        """Say whether it would be another release than the one on record, if there is one."""
        return self.deployed is None or self.deployed.texts != self.texts


def render_all(
    hosts: Sequence[Host], store: Store, templates: Templates, *, root: Path, now: datetime
) -> tuple[Rendered, ...]:
    """
    Render every host's files. The state is read for the authorities; no key of theirs is opened.

    `root` is the project's directory, where the files are that sites are given.
    """
    wanted = specs(hosts)
    supplies = SupplyReader(root).read(wanted)
    found = []
    for spec in wanted:
        deployed = store.deployments.last(spec.host)
        texts = render_sites(
            spec,
            platform_of(spec, deployed),
            trust_of(spec, store, supplies, now=now),
            backends_of(spec, unissued(spec), store, supplies, now=now),
            templates,
        )
        found.append(Rendered(host=spec.host, texts=texts, deployed=deployed))
    return tuple(found)


def platform_of(spec: ServerSpec, deployed: Deployed | None) -> Platform:
    """Say what files are for: the host as it was last found, or the oldest of everything."""
    if deployed is None:
        return Platform.assumed(spec.layout or DEBIAN)
    return deployed.platform_for(spec.layout)


def write(rendered: Sequence[Rendered], directory: Path) -> tuple[Path, ...]:
    """
    Write the files below a directory, one directory a host.

    Over an earlier render, but not over anything else.
    """
    for one in rendered:
        if _is_foreign(place := directory / one.host):
            raise NotARender(
                f"{place} holds files that deployer did not render",
                hint="give another directory with -o, or move them away",
            )
    texts = {
        directory / one.host / name: text for one in rendered for name, text in one.texts.items()
    }
    write_texts(texts)
    return tuple(texts)


def _is_foreign(place: Path) -> bool:
    """Say whether a directory has something in it and does not look like a render."""
    try:
        if not any(place.iterdir()):
            return False
    except OSError:
        return False  # whoever writes there will say what is wrong
    try:
        return not (place / INCLUDE).read_text(encoding="utf-8").startswith(OURS)
    except (OSError, UnicodeDecodeError):
        return True
