"""What `client issue` and `client renew` have in common: the signature, the files, the words."""

from pathlib import Path

from deployer.cli.host_session import HostSession
from deployer.errors import DeployerError
from deployer.pki.profiles import CLIENT
from deployer.report import console, identities
from deployer.workflows.handover import HandOver
from deployer.workflows.identities import EXAMPLE_URL, Registrar, Wish, revocation
from deployer.workflows.sheet import url_of
from deployer.workflows.targets import specs


def hand_over(
    session: HostSession, wish: Wish, directory: Path, *, with_pkcs12: bool = False
) -> HandOver:
    """Issue an identity, write its files and show them."""
    url = _url(session)
    registrar = Registrar(
        store=session.store,
        signer=session.unlock(CLIENT.authority),
        now=session.now,
        url=url,
    )
    handed_over = registrar.hand_over(wish, directory, with_pkcs12=with_pkcs12)
    try:
        if session.common.as_json:
            identities.show_json(handed_over)
        else:
            identities.show(handed_over, url)
    except OSError:
        # Its files are there all the same; only their list reached nobody.
        back = revocation(handed_over.issued)
        console.note(f"{directory} is written; {back} would take the certificate back")
        raise
    return handed_over


def _url(session: HostSession) -> str:
    """Name the one site that asks for certificates; the sheet's lines then work as they stand."""
    try:
        return url_of(specs(session.hosts("all"))) or EXAMPLE_URL
    except DeployerError:
        return EXAMPLE_URL  # a CA needs no inventory, and a broken one is no reason to stop
