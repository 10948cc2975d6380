"""
A state that is older than what hosts have: a copy from yesterday, or a backup that was restored.

Its revocation lists would let in again whom a newer state has revoked.
"""

from deployer.errors import StepFailed
from deployer.pki.authority import Authority
from deployer.release import lists_of
from deployer.result import Step
from deployer.store.state import Store
from deployer.workflows.survey import Surveyed


def older(host: Surveyed, store: Store) -> StepFailed | None:
    """Refuse to replace a revocation list of ours by one with a lower number."""
    wanted, live = dict(host.plan.release.lists), lists_of(host.found.manifest)
    behind = [
        f"{one.name} G{one.generation}"
        for one in store.authorities.list()
        if (key := _key_identifier(one)) in wanted and wanted[key] < live.get(key, 0)
    ]
    if not behind:
        return None
    return StepFailed(
        host.target.name,
        Step.OBSERVE,
        f"its revocation lists of {' and '.join(behind)} are newer than those of this state",
        hint="use the state that signed them; if it is lost, revoke here whom it had revoked, and "
        "deployer ca crl --renew",
    )


def _key_identifier(authority: Authority) -> str:
    return (authority.key_identifier.key_identifier or b"").hex()
