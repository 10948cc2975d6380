"""One list of steps for the engine, the journal on the host, and the tests that kill at each."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from deployer.result import HostStep, Step
from tests.sweep import kills

TESTS = Path(__file__).parent.parent
SCRIPTS = TESTS.parent / "deployer" / "host" / "scripts"
WRITES = re.compile(r"(?m)(?<![\w/$.\"])journal +(\S+)")


def written() -> Iterator[tuple[str, str]]:
    """Every line of the journal that a script may write: the script, and the step's name."""
    for script in sorted(SCRIPTS.glob("*.sh")):
        for line in script.read_text().splitlines():
            code = line.lstrip()
            if not code.startswith("#"):
                yield from ((script.name, name) for name in WRITES.findall(code))


def test_the_scripts_of_a_host_write_steps_of_the_registry_and_no_others() -> None:
    unknown = [(script, name) for script, name in written() if name not in set(HostStep)]

    assert unknown == []


def test_every_step_of_the_registry_is_written_by_a_script() -> None:
    assert set(HostStep) - {name for _, name in written()} == set()


def test_every_step_has_a_test_that_kills_there() -> None:
    for path in sorted(TESTS.rglob("test_*kill*.py")):
        importlib.import_module(".".join(path.relative_to(TESTS.parent).with_suffix("").parts))

    assert set(Step) - kills.CONTROLLER == set(), "give it an occasion in test_kill_controller.py"
    assert set(HostStep) - kills.SCRIPT == set(), "see test_kill_script.py and tests/host"
