"""Activating, confirming and undoing: a host is on the old release or on the new one."""

import os
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from deployer.errors import Locked, NeedsHands, RolledBack, StepFailed
from deployer.host import verbs
from deployer.host.script import Host, preamble
from deployer.host.verbs import Switch
from deployer.layouts import Layout
from deployer.release import Release
from deployer.sandbox.processes import until
from tests.host.machine import Machine, claim, new_switch
from tests.host.releases import KEY, another_key


def is_tidy(machine: Machine) -> bool:
    """Say whether nothing of an activation is left, but for what the next reader wants."""
    left = {path.name for path in machine.state.iterdir()}
    left -= {"journal", "last", "confirmed", "generation", "reload.log", "rehearsal"}
    assert {name.partition(".")[0] for name in left} <= {"free"}, left
    assert {path.name for path in machine.root.iterdir()} <= {"current", "releases"}
    assert not list(machine.sites.glob(".deployer*"))
    return True


# The way it should go


def test_a_confirmed_release_serves_and_nobody_was_turned_away(any_shell: Machine) -> None:
    first, second = any_shell.release(), any_shell.release()

    with any_shell.prober() as prober:
        any_shell.deploy(first)
        first_served = any_shell.serves(first)
        switch = any_shell.deploy(second)
        assert any_shell.serves(second)

    assert first_served
    assert prober.failures == ()
    assert any_shell.current == second.id
    assert any_shell.last.startswith("confirmed")
    assert f" reloaded {switch.token}\n" in any_shell.journal
    assert any_shell.in_flight() == []
    assert is_tidy(any_shell)


def test_debian_gets_a_release_and_keeps_its_own_site(debian: Machine) -> None:
    release = debian.release()
    before = debian.configuration()

    with debian.prober() as prober:
        debian.deploy(release)
        assert debian.serves(release)

    assert prober.failures == ()
    after = debian.configuration()
    assert after.items() > before.items()
    assert after.keys() - before.keys() == {
        "sites-enabled/000-deployer.conf",
        "mods-enabled/ssl.load",
        "mods-enabled/ssl.conf",
        "mods-enabled/socache_shmcb.load",
    }


@pytest.mark.fault(40)
def test_a_confirmation_may_be_repeated_when_its_answer_was_lost(machine: Machine) -> None:
    release = machine.release()
    switch = machine.deploy(release)
    before = machine.last, machine.journal

    verbs.confirm(machine.host, switch)

    assert (machine.last, machine.journal) == before
    assert machine.current == release.id


def test_an_undo_after_the_confirmation_finds_nothing_to_undo(machine: Machine) -> None:
    release = machine.release()
    switch = machine.deploy(release)

    assert machine.undo(switch) is None
    assert machine.serves(release)


def test_five_releases_are_kept_with_the_live_one_and_the_one_before(machine: Machine) -> None:
    oldest = machine.release()
    machine.deploy(oldest)
    others = [machine.release() for _ in range(7)]
    for age, release in enumerate(others):
        name = machine.stage(release)
        os.utime(machine.root / "releases" / name, (10_000 + age, 10_000 + age))
    os.utime(machine.root / "releases" / oldest.id, (1, 1))
    live = machine.release()

    machine.deploy(live)

    kept = {path.name for path in (machine.root / "releases").iterdir()}
    newest = {release.id for release in others[-4:]}
    assert kept == {live.id, oldest.id, *newest}


def test_a_release_that_was_staged_again_counts_as_new(machine: Machine) -> None:
    again, others = machine.release(), [machine.release() for _ in range(6)]
    for age, release in enumerate((again, *others)):
        name = machine.stage(release)
        os.utime(machine.root / "releases" / name, (10_000 + age, 10_000 + age))
    machine.stage(again)

    machine.deploy(machine.release())

    assert (machine.root / "releases" / again.id).exists()
    assert not (machine.root / "releases" / others[0].id).exists()


# Going back


def test_a_first_activation_undone_leaves_the_host_as_it_was_found(any_shell: Machine) -> None:
    before = any_shell.configuration()
    switch = any_shell.activate(any_shell.release())
    assert any_shell.configuration() != before

    verdict = any_shell.undo(switch, "the probe\nfailed")

    assert isinstance(verdict, RolledBack)
    assert any_shell.configuration() == before
    assert any_shell.current == ""
    assert any_shell.served() is None
    assert any_shell.site_serves()
    assert any_shell.last.startswith(f"rolled_back {switch.token} ")
    assert any_shell.last.endswith("the probe failed")
    assert any_shell.in_flight() == []
    assert is_tidy(any_shell)


def test_a_first_activation_undone_leaves_debian_as_it_was_found(debian: Machine) -> None:
    before = debian.configuration()
    switch = debian.activate(debian.release(modules=("headers", "proxy", "proxy_http", "ssl")))
    assert "proxy_http" in debian.observe().modules

    assert isinstance(debian.undo(switch), RolledBack)

    assert debian.configuration() == before
    assert debian.site_serves()


def test_a_second_activation_undone_returns_to_the_first(any_shell: Machine) -> None:
    first = any_shell.release(include="zzz-deployer.conf")
    any_shell.deploy(first)
    before = any_shell.configuration()
    with any_shell.prober() as prober:
        second = any_shell.release()
        switch = any_shell.activate(second)
        assert any_shell.serves(second)

        assert isinstance(any_shell.undo(switch), RolledBack)

    assert any_shell.serves(first)
    assert any_shell.configuration() == before
    assert any_shell.current == first.id
    assert any_shell.observe().confirmed == first.id
    assert prober.failures == ()


def test_an_undo_brings_back_what_was_found_and_not_what_should_have_been(machine: Machine) -> None:
    release = machine.release()
    machine.deploy(release)
    include = machine.sites / "000-deployer.conf"
    include.write_text(f"# mine now\n{include.read_text()}")
    include.chmod(0o600)
    link = machine.root / "current"
    link.unlink()
    link.symlink_to(machine.root / "releases" / release.id)
    before = machine.configuration()

    switch = machine.activate(machine.release())
    machine.undo(switch)

    assert machine.configuration() == before
    assert link.readlink() == machine.root / "releases" / release.id
    assert machine.serves(release)


def test_undoing_twice_is_undoing_once(machine: Machine) -> None:
    switch = machine.activate(machine.release())
    machine.undo(switch, "the first reason")
    before = machine.journal

    again = machine.undo(switch, "the second reason")

    assert isinstance(again, RolledBack)
    assert machine.journal == before
    assert machine.last.endswith("the first reason")


# The dead man


def test_an_undo_whose_outcome_cannot_be_noted_is_done_again(machine: Machine) -> None:
    old = machine.release()
    machine.deploy(old)
    switch = machine.activate(machine.release())
    note = machine.state / f"last.{switch.token}"
    note.unlink()
    note.mkdir()

    assert isinstance(machine.undo(switch), RolledBack)
    note.rmdir()

    assert isinstance(machine.undo(switch), RolledBack)
    assert machine.last.startswith(f"rolled_back {switch.token} ")
    assert machine.serves(old)
    assert machine.in_flight() == []


def test_a_release_that_nobody_confirms_is_undone_by_the_host_itself(any_shell: Machine) -> None:
    first = any_shell.release()
    any_shell.deploy(first)
    with any_shell.prober() as prober:
        switch = any_shell.activate(any_shell.release(), timeout=1)

        last = any_shell.await_last(f"rolled_back {switch.token} ")

    assert last.endswith("no confirmation within 1 s")
    assert any_shell.serves(first)
    assert prober.failures == ()
    assert is_tidy(any_shell)


def test_debian_undoes_what_nobody_confirms(debian: Machine) -> None:
    before = debian.configuration()
    with debian.prober() as prober:
        switch = debian.activate(debian.release(), timeout=1)
        debian.await_last(f"rolled_back {switch.token} ")

    assert debian.configuration() == before
    assert prober.failures == ()


@pytest.mark.fault(41)
def test_a_confirmation_that_comes_too_late_is_refused_with_the_reason(machine: Machine) -> None:
    switch = machine.activate(machine.release(), timeout=1)
    machine.await_last("rolled_back")

    with pytest.raises(RolledBack, match="no confirmation within 1 s"):
        verbs.confirm(machine.host, switch)

    assert machine.served() is None


@pytest.mark.fault(41, how="a confirmation during the undo")
def test_a_confirmation_during_the_undo_waits_for_its_end(machine: Machine) -> None:
    slow = with_reload(machine, "sleep 0.5; ")
    switch = slow.activate(slow.release(), timeout=1)
    assert until(lambda: bool(list(slow.state.glob("undoing.*"))), timeout=10)

    with pytest.raises(RolledBack, match="no confirmation within 1 s"):
        verbs.confirm(slow.host, switch)

    assert slow.last.startswith("rolled_back")


def test_a_timer_that_fires_during_the_switch_still_leaves_one_release(machine: Machine) -> None:
    first = machine.release()
    machine.deploy(first)
    slow = with_reload(machine, "sleep 1.5; ")

    with pytest.raises(RolledBack, match="no confirmation within 1 s"):
        slow.activate(slow.release(), timeout=1)

    assert machine.serves(first)
    assert machine.current == first.id
    assert slow.in_flight() == []
    assert is_tidy(machine)


def test_controller_and_timer_may_undo_at_the_same_time(machine: Machine) -> None:
    first = machine.release()
    machine.deploy(first)
    slow = with_reload(machine, "sleep 0.5; ")
    switch = slow.activate(slow.release(), timeout=1)
    assert until(lambda: bool(list(slow.state.glob("undoing.*"))), timeout=10)

    assert isinstance(slow.undo(switch, "the probe failed"), RolledBack)

    assert machine.last.endswith("no confirmation within 1 s")
    assert machine.journal.count(f" rolled_back {switch.token} ") == 1
    assert machine.serves(first)


@pytest.mark.fault(42)
def test_a_switch_whose_timer_died_is_undone_by_whoever_comes_next(machine: Machine) -> None:
    first = machine.release()
    machine.deploy(first)
    switch = machine.activate(machine.release())
    timer = int((machine.state / f"timer.{switch.token}").readlink().name)
    os.killpg(timer, signal.SIGKILL)

    pending = machine.observe().pending
    assert pending is not None
    assert isinstance(verbs.undo(machine.host, pending.token, "left behind"), RolledBack)

    assert machine.serves(first)
    assert is_tidy(machine)


def test_a_timer_is_never_taken_for_another_program_with_its_number(machine: Machine) -> None:
    switch = machine.activate(machine.release())
    timer = machine.state / f"timer.{switch.token}"
    os.killpg(int(timer.readlink().name), signal.SIGKILL)
    timer.unlink()
    with subprocess.Popen(["sleep", "600"], start_new_session=True) as innocent:
        timer.symlink_to(str(innocent.pid))

        verbs.confirm(machine.host, switch)

        assert innocent.poll() is None
        innocent.kill()


def with_reload(machine: Machine, before: str, *, after: str = "") -> Machine:
    """The same host, whose reload command takes its time."""
    layout = machine.layout
    command = f"{before}{' '.join(layout.reload)}{after}"
    return with_layout(machine, replace(layout, reload=("sh", "-c", command)))


def with_layout(machine: Machine, layout: Layout) -> Machine:
    host = machine.host
    return replace(machine, host=Host(host.name, host.transport, layout, host.address))


# When Apache itself fails


def spoil(machine: Machine, name: str) -> None:
    """Do to a rehearsed release what only the reload will find."""
    (machine.root / "releases" / name / KEY).write_bytes(another_key())


@pytest.mark.fault(32, how="the key of a rehearsed release is replaced")
def test_an_apache_that_dies_of_the_reload_is_started_again_with_the_old_release(
    any_shell: Machine,
) -> None:
    first = any_shell.release()
    any_shell.deploy(first)
    release = any_shell.release()
    name = any_shell.stage(release)
    spoil(any_shell, name)
    before = any_shell.observe().apache_pid

    with pytest.raises(RolledBack, match="from the reload: AH02565"):
        verbs.activate(any_shell.host, release, name, new_switch(any_shell.host))

    assert any_shell.serves(first)
    assert any_shell.site_serves()
    assert any_shell.observe().apache_pid not in {None, before}
    assert is_tidy(any_shell)


def test_debians_apache_is_started_again_as_its_administrator_would(debian: Machine) -> None:
    release = debian.release()
    name = debian.stage(release)
    spoil(debian, name)

    with pytest.raises(RolledBack):
        verbs.activate(debian.host, release, name, new_switch(debian.host))

    assert debian.site_serves()
    umask = debian.lab.exec(
        ["sh", "-c", f"grep Umask /proc/$(cat {debian.layout.pid_file})/status"]
    )
    assert umask.stdout.split() == [b"Umask:", b"0022"]


def test_a_reload_that_was_refused_has_changed_nothing(machine: Machine) -> None:
    first = machine.release()
    machine.deploy(first)
    (machine.sites / "shop.conf").write_text("Nonsense\n")
    pid = machine.observe().apache_pid

    with (
        machine.prober() as prober,
        pytest.raises(RolledBack, match="Invalid command 'Nonsense'"),
    ):
        machine.activate(machine.release())

    assert prober.failures == ()
    assert machine.serves(first)
    assert machine.current == first.id
    assert machine.observe().apache_pid == pid


@pytest.mark.fault(35, how="a reload command that sleeps")
@pytest.mark.slow
def test_a_reload_that_hangs_is_given_up(machine: Machine) -> None:
    first = machine.release()
    machine.deploy(first)
    hanging = with_reload(machine, "exec sleep 600; ")

    with pytest.raises(RolledBack, match="did not come back"):
        hanging.activate(hanging.release())

    assert machine.serves(first)
    assert machine.current == first.id


@pytest.mark.fault(38)
def test_an_old_configuration_that_was_broken_meanwhile_needs_hands(machine: Machine) -> None:
    machine.deploy(machine.release())
    switch = machine.activate(machine.release())
    (machine.sites / "shop.conf").write_text("Nonsense\n")

    verdict = machine.undo(switch)

    assert isinstance(verdict, NeedsHands)
    assert "the probe failed" in verdict.cause
    assert "Invalid command 'Nonsense'" in verdict.cause
    assert "journal" in verdict.hint
    # It is not stopped for that: it goes on with what it has.
    assert machine.site_serves()
    with pytest.raises(NeedsHands):
        verbs.confirm(machine.host, switch)


@pytest.mark.fault(38, how="the same, and Apache is killed")
def test_an_apache_that_neither_configuration_can_start_needs_hands(machine: Machine) -> None:
    machine.deploy(machine.release())
    switch = machine.activate(machine.release())
    (machine.sites / "shop.conf").write_text("Nonsense\n")
    pid = machine.observe().apache_pid
    assert pid is not None
    os.killpg(pid, signal.SIGKILL)

    verdict = machine.undo(switch)

    assert isinstance(verdict, NeedsHands)
    assert "-k start" in verdict.hint
    assert machine.last.startswith("needs_hands")
    assert isinstance(machine.undo(switch), NeedsHands)


@pytest.mark.fault(29, how="Apache stopped between rehearsal and switch")
def test_an_apache_that_is_stopped_is_not_started_by_an_activation(machine: Machine) -> None:
    pid_file = Path(machine.layout.pid_file)
    os.kill(int(pid_file.read_text()), signal.SIGTERM)
    assert until(lambda: not pid_file.exists(), timeout=10)
    before = machine.configuration()

    with pytest.raises(StepFailed, match="Apache is not running"):
        machine.activate(machine.release())

    assert machine.configuration() == before
    assert not machine.site_serves()
    assert is_tidy(machine)


def test_a_directory_in_place_of_the_link_is_not_touched(machine: Machine) -> None:
    (machine.root / "current").mkdir(parents=True)

    with pytest.raises(StepFailed, match="current is not a link: move it away"):
        machine.activate(machine.release())

    assert (machine.root / "current").is_dir()
    assert is_tidy(machine)


def test_a_release_that_was_never_staged_is_not_activated(machine: Machine) -> None:
    release = machine.release()

    with pytest.raises(StepFailed, match="there is no release"):
        verbs.activate(machine.host, release, release.id, new_switch(machine.host))

    assert machine.current == ""


def test_an_undo_that_did_not_arrive_whole_is_never_armed(machine: Machine) -> None:
    release = machine.release()
    name = machine.stage(release)

    done = machine.host.run(
        "activate", *claim(machine), name, "60", "", payload=b"# half an undo\n"
    )

    assert done.status == 1
    assert "did not arrive whole" in done.last_words
    assert machine.current == ""
    assert is_tidy(machine)


# One controller at a time


def test_a_second_controller_is_told_who_holds_the_host(machine: Machine) -> None:
    first = machine.activate(machine.release(), holder="alice@laptop: apply web")
    live = machine.current

    with pytest.raises(Locked, match="held by alice@laptop: apply web"):
        machine.activate(machine.release(), holder="bob")

    assert machine.current == live
    verbs.confirm(machine.host, first)
    machine.activate(machine.release(), holder="bob")


@pytest.mark.fault(48, how="many activations at once")
def test_of_many_controllers_at_once_one_gets_the_host(machine: Machine) -> None:
    for _ in range(3):
        wanted = [machine.release() for _ in range(4)]
        names = [machine.stage(release) for release in wanted]

        switches = [new_switch(machine.host, holder=f"controller {number}") for number in range(4)]

        with ThreadPoolExecutor(4) as pool:
            attempts = zip(wanted, names, switches, strict=True)
            gained = list(pool.map(lambda attempt: gains(machine, *attempt), attempts))

        assert gained.count(True) == 1
        assert machine.serves(wanted[gained.index(True)])
        verbs.confirm(machine.host, switches[gained.index(True)])


def gains(machine: Machine, release: Release, name: str, switch: Switch) -> bool:
    """Try to activate a release; say whether nobody else was quicker."""
    try:
        verbs.activate(machine.host, release, name, switch)
    except Locked:
        return False
    return True


LEASE = """
token=$1
read_lease
seen=$number
ln -s "$$" "$state/working.$token"
hold_lease "$token" "holder $token" "$seen" ""
echo "taken $number"
mkdir "$state/critical" || echo "more than one"
sleep 0.01
rmdir "$state/critical"
release_lease
rm "$state/working.$token"
"""


def test_the_lease_of_a_dead_run_is_taken_over_by_one_alone(machine: Machine) -> None:
    words = files("deployer.host").joinpath("scripts", "lib.sh").read_text()
    script = preamble(machine.layout) + words + LEASE
    machine.state.mkdir()
    (machine.state / "lease.7").symlink_to("dead a run that was killed")
    (machine.state / "working.dead").symlink_to("4000000")

    def contend(number: int) -> tuple[int, bytes]:
        argv = ("sh", "-c", script, "lease", f"t{number}")
        done = machine.host.transport.run(argv, timeout=30)
        return done.status, done.stdout

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(contend, range(80)))

    taken = [int(said.split()[1]) for status, said in results if status == 0]
    assert all(status in {0, 75} for status, _ in results)
    assert not any(b"more" in said for _, said in results)
    assert min(taken) == 8
    assert len(set(taken)) == len(taken)
