"""The state of every site, worst things said last so that they are read."""

from collections.abc import Sequence

from deployer.report import console, leases
from deployer.result import HostResult
from deployer.workflows.status import Health, VhostStatus

STYLES = {Health.OK: "green", Health.WARNING: "yellow", Health.CRITICAL: "red"}


def show(found: Sequence[VhostStatus], failed: Sequence[HostResult]) -> None:
    """Print one line a site, then every remark."""
    console.table(
        ("HOST", "SITE", "HEALTH", "SERIAL", "ISSUER", "EXPIRES", "CRLS UNTIL", "RELEASE"),
        [
            (
                one.host,
                one.server_name or "-",
                one.health.value,
                f"{one.serial:x}"[:12] if one.serial else "-",
                one.issuer or "-",
                f"{one.expires:%Y-%m-%d}" if one.expires else "-",
                f"{one.crls_until:%Y-%m-%d}" if one.crls_until else "-",
                one.release or "-",
            )
            for one in found
        ]
        + [(one.host, "-", Health.CRITICAL.value, *"-----") for one in failed],
        styles=[STYLES[one.health] for one in found] + [STYLES[Health.CRITICAL]] * len(failed),
    )
    leases.tell({one.host: one.hold for one in found if one.hold})
    for one in found:
        for remark in one.remarks:
            who = f"{one.host}: {one.server_name}" if one.server_name else one.host
            console.note(f"{who}: {remark}", style=STYLES[one.health])
    for result in failed:
        console.failure(f"{result.host}: {result.summary}", result.hint)


def show_json(found: Sequence[VhostStatus], failed: Sequence[HostResult]) -> None:
    """Print one JSON line a site."""
    for one in found:
        console.json_line(
            "site",
            host=one.host,
            server_name=one.server_name or None,
            health=one.health.value,
            serial=f"{one.serial:x}" if one.serial else None,
            issuer=one.issuer or None,
            expires=one.expires.isoformat() if one.expires else None,
            crls_until=one.crls_until.isoformat() if one.crls_until else None,
            release=one.release,
            held=leases.facts(one.hold),
            remarks=list(one.remarks),
        )
    for result in failed:
        console.json_line(
            "host", host=result.host, outcome=result.outcome.value, summary=result.summary
        )
