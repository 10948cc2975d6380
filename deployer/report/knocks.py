"""Who knocked where, and what came of it."""

from collections.abc import Sequence

from deployer.probe.verdict import Knock
from deployer.report import console
from deployer.result import HostResult
from deployer.workflows.probe import Probed


def show(found: Sequence[Probed], failed: Sequence[HostResult]) -> None:
    """Print one line a knock."""
    rows = [(probed.host, knock) for probed in found for knock in probed.knocks]
    console.table(
        ("HOST", "SITE", "AT", "CLIENT", "ANSWER", "VERDICT"),
        [
            (
                host,
                one.server_name,
                one.address,
                one.client,
                answer(one),
                one.problem or "as it should",
            )
            for host, one in rows
        ],
        styles=["red" if one.problem else "green" for _, one in rows],
    )
    for result in failed:
        console.failure(f"{result.host}: {result.summary}", result.hint)


def show_json(found: Sequence[Probed], failed: Sequence[HostResult]) -> None:
    """Print one JSON line a knock."""
    for probed in found:
        for one in probed.knocks:
            console.json_line(
                "knock",
                host=probed.host,
                server_name=one.server_name,
                client=one.client,
                status=one.answer.status if one.answer else None,
                address=one.address,
                end=one.answer.end.value if one.answer else None,
                words=one.answer.words if one.answer else None,
                served=f"{one.answer.served.serial_number:x}"
                if one.answer and one.answer.served
                else None,
                problem=one.problem,
            )
    for result in failed:
        console.json_line(
            "host", host=result.host, outcome=result.outcome.value, summary=result.summary
        )


def answer(knock: Knock) -> str:
    """Say what came back, in a few words."""
    if knock.answer is None:
        return "nothing"
    if knock.answer.status is not None:
        return f"HTTP {knock.answer.status}"
    return f"{knock.answer.end.value}: {knock.answer.words}"
