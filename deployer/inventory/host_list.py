"""Hosts in place of a file: `-i web1,web2:2222,`, as Ansible's host_list plugin reads them."""

from deployer.inventory.draft import Draft
from deployer.inventory.model import UNGROUPED
from deployer.inventory.place import Place
from deployer.inventory.sources import SourceFile


def read_host_list(source: SourceFile, draft: Draft) -> None:
    """Add to a draft the hosts between commas; ranges are not for this place."""
    place = Place(source.path, 1)
    for name in filter(None, map(str.strip, source.text.split(","))):
        if "[" in name and not name.startswith("["):
            draft.problem(place, f"{name}: a list of hosts has no ranges: write a file")
        else:
            draft.add_hosts(UNGROUPED, name, place)
