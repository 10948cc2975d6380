"""Render: the Apache files of hosts, offline."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from deployer.apache.compile import render_sites
from deployer.apache.rendering import Templates
from deployer.inventory.model import Host
from deployer.platforms import Platform
from deployer.store.state import Store
from deployer.workflows.supplies import SupplyReader
from deployer.workflows.targets import specs
from deployer.workflows.trust import trust_of
from deployer.workflows.writing import write_texts

Rendered = Mapping[str, Mapping[str, str]]
"""Texts by their path in the release, by host."""


def render_all(
    hosts: Sequence[Host], store: Store, templates: Templates, *, root: Path, now: datetime
) -> Rendered:
    """
    Render every host's files. The state is read for the authorities; no key of theirs is opened.

    `root` is the project's directory, where the files are that sites are given.
    """
    wanted = specs(hosts)
    supplies = SupplyReader(root).read(wanted)
    return {
        spec.host: render_sites(
            spec,
            Platform.assumed(spec.layout),
            trust_of(spec, store, supplies, now=now),
            templates,
        )
        for spec in wanted
    }


def write(rendered: Rendered, directory: Path) -> tuple[Path, ...]:
    """Write the files below a directory, one directory a host."""
    texts = {
        directory / host / name: text
        for host, files in rendered.items()
        for name, text in files.items()
    }
    write_texts(texts)
    return tuple(texts)
