"""Commands of a project: how they are started, heard, and ended."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from deployer.fleet.hook import LONGEST_WORDS, MOST_KEPT, Ran, run_hook
from deployer.sandbox.processes import until

TERMINATION_IGNORED = "trap '' TERM; echo stubborn"


def run(
    *argv: str, directory: Path = Path("/"), told: Sequence[str] = (), timeout: float = 30
) -> Ran:
    environment = {"PATH": os.environ["PATH"], "WHO": "world"}
    return run_hook(argv, directory=directory, environment=environment, told=told, timeout=timeout)


def shell(text: str, *, timeout: float = 30, directory: Path = Path("/")) -> Ran:
    return run("sh", "-c", text, timeout=timeout, directory=directory)


def test_it_runs_where_and_with_what_it_is_told(tmp_path: Path) -> None:
    ran = run(
        *("sh", "-c", 'pwd; echo "hello $WHO, $HOME"; cat'),
        directory=tmp_path,
        told=("web1 changed", "web2 failed"),
    )

    assert ran == Ran(output=f"{tmp_path}\nhello world, \nweb1 changed\nweb2 failed\n")
    assert ran.last_words == "web2 failed"


def test_words_are_not_read_by_a_shell() -> None:
    assert run("printf", "%s", "$(id) `id` ; exit 9").output == "$(id) `id` ; exit 9"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("exit 0", ""),
        ("exit 3", "ended with status 3"),
        ("echo out of cheese >&2; exit 3", "ended with status 3: out of cheese"),
        ("kill -KILL $$", "was ended by SIGKILL"),
        (f"printf %0{LONGEST_WORDS + 9}d 1; exit 1", f"ended with status 1: {'0' * 200}"),
    ],
)
def test_it_is_said_how_it_ended(text: str, problem: str) -> None:
    assert shell(text).problem == problem


@pytest.mark.parametrize(
    ("word", "why"),
    [("no-such-program", "No such file or directory"), ("/etc", "Permission denied")],
)
def test_what_cannot_be_executed_is_a_problem_like_others(word: str, why: str) -> None:
    assert run(word).problem == f"cannot be executed: {why}"


def test_only_the_end_of_what_is_printed_is_kept() -> None:
    output = shell("head -c 3000000 /dev/zero | tr '\\0' x; echo last").output

    assert len(output) == MOST_KEPT
    assert output.endswith("xlast\n")


@pytest.mark.parametrize("first", ["echo patient", TERMINATION_IGNORED])
def test_one_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path, first: str) -> None:
    # The child outlives a SIGTERM as well, and would hold the pipe open.
    child = "(trap '' TERM; sleep 600) & echo $! >child"

    ran = shell(f"{child}; {first}; wait", timeout=0.5, directory=tmp_path)

    assert ran.problem.startswith("did not end within 0.5 s")
    assert ran.problem.endswith(("patient", "stubborn"))
    pid = int((tmp_path / "child").read_text())
    assert until(lambda: not _runs(pid), timeout=10)


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"  # nobody may be there to reap an orphan in a container


def test_what_it_leaves_behind_keeps_nobody_waiting(tmp_path: Path) -> None:
    ran = shell("sleep 600 & echo $! >child; echo done", timeout=30, directory=tmp_path)
    pid = int((tmp_path / "child").read_text())

    assert _runs(pid), "a service that it started is not ours to end"
    os.kill(pid, 9)
    assert ran == Ran(output="done\n")
