"""What a rollback would do, as people and programs read it."""

from deployer.report import console, differences
from deployer.report.plans import SIGNS, STYLES, failed
from deployer.workflows.rollback import Outlook


def show(outlook: Outlook, *, diff: bool, final: bool) -> None:
    """Print where each host would go back to; if nothing follows, what failed as well."""
    for host in outlook.changing:
        console.styled((host.target.name, "bold"))
        console.styled((f"  {host.found.current or 'nothing'} -> {host.kept.name}", ""))
        for change in host.plan.changes:
            reason = f"   ({change.reason})" if change.reason else ""
            line = f"  {SIGNS[change.kind]} {change.subject}{reason}"
            console.styled((line, STYLES[change.kind]))
        if diff:
            old, new = host.found.texts, host.plan.release.texts
            differences.show(old, new, before="live", after="kept")
    for result in outlook.failed if final else ():
        console.failure(f"{result.host}: {result.summary}", result.hint)
    console.note(_total(outlook), style="bold")


def show_json(outlook: Outlook, *, final: bool) -> None:
    """Print the same as JSON lines, one a host."""
    for host in outlook.hosts:
        console.json_line(
            "plan",
            host=host.target.name,
            changes=[
                {"kind": one.kind.value, "subject": one.subject, "reason": one.reason}
                for one in host.plan.changes
            ],
            release=host.kept.name,
            live=host.found.current or None,
            kept=list(host.kept.names),
        )
    if final:
        failed(outlook.failed)


def _total(outlook: Outlook) -> str:
    changing = len(outlook.changing)
    parts = [f"{changing} to go back", f"{len(outlook.hosts) - changing} there already"]
    if outlook.failed:
        parts.append(f"{len(outlook.failed)} failed")
    return f"rollback: {', '.join(parts)}"
