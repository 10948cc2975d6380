"""Inventories, as `ansible-inventory` prints them."""

import json

import yaml

from deployer.inventory.place import Sealed, Unsafe
from deployer.report import console


class _Plain(yaml.SafeDumper):
    """Nothing is written as an alias: people read this."""

    def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002
        return True


_Plain.add_representer(Unsafe, lambda dumper, data: dumper.represent_str(str(data)))

_Plain.add_representer(
    Sealed, lambda dumper, data: dumper.represent_scalar("!vault", str(data), style="|")
)


def show_json(told: object) -> None:
    """Print as JSON."""
    console.data(json.dumps(told, indent=4, sort_keys=True))


def show_yaml(told: object) -> None:
    """Print as YAML."""
    text = yaml.dump(told, Dumper=_Plain, default_flow_style=False, allow_unicode=True)
    console.data(text.rstrip("\n"))
