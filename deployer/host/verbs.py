"""
The verbs of a host, typed. Each is one round trip and one script.

What a script refuses becomes an error that names host, step, cause and the next thing to
type. A connection lost after the switch began is `Interrupted`: the host decides by itself.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from deployer import kept as keeping
from deployer.errors import HostError, Interrupted, Locked, NeedsHands, RolledBack, StepFailed
from deployer.host.script import Host, Stranger, script_text
from deployer.kept import Kept
from deployer.layouts import Layout
from deployer.observation import Observation, parse
from deployer.release import Release
from deployer.spec.supplied import CertificateOnHost
from deployer.transport import Completed

ROLLED_BACK, NEEDS_HANDS, LOCKED = 10, 11, 75
REFUSED = (1, 126, 127)
"""A script says 1 when it has switched nothing; the others are a shell's, which did not run it."""

REHEARSAL_HINTS = {
    20: "Apache's configuration was broken before this run: mend it, then apply again",
    22: "the old configuration keeps serving",
    23: "the old configuration keeps serving",
    24: "set mtls_default_vhost: leave, or mtls_redirect_http: false where it is plain HTTP's",
    25: "listen on another address or port, or stop the program that has it",
    28: "set mtls_redirect_http: false, or give that site a virtual host of its own",
    26: "create the directory on the host, or mend document_root",
}
MODULE_IS_MISSING, NOT_READ = 21, 27


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """One run at one host: its lease there, and the activation that it is for."""

    token: str
    """Names the lease, and the activation when it is confirmed or undone."""
    holder: str
    """Who asks for it, in words for whoever finds the host taken."""
    fence: int
    """The fencing token: the number of the last lease when the run looked at the host."""
    dead: str = ""
    """The token of a lease whose run is known to have ended, however lately it was heard of."""
    confirm_timeout: int
    """Seconds until the host undoes an activation that nobody confirmed."""

    @property
    def claim(self) -> tuple[str, str, str]:
        """What the host compares with the lease that it knows."""
        return (self.holder, str(self.fence), self.dead)


def observe(
    host: Host | Stranger,
    *,
    texts: bool = False,
    watched: Sequence[CertificateOnHost] = (),
    timeout: float = 30,
) -> Observation:
    """
    Ask a host everything a plan needs to know; with `texts`, for what a diff needs too.

    `watched` are certificates that somebody else keeps there.
    """
    paths = [
        path for one in watched for path in (one.certificate, one.chain or "", one.private_key)
    ]
    done = host.run("observe", "texts" if texts else "-", *paths, timeout=timeout)
    try:
        return parse(done.stdout.decode(errors="replace"))
    except ValueError as error:
        said = done.last_words or f"exit status {done.status}"
        hint = "the login must give a POSIX shell that prints nothing of its own"
        raise StepFailed(host.name, "observe", f"{error}: {said}", hint=hint) from error


def install(host: Host, *, timeout: float = 900) -> None:
    """Install Apache and mod_ssl with the system's own package manager, and start it."""
    done = host.run("install", *host.layout.packages, timeout=timeout)
    _yield_to_others(done)
    if done.status != 0:
        hint = f"install {' and '.join(host.layout.packages)} by hand, and apply again"
        _refused(host, "install", done, hint)


def stage(
    host: Host, release: Release, found: Observation, switch: Switch, *, timeout: float = 60
) -> str:
    """
    Take the lease, put a release beside the live one, and return the name of its directory.

    Only what the host lacks is sent. Nothing that Apache reads is touched. A host on which this
    fails has its lease back; so it is with `rehearse` and `activate`. Raises `Locked` when the
    lease is another run's, or was since the host was observed.
    """
    payload = release.to_tar({path: file.digest for path, file in found.files.items()})
    arguments = (switch.token, *switch.claim, release.id)
    done = host.run("stage", *arguments, payload=payload, timeout=timeout)
    _yield_to_others(done)
    if done.status != 0:
        needed = f"it needs about {len(payload) // 1024 + 1} KiB there"
        hint = f"the old configuration keeps serving; {needed}: free some space and apply again"
        _refused(host, "stage", done, hint if "No space left" in done.last_words else "")
    return _answer(host, "stage", done, "staged")


def kept(host: Host, beginning: str = "", *, timeout: float = 30) -> Kept:
    """
    Ask a host what releases it keeps, and what is in the one whose name begins so.

    Without a beginning, in the one that served before the live one.
    """
    done = host.run("kept", beginning, timeout=timeout)
    try:
        return keeping.parse(done.stdout.decode(errors="replace"))
    except ValueError as error:
        raise StepFailed(host.name, "observe", f"{error}: {_cause(done)}") from error


def rehearse(
    host: Host,
    release: Release,
    name: str,
    switch: Switch,
    *,
    hints: Mapping[int, str] = REHEARSAL_HINTS,
    timeout: float = 60,
) -> str:
    """
    Start the would-be configuration where nobody sees it; say whether `whole` or `shadow`.

    `hints` say what to do about each exit status of the script.
    """
    modules = " ".join(release.modules)
    ports = " ".join(map(str, release.ports))
    arguments = (switch.token, *switch.claim, name, modules, ports)
    done = host.run("rehearse", *arguments, timeout=timeout)
    _yield_to_others(done)
    if done.status != 0:
        _refused(host, "rehearse", done, _rehearsal_hint(done.status, hints, host.layout))
    return _answer(host, "rehearse", done, "rehearsed")


def _rehearsal_hint(status: int, hints: Mapping[int, str], layout: Layout) -> str:
    if status == MODULE_IS_MISSING:
        return layout.module_hint
    if status == NOT_READ:
        where = layout.main_config or "Apache's configuration"
        return f"make the directory, and add to {where}: IncludeOptional {layout.vhost_dir}/*.conf"
    return hints.get(status, "")


def activate(
    host: Host,
    release: Release,
    name: str,
    switch: Switch,
    *,
    starts: bool = False,
    timeout: float = 90,
) -> None:
    """
    Arm the dead-man timer, switch with one rename, reload, and see the new generation run.

    `starts`: an Apache that does not run is started; otherwise that is refused.
    """
    done = host.run(
        "activate",
        switch.token,
        *switch.claim,
        name,
        str(switch.confirm_timeout),
        " ".join(release.modules),
        "start" if starts else "",
        payload=script_text("undo", host.layout).encode(),
        timeout=timeout,
    )
    _yield_to_others(done)
    _judge(host, "activate", done)


def confirm(host: Host, switch: Switch, *, keep: int = 5, timeout: float = 60) -> None:
    """Disarm the timer: the new release stays. Raises `RolledBack` when that came too late."""
    done = host.run("confirm", switch.token, str(keep), timeout=timeout)
    _judge(host, "confirm", done)


def undo(host: Host, token: str, why: str, *, timeout: float = 90) -> HostError | None:
    """
    Bring back what served before a switch, and return what the host says of the outcome.

    None means that there was nothing to undo. Never raises for a failed rollback: the
    caller has an error of its own to report, and this is the rest of the story.
    """
    done = host.run("undo", token, "now", why, timeout=timeout)
    if done.status == ROLLED_BACK:
        return RolledBack(host.name, "probe", _whole(why, done), hint=ROLLED_BACK_HINT)
    if done.status == 0:
        return None
    return _needs_hands(host, "roll back", _cause(done))


def renew(host: Host, switch: Switch, *, timeout: float = 30) -> None:
    """Keep the lease of a run that waits before it goes on; raise `Locked` when it is lost."""
    _yield_to_others(host.run("lease", switch.token, "renew", *switch.claim, timeout=timeout))


def release(host: Host, switch: Switch, *, timeout: float = 30) -> None:
    """Give back the lease of a run that switches nothing here after all."""
    host.run("lease", switch.token, "release", timeout=timeout)


def unlock(host: Host, token: str, *, timeout: float = 30) -> None:
    """
    Take the lease from a run that will not come back; if it does, the host refuses it.

    Raises `Locked` when the lease is another's by now, or when a switch is in flight, which ends
    by itself.
    """
    done = host.run("lease", token, "break", timeout=timeout)
    _yield_to_others(done)
    if done.status != 0:
        _refused(host, "unlock", done, "")


def _yield_to_others(done: Completed) -> None:
    if done.status == LOCKED:
        message = f"another run is at work here: {done.last_words}"
        raise Locked(message, hint="let it finish, and apply again")


def _whole(why: str, done: Completed) -> str:
    """Add to our reason what the host did for another, or beyond it: started a dead Apache."""
    said = _cause(done)
    return said if said.startswith(why.replace("\n", " ")) else f"{why}; {said}"


ROLLED_BACK_HINT = "the host is back on the release that served before"


def _judge(host: Host, step: str, done: Completed) -> None:
    if done.status == 0:
        return
    if done.status == ROLLED_BACK:
        raise RolledBack(host.name, step, _cause(done), hint=ROLLED_BACK_HINT)
    if done.status == NEEDS_HANDS:
        raise _needs_hands(host, step, _cause(done))
    if done.status in REFUSED:
        _refused(host, step, done, "")
    raise Interrupted(host.name, step, f"the script was stopped: {_cause(done)}")


def _needs_hands(host: Host, step: str, cause: str) -> NeedsHands:
    layout = host.layout
    test = f"{' '.join(layout.httpd)} -t"
    if layout.envvars:
        test = f"(. {layout.envvars}; {test})"
    hint = (
        f"log in and look: tail {layout.state_dir}/journal; {test}; when that is content: "
        f"{' '.join(layout.start)}; deployer rollback {host.name} starts it with a kept release"
    )
    return NeedsHands(host.name, step, cause, hint=hint)


def _refused(host: Host, step: str, done: Completed, hint: str) -> NoReturn:
    raise StepFailed(host.name, step, _cause(done), hint=hint)


def _cause(done: Completed) -> str:
    """Say what the script said, without the time stamps of Apache's own log lines."""
    said = done.last_words or f"exit status {done.status}"
    return re.sub(r"(?m)^\[[^]]*\] (\[[^]]*\] )*", "", said)


def _answer(host: Host, step: str, done: Completed, word: str) -> str:
    # The last line: whatever a login shell prints comes before it.
    *_, line = ("", *done.stdout.decode(errors="replace").splitlines())
    name, _, value = line.partition(" ")
    if name == word:
        return value
    raise Interrupted(host.name, step, "the script ended without an answer")
