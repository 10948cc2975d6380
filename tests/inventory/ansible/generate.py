"""
Ask the real Ansible what it makes of our inventories and patterns, and keep the answers.

`python -m tests.inventory.ansible.generate [DIRECTORY WITH ansible-inventory]`; the suite itself
needs no Ansible. Ansible is only run here: nothing of it is in this project.
"""

import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
ANSWERS = HERE / "answers.json"
Case = dict[str, Any]


def cases() -> list[Case]:
    """Read the inventories."""
    found: list[Case] = yaml.safe_load((HERE / "cases.yml").read_text())
    return found


def patterns() -> tuple[str, list[dict[str, str]]]:
    """Read the patterns, and the inventory that they are for."""
    read = yaml.safe_load((HERE / "patterns.yml").read_text())
    asked = [{"pattern": one} if isinstance(one, str) else one for one in read["patterns"]]
    return read["inventory"], asked


def key(asked: dict[str, str]) -> str:
    """Name a pattern among the answers."""
    limit = f" --limit {asked['limit']}" if "limit" in asked else ""
    return f"{asked['pattern']}{limit}"


def write(case: Case, directory: Path) -> list[str]:
    """Write the files of a case; returns its sources."""
    for name, text in case["files"].items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")
        if path.suffix == ".sh":
            path.chmod(0o755)
    sources: list[str] = case.get("-i", ["hosts.ini"])
    return sources


def texts(written: str) -> Any:
    """Read YAML with every value as the text that it is: a date has no place in JSON."""
    return yaml.load(written, yaml.BaseLoader)  # noqa: S506


class Ansible:
    """The programs in one directory."""

    def __init__(self, programs: str) -> None:
        self._programs = programs

    def run(self, directory: Path, program: str, *arguments: str) -> str:
        ended = subprocess.run(
            [str(Path(self._programs, program)), *arguments],
            cwd=directory,
            env={
                **os.environ,
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_HOME": str(directory / ".home"),
                "ANSIBLE_LOCALHOST_WARNING": "False",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        return ended.stdout

    def inventory(self, case: Case) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as name:
            directory = Path(name)
            sources = [word for one in write(case, directory) for word in ("-i", one)]
            told = {
                "list": self.run(directory, "ansible-inventory", *sources, "--list"),
                "export": self.run(directory, "ansible-inventory", *sources, "--list", "--export"),
                "yaml": self.run(directory, "ansible-inventory", *sources, "--list", "--yaml"),
            }
            graph = self.run(directory, "ansible-inventory", *sources, "--graph", "--vars")
        return {
            "list": json.loads(told["list"] or "null"),
            "export": json.loads(told["export"] or "null"),
            "yaml": texts(told["yaml"]),
            "graph": graph.splitlines(),
        }

    def pattern(self, inventory: str, asked: dict[str, str]) -> list[str]:
        with tempfile.TemporaryDirectory() as name:
            (Path(name) / "hosts.ini").write_text(inventory)
            limit = ["--limit", asked["limit"]] if "limit" in asked else []
            said = self.run(
                Path(name), "ansible", "-i", "hosts.ini", "--list-hosts", *limit,
                "--", asked["pattern"],
            )  # fmt: skip
        return [line.strip() for line in said.splitlines()[1:]]


def main(programs: str) -> None:
    """Write the answers of every case."""
    ansible = Ansible(programs)
    version = ansible.run(HERE, "ansible-inventory", "--version").splitlines()[0]
    inventory, asked = patterns()
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        answered = list(workers.map(ansible.inventory, cases()))
        matched = list(workers.map(lambda one: ansible.pattern(inventory, one), asked))
    answers = {
        "version": version,
        "inventories": dict(zip((case["name"] for case in cases()), answered, strict=True)),
        "patterns": dict(zip(map(key, asked), matched, strict=True)),
    }
    ANSWERS.write_text(json.dumps(answers, indent=1, sort_keys=True, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
