"""Commands of the project before and after runs, batches and hosts; and who is told of the end."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from deployer.sandbox.processes import until
from tests.fleet.ear import Ear
from tests.hosts.fleet import Fleet
from tests.journey.fleet_desk import APPLY, FleetDesk, outcomes, steps
from tests.journey.test_signals import begins, running
from tests.journey.workbench import PASSPHRASE, deployer

HOOKS = ("before_run", "after_run", "before_batch", "after_batch", "before_host", "after_host")
RECORD = """\
#!/bin/sh
told=$(tr '\\n' ,)
echo "$DEPLOYER_HOOK|$DEPLOYER_BATCH|$DEPLOYER_HOST|$DEPLOYER_OUTCOME|$DEPLOYER_STATUS|$told" >>told
env >"env.$DEPLOYER_HOOK"
"""


WAIT = "touch begun; until test -e go; do sleep 0.05; done"


@pytest.fixture
def two(fleet: Fleet, tmp_path: Path, founded: Path) -> FleetDesk:
    desk = FleetDesk(tmp_path / "project", founded, fleet.hosts(2))
    (desk.directory / "record").write_text(RECORD)
    (desk.directory / "record").chmod(0o755)
    return desk


def settle(desk: FleetDesk, table: str, **values: object) -> None:
    """Write a table of `deployer.toml`."""
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())
    with (desk.directory / "deployer.toml").open("a") as file:
        file.write(f"[{table}]\n{lines}")


def told(desk: FleetDesk) -> list[str]:
    file = desk.directory / "told"
    return file.read_text().splitlines() if file.exists() else []


def has_a_release(desk: FleetDesk, name: str) -> bool:
    root = desk.hosts[name].layout.root
    return desk.hosts[name].exec(["test", "-e", f"{root}/current"], check=False).status == 0


def test_commands_come_before_and_after_the_run_its_batches_and_its_hosts(
    two: FleetDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    settle(two, "hooks", **{hook: ["./record"] for hook in HOOKS})
    monkeypatch.setenv("DEPLOYER_CA_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("DEPLOYER_HOST", "of another run")

    events = two.apply("--serial", "1")

    assert told(two) == [
        "before_run|||||",
        "before_batch|1||||web1,",
        "before_host|1|web1|||web1,",
        "after_host|1|web1|changed||web1 changed,",
        "after_batch|1||done||web1 changed,",
        "before_batch|2||||web2,",
        "before_host|2|web2|||web2,",
        "after_host|2|web2|changed||web2 changed,",
        "after_batch|2||done||web2 changed,",
        "after_run|||done|0|web1 changed,web2 changed,",
    ]
    around = [one for one in steps(events, "hook", "rehearse", "activate", "confirm") if one[2]]
    assert around[around.index(("web1", "activate", True)) - 1] == ("web1", "hook", True)
    assert around[around.index(("web1", "confirm", True)) + 1] == ("web1", "hook", True)
    for hook in HOOKS:
        environment = (two.directory / f"env.{hook}").read_text()
        assert "DEPLOYER_RUN=1\n" in environment
        assert "DEPLOYER_COMMAND=apply\n" in environment
        assert "DEPLOYER_OPERATOR=" in environment
        assert PASSPHRASE not in environment


def test_a_run_that_must_not_begin_touches_nothing(two: FleetDesk) -> None:
    settle(two, "hooks", before_run="echo frozen until Monday; exit 1", after_run=["./record"])

    said = deployer(two.directory, *APPLY, status=1).stderr

    assert "deployer: before_run ended with status 1: frozen until Monday" in said
    assert told(two) == ["after_run|||refused|1|"]
    assert not any(has_a_release(two, name) for name in two.hosts)
    (run,) = two.events("runs", "list")[1:]
    assert run["ending"] == "before_run ended with status 1: frozen until Monday"


def test_a_host_that_must_not_begin_has_failed_and_is_let_go(two: FleetDesk) -> None:
    drain = 'test "$DEPLOYER_HOST" = web2 || { echo still busy; exit 7; }'
    settle(two, "hooks", before_host=drain, after_host=["./record"])

    events = two.apply(status=2)

    assert outcomes(events) == {"web1": "failed", "web2": "changed"}
    (failed,) = [event for event in events if event.get("outcome") == "failed"]
    assert failed["summary"] == "hook: before_host ended with status 7: still busy"
    assert sorted(told(two)) == [
        "after_host|1|web1|failed||web1 failed,",
        "after_host|1|web2|changed||web2 changed,",
    ]
    assert not has_a_release(two, "web1")
    lease = f"ls {two.hosts['web1'].layout.state_dir}/lease.*"
    assert two.hosts["web1"].exec(["sh", "-c", lease], check=False).status != 0
    shown = deployer(two.directory, "runs", "show", "--host", "web1").stdout
    assert "before_host ended with status 7: still busy" in shown


@pytest.mark.slow
def test_they_run_here_when_other_processes_do_the_work(two: FleetDesk) -> None:
    settle(two, "hooks", before_host='test "$DEPLOYER_HOST" = web2', after_host=["./record"])

    events = two.apply("--processes", "2", "--canary", "web2", status=2)

    assert outcomes(events) == {"web1": "failed", "web2": "changed"}
    assert told(two) == [
        "after_host|1|web2|changed||web2 changed,",
        "after_host|2|web1|failed||web1 failed,",
    ]
    # A release lay ready there, for which the host was held.
    lease = f"ls {two.hosts['web1'].layout.state_dir}/lease.*"
    assert two.hosts["web1"].exec(["sh", "-c", lease], check=False).status != 0


@pytest.mark.slow
def test_a_batch_that_must_not_begin_ends_the_run(two: FleetDesk) -> None:
    settle(two, "hooks", before_batch='test "$DEPLOYER_BATCH" = 1', after_batch=["./record"])

    events = two.apply("--serial", "1", status=2)

    assert outcomes(events) == {"web1": "changed", "web2": "skipped"}
    (skipped,) = [event for event in events if event.get("outcome") == "skipped"]
    assert skipped["summary"] == "not begun: before_batch ended with status 1"
    assert told(two)[-1] == "after_batch|2||failed||web2 skipped,"


def test_a_batch_that_must_not_begin_brings_nothing_back(two: FleetDesk) -> None:
    settle(two, "hooks", before_batch='test "$DEPLOYER_BATCH" = 1')

    events = two.apply("--serial", "1", "--rollback-scope", "run", status=2)

    assert outcomes(events) == {"web1": "changed", "web2": "skipped"}
    assert not steps(events, "roll back")


@pytest.mark.slow
@pytest.mark.parametrize("hook", ["after_host", "after_batch"])
def test_one_that_fails_afterwards_is_told_counted_and_nothing_else_begins(
    two: FleetDesk, hook: str
) -> None:
    settle(two, "hooks", **{hook: "echo the pool does not answer; exit 1"})

    said = deployer(two.directory, *APPLY, "--serial", "1", status=2)

    assert "web1  changed" in said.stdout
    assert "web2  skipped" in said.stdout
    who = "web1" if hook == "after_host" else "controller"
    assert f"{who}: {hook} ended with status 1: the pool does not answer" in said.stderr


@pytest.mark.slow
def test_one_that_fails_after_a_good_run_is_a_failure(two: FleetDesk) -> None:
    settle(two, "hooks", after_run="exit 1")

    assert set(outcomes(two.apply(status=2)).values()) == {"changed"}


@pytest.mark.slow
def test_one_that_hangs_costs_its_own_time(two: FleetDesk) -> None:
    hang = "test $DEPLOYER_HOST = web2 || { sleep 600 & echo $! >child; wait; }"
    settle(two, "hooks", before_host=hang, timeout=1)

    events = two.apply(status=2)

    assert outcomes(events) == {"web1": "failed", "web2": "changed"}
    (failed,) = [event for event in events if event.get("outcome") == "failed"]
    assert failed["summary"] == "hook: before_host did not end within 1 s"
    child = Path(f"/proc/{int((two.directory / 'child').read_text())}/cmdline")
    assert until(lambda: not child.exists() or not child.read_bytes(), timeout=10)


@pytest.mark.slow
def test_what_they_print_is_for_those_who_want_to_know(two: FleetDesk) -> None:
    settle(two, "hooks", before_run="printf 'one\\033[2J\\ntwo\\n'")

    quiet = deployer(two.directory, *APPLY)
    verbose = deployer(two.directory, *APPLY, "-v")

    assert "before_run" not in quiet.stdout + quiet.stderr
    assert (
        "  controller  before_run: one\\x1b[2J\n  controller  before_run: two\n" in verbose.stderr
    )
    shown = deployer(two.directory, "runs", "show", "--host", "controller").stdout
    assert "before_run: two" in shown


def test_an_interruption_at_the_terminal_lets_a_command_end(two: FleetDesk) -> None:
    settle(two, "hooks", before_host=f"{WAIT}; echo ended >ended", after_run=["./record"])

    with running(two, "-f", "1", group=True) as run:
        run.read_until(begins("web1", "hook"))
        assert until((two.directory / "begun").exists, timeout=30)
        os.killpg(run.process.pid, signal.SIGINT)  # as a terminal does
        run.hear("finishing the hosts in flight")
        (two.directory / "go").touch()
        ended, _ = run.end()

    assert ended == 130
    assert (two.directory / "ended").exists()
    assert outcomes(run.events) == {"web1": "changed", "web2": "skipped"}
    assert told(two) == ["after_run|||interrupted|130|web1 changed,web2 skipped,"]


def test_an_interruption_ends_the_wait_for_a_host_that_is_late(two: FleetDesk) -> None:
    settle(two, "hooks", before_host=WAIT)
    state = two.hosts["web2"].layout.state_dir
    held = f'mkdir -p {state}; ln -s "t $(date +%s) bob@desk: apply" {state}/lease.1'
    two.hosts["web2"].exec(["sh", "-c", held])

    with running(two, "--lock-timeout", "1h") as run:
        run.read_until(begins("web1", "hook"))
        assert until((two.directory / "begun").exists, timeout=30)
        run.process.send_signal(signal.SIGINT)
        run.hear("finishing the hosts in flight")
        (two.directory / "go").touch()
        ended, _ = run.end()

    assert ended == 130
    assert outcomes(run.events) == {"web1": "changed", "web2": "skipped"}


@pytest.mark.slow
def test_an_interruption_before_the_run_begins_it_not(two: FleetDesk) -> None:
    settle(two, "hooks", before_run=WAIT, after_run=["./record"])

    with running(two, group=True) as run:
        assert until((two.directory / "begun").exists, timeout=30)
        os.killpg(run.process.pid, signal.SIGINT)
        run.hear("waiting for a hook to end")
        (two.directory / "go").touch()
        ended, _ = run.end()

    assert ended == 130
    assert told(two) == ["after_run|||interrupted|130|"]
    assert not has_a_release(two, "web1")


@pytest.mark.slow
def test_a_run_that_is_killed_in_one_has_switched_nothing(two: FleetDesk) -> None:
    settle(two, "hooks", before_host=WAIT)

    with running(two, "-f", "1") as run:
        run.read_until(begins("web1", "hook"))
        assert until((two.directory / "begun").exists, timeout=30)
        run.process.kill()
        run.process.wait()
    (two.directory / "go").touch()

    assert not has_a_release(two, "web1")
    assert set(outcomes(two.apply()).values()) == {"changed"}


def summary(ear: Ear) -> dict[str, Any]:
    ((_, _, facts),) = ear.heard
    assert isinstance(facts, dict)
    return facts


def test_the_webhook_is_told_what_became_of_every_host(two: FleetDesk) -> None:
    (two.directory / "token").write_text("Authorization: Bearer s3cret\n")
    (two.directory / "token").chmod(0o600)
    two.hosts["web2"].unplug()

    with Ear() as ear:
        settle(two, "notify", webhook=ear.url, header_file="token")
        ended = deployer(two.directory, *APPLY, "-T", "0.5", status=4)

    ((_, headers, _),) = ear.heard
    assert headers["authorization"] == "Bearer s3cret"
    assert headers["user-agent"].startswith("deployer/")
    facts = summary(ear)
    assert (facts["event"], facts["schema"], facts["run"]) == ("summary", 1, 1)
    assert (facts["command"], facts["status"], facts["outcome"]) == ("apply", 4, "failed")
    assert facts["began"] < facts["ended"]
    assert facts["counts"] == {"changed": 1, "unreachable": 1}
    assert [(one["host"], one["outcome"]) for one in facts["hosts"]] == [
        *(("web1", "changed"), ("web2", "unreachable")),
    ]
    assert facts["hosts"][0]["release"] in ended.stdout
    assert facts["hosts"][1]["summary"].startswith("connect: ")
    assert "s3cret" not in ended.stdout + ended.stderr


@pytest.mark.slow
def test_the_webhook_is_told_of_a_refusal_too(two: FleetDesk) -> None:
    with Ear() as ear:
        settle(two, "notify", webhook=ear.url)
        deployer(two.directory, "apply", status=5)  # nobody says yes

    facts = summary(ear)
    assert (facts["outcome"], facts["status"], facts["hosts"]) == ("refused", 5, [])


@pytest.mark.slow
def test_the_webhook_is_told_of_an_interruption(two: FleetDesk) -> None:
    with Ear() as ear:
        settle(two, "notify", webhook=ear.url)
        with running(two, "-f", "1") as run:
            run.read_until(begins("web1", "rehearse"))
            run.process.send_signal(signal.SIGTERM)
            run.end()

    facts = summary(ear)
    assert (facts["outcome"], facts["status"]) == ("interrupted", 143)
    assert facts["counts"] == {"changed": 1, "skipped": 1}


@pytest.mark.slow
@pytest.mark.parametrize(("header", "said"), [("", "it answered 404"), ("gone", "cannot read ")])
def test_a_webhook_that_fails_is_a_warning_and_no_more(
    two: FleetDesk, header: str, said: str
) -> None:
    with Ear(404) as ear:
        settle(two, "notify", webhook=ear.url, header_file=header)
        ended = deployer(two.directory, *APPLY)

    (warning,) = [line for line in ended.stderr.splitlines() if line.startswith("warning: ")]
    assert said in warning
    assert "T0KEN" not in ended.stderr
