"""The record of runs: one file each, which grows while the run goes on."""

import os
from pathlib import Path

import pytest

from deployer.errors import DeployerError
from deployer.result import Event, HostResult, Outcome, Step
from deployer.store.runs import NoSuchRun, Recorder, Runs


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path)


def begin(runs: Runs, command: str = "apply") -> Recorder:
    return runs.begin(command=command, operator="alice@laptop", version="1.0")


def test_a_run_is_read_as_it_was_written(runs: Runs) -> None:
    result = HostResult(host="web1", outcome=Outcome.CHANGED, release="abc")
    event = Event(host="web1", step=Step.REHEARSE, ended=True, detail="whole")
    with begin(runs) as recorder:
        recorder.step(event)
        recorder.host(result)
        recorder.end("status 0")

    past = runs.read(1)

    assert (past.number, past.command, past.operator, past.version) == (
        *(1, "apply", "alice@laptop"),
        "1.0",
    )
    assert past.results == {"web1": result}
    assert [told for _, told in past.steps] == [event]
    assert past.ending == "status 0"
    assert past.ended_at is not None
    assert past.at <= past.ended_at


def test_runs_are_numbered_and_the_newest_comes_first(runs: Runs) -> None:
    for command in ("apply", "rotate leaf", "apply"):
        with begin(runs, command):
            pass

    assert [(past.number, past.command) for past in runs.newest_first()] == [
        *((3, "apply"), (2, "rotate leaf")),
        (1, "apply"),
    ]


def test_old_runs_are_forgotten_and_the_numbers_go_on(runs: Runs, tmp_path: Path) -> None:
    for _ in range(5):
        begin(runs).end("done")
    (tmp_path / "runs" / "notes.txt").touch()

    runs.forget(keep=3)
    begin(runs)  # and cut off

    assert [past.number for past in runs.newest_first()] == [6, 5, 4]
    assert (tmp_path / "runs" / "notes.txt").exists()
    runs.forget(keep=1)
    assert [past.number for past in runs.newest_first()] == [6], "the newest stays in any case"
    left = runs.close_cut_off()
    assert left is not None
    assert left.number == 6
    assert begin(runs).number == 7


def test_there_may_be_no_run(runs: Runs) -> None:
    assert runs.last() is None
    assert runs.close_cut_off() is None
    with pytest.raises(NoSuchRun, match="no run 7"):
        runs.read(7)


def test_a_run_that_was_killed_is_told_of_once_with_what_was_in_flight(
    runs: Runs, tmp_path: Path
) -> None:
    recorder = begin(runs)
    for name, step in (("web1", Step.OBSERVE), ("web2", Step.STAGE), ("web3", Step.ACTIVATE)):
        recorder.step(Event(host=name, step=step, ended=False))
    recorder.host(HostResult(host="web3", outcome=Outcome.CHANGED))
    with (tmp_path / "runs" / "000001.jsonl").open("a") as file:
        file.write('{"event": "ste')

    left = runs.close_cut_off()

    assert left is not None
    assert left.in_flight == ("web2",)
    assert runs.close_cut_off() is None
    assert runs.read(1).ending == "cut off"
    assert runs.read(1).ended("failed") == {"web2"}


@pytest.mark.fault(52, how="a log of another version")
def test_what_another_version_has_written_is_left_out(runs: Runs, tmp_path: Path) -> None:
    begin(runs).end("status 0")
    lines = (
        '{"event": "step", "at": "2026-11-24T12:00:00+00:00", "host": "web1", "step": "levitate", '
        '"ended": true, "detail": ""}\n'
        '{"event": "host", "host": "web1", "outcome": "enlightened"}\n'
        '{"event": "omen"}\n'
        "[1]\n"
    )
    with (tmp_path / "runs" / "000001.jsonl").open("a") as file:
        file.write(lines)

    past = runs.read(1)

    assert (past.results, past.steps, past.ending) == ({}, [], "status 0")


def test_hosts_that_failed_are_told_from_those_that_were_out_of_reach(runs: Runs) -> None:
    with begin(runs) as recorder:
        for outcome in Outcome:
            recorder.host(HostResult(host=outcome.value, outcome=outcome))

    past = runs.read(1)

    assert past.ended("failed") == {"failed", "rolled_back", "needs_hands", "unknown"}
    assert past.ended("unreachable") == {"unreachable"}


def test_a_run_that_came_to_no_host_has_not_been_carried_out(runs: Runs) -> None:
    failed = HostResult(host="web1", outcome=Outcome.FAILED)
    with begin(runs) as carried_out:
        carried_out.host(failed)
        carried_out.end("status 2")
    with begin(runs) as without_hosts:
        without_hosts.end("status 0")
    with begin(runs) as refused:
        refused.host(failed)
        refused.end("the passphrase is wrong", refused=True)
    killed = begin(runs)
    killed.step(Event(host="web1", step=Step.ACTIVATE, ended=False))

    told = [past.number for past in runs.newest_first() if past.was_carried_out]

    assert told == [4, 1]
    killed.end("cut off")


def test_nobody_else_may_read_it(runs: Runs, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        begin(runs).end("done")
    finally:
        os.umask(before)

    assert (tmp_path / "runs").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "runs" / "000001.jsonl").stat().st_mode & 0o777 == 0o600


@pytest.mark.fault(46, how="/dev/full for the log")
def test_a_full_disk_is_noticed_and_ends_nothing() -> None:
    recorder = Recorder(os.open("/dev/full", os.O_WRONLY), 1)

    recorder.step(Event(host="web1", step=Step.ACTIVATE, ended=False))
    recorder.host(HostResult(host="web1", outcome=Outcome.CHANGED))

    assert recorder.broken == "the log of the run cannot be written: No space left on device"
    recorder.end("status 0")


@pytest.mark.parametrize(
    ("error", "ending"),
    [
        (DeployerError("the CA is away"), "the CA is away"),
        (KeyboardInterrupt(), "interrupted"),
        (ZeroDivisionError(), "ZeroDivisionError"),
    ],
)
def test_what_ended_a_run_is_on_record(runs: Runs, error: BaseException, ending: str) -> None:
    with pytest.raises(type(error)), begin(runs):
        raise error

    assert runs.read(1).ending == ending
