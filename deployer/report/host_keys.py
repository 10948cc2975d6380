"""The keys that hosts have shown."""

from collections.abc import Sequence
from pathlib import Path

from deployer.report import console
from deployer.transport.known_hosts import Verdict
from deployer.workflows.trusting import Shown

_WORDS = {
    Verdict.TRUSTED: ("known", ""),
    Verdict.UNKNOWN: ("new", "green"),
    Verdict.CHANGED: ("CHANGED", "red"),
    Verdict.REVOKED: ("REVOKED", "red"),
}


def show(shown: Sequence[Shown]) -> None:
    """Print a table of keys, as `ssh-keygen -l` writes them."""
    if not shown:
        return
    rows, styles = [], []
    for one in shown:
        for key, verdict in zip(one.keys, one.verdicts, strict=True):
            word, style = _word(one, verdict)
            rows.append((one.route.name, one.name, key.algorithm, key.fingerprint, word))
            styles.append(style)
    console.table(("HOST", "RECORDED AS", "KEY", "FINGERPRINT", "STATE"), rows, styles=styles)


def show_json(shown: Sequence[Shown]) -> None:
    """Print one JSON line a key."""
    for one in shown:
        for key, verdict in zip(one.keys, one.verdicts, strict=True):
            console.json_line(
                "host_key",
                host=one.route.name,
                recorded_as=one.name,
                algorithm=key.algorithm,
                fingerprint=key.fingerprint,
                state=_word(one, verdict)[0].lower(),
            )


def counted(shown: Sequence[Shown]) -> str:
    """Say how many keys these are, and of how many hosts."""
    keys = sum(len(one.keys) for one in shown)
    hosts = len(shown)
    return f"{keys} key{'s'[: keys != 1]} of {hosts} host{'s'[: hosts != 1]}"


def recorded(shown: Sequence[Shown], file: Path) -> None:
    """Say what was recorded, and where."""
    console.note(f"recorded {counted(shown)} in {file}")


def _word(shown: Shown, verdict: Verdict) -> tuple[str, str]:
    # Of a host that one key proves, a key of another kind is no alarm: nobody has recorded it.
    if verdict is Verdict.CHANGED and not shown.is_wrong:
        return "not recorded", ""
    if verdict is Verdict.UNKNOWN and shown.vouched_for:
        return "by certificate", ""
    return _WORDS[verdict]
