"""
Plans, as people and programs read them.

A private key is never shown: not its text, not a difference, not its digest.
"""

from collections.abc import Sequence

from deployer.apache.compile import ON_HOST
from deployer.decision import certificate_path
from deployer.plan import Change, Kind
from deployer.report import console, differences, findings, leases
from deployer.result import HostResult
from deployer.workflows.holding import hold_on
from deployer.workflows.preview import Preview
from deployer.workflows.survey import Surveyed
from deployer.workflows.trust import unsigned

SIGNS = {Kind.CREATE: "+", Kind.UPDATE: "~", Kind.DELETE: "-"}
_SHOWN = 3
STYLES = {Kind.CREATE: "green", Kind.UPDATE: "yellow", Kind.DELETE: "red"}


def show(preview: Preview, *, diff: bool, final: bool) -> None:
    """Print what an apply would do, host by host; if nothing follows, what failed as well."""
    for host in preview.changing:
        console.styled((host.target.name, "bold"))
        for change in host.plan.changes:
            sign = SIGNS[change.kind]
            reason = _reason(host, change)
            line = f"  {sign} {change.subject}{f'   ({reason})' if reason else ''}"
            console.styled((line, STYLES[change.kind]))
        if diff:
            # Of anything else the names above say enough.
            old, new = host.found.texts, host.plan.release.texts
            differences.show(old, new, before="live", after="planned")
    findings.warn(preview.findings)
    if final:  # what is carried out has waited for others, or been refused
        holds = {host.target.name: hold_on(host.found) for host in preview.hosts}
        leases.tell({name: hold for name, hold in holds.items() if hold})
    for result in preview.failed if final else ():
        console.failure(f"{result.host}: {result.summary}", result.hint)
    console.note(_total(preview), style="bold")
    if preview.late:
        console.note(f"going on without {_few(preview.late)}: no answer yet", style="yellow")


def show_json(preview: Preview, *, final: bool) -> None:
    """Print the same as JSON lines, one a host; what failed is told of once, at the end."""
    for host in preview.hosts:
        changes = [
            {"kind": one.kind.value, "subject": one.subject, "reason": _reason(host, one)}
            for one in host.plan.changes
        ]
        console.json_line(
            "plan",
            host=host.target.name,
            changes=changes,
            release=_release_id(host),
            held=leases.facts(hold_on(host.found)),
        )
    findings.show_json(preview.findings)
    if preview.late:
        console.json_line("late", hosts=list(preview.late))
    if final:
        failed(preview.failed)


def failed(results: Sequence[HostResult]) -> None:
    """Print hosts that could not be looked at, as JSON lines."""
    for result in results:
        console.json_line(
            "host",
            host=result.host,
            outcome=result.outcome.value,
            summary=result.summary,
            hint=result.hint,
        )


def _release_id(host: Surveyed) -> str | None:
    # With something still to be signed, nobody knows yet what the release will be.
    signing = host.decision.due or host.credentials.due or unsigned(host.plan.release)
    return None if signing else host.plan.release.id


def _reason(host: Surveyed, change: Change) -> str:
    if change.subject.startswith("tls/"):
        slug = change.subject.split("/")[1]
        if slug in host.decision.due and change.subject.endswith("fullchain.pem"):
            return f"a new certificate: {host.decision.due[slug]}"
        if change.kind is Kind.UPDATE and change.subject.endswith(f"/{ON_HOST}"):
            return "certificate on the host was renewed"
    for slug, why in host.credentials.due.items():
        if change.subject == certificate_path(slug):
            return f"a new identity for its backends: {why}"
    if change.subject in unsigned(host.plan.release):
        return "revocation lists are half over"
    return change.reason


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{more}"


def _total(preview: Preview) -> str:
    changing, seen = len(preview.changing), len(preview.hosts)
    due = sum(len(host.decision.due) + len(host.credentials.due) for host in preview.changing)
    parts = [
        f"{changing} to change",
        f"{seen - changing} unchanged",
        f"{due} certificate{'' if due == 1 else 's'} to issue",
    ]
    if preview.failed:
        parts.append(f"{len(preview.failed)} failed")
    return f"plan: {', '.join(parts)}"
