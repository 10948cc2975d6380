"""What every command that revokes has in common: the keys, the lists, the words."""

from collections.abc import Sequence

from deployer.cli.session import Session
from deployer.report import holders
from deployer.store.records import CertificateRecord
from deployer.workflows.revocation import Reason, revoke


def take_back(session: Session, records: Sequence[CertificateRecord], reason: Reason) -> None:
    """Revoke certificates and say so."""
    revoke(records, session.store, session.unlock, now=session.now, reason=reason)
    if session.common.as_json:
        holders.show_revoked_json(records, reason)
    holders.say_revoked(records)
