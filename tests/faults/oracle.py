"""What is looked at after a fault, whatever it was."""

import ssl
from datetime import UTC, datetime

from deployer.result import HostResult, Outcome, exit_status
from deployer.store.state import Store
from tests.journey.workbench import Workbench


def live_release(desk: Workbench) -> str:
    """Which release the host is on."""
    link = desk.host.exec(["readlink", f"{desk.host.layout.root}/current"], check=False)
    return link.stdout.decode().strip().rpartition("/")[2]


def serves_the_old(desk: Workbench) -> bool:
    """Say whether the site of `changing` is as it was: for the certified alone."""
    return (desk.curl(*desk.alice).stdout, desk.curl().stdout) == ("200", "000")


def serves_the_new(desk: Workbench) -> bool:
    """Say whether the site of `changing` has become what it was to become: for everybody."""
    return (desk.curl(*desk.alice).stdout, desk.curl().stdout) == ("200", "200")


def left_over(desk: Workbench) -> str:
    """Name what a switch or a lease has left on the host."""
    state, root = desk.host.layout.state_dir, desk.host.layout.root
    names = "pending undoing undoer undo working timer lease last plan"
    find = (
        f'cd "{state}" && for one in {names}; do ls -d "$one".* 2>/dev/null; done; '
        f'ls -d "{root}"/next.* "{root}"/restore.* "{root}"/releases/.staging.* 2>/dev/null'
    )
    return desk.host.exec(["sh", "-c", find], check=False).stdout.decode()


def server_certificates(desk: Workbench) -> list[int]:
    """The serial numbers of all server certificates on record."""
    with Store.open(desk.directory / ".deployer", now=datetime.now(UTC)) as store:
        return [one.serial for one in store.certificates.list(kind="server")]


def ended(results: list[HostResult], outcome: Outcome, status: int) -> HostResult:
    """Return the result of the one host, which is to be this, with this exit status."""
    (result,) = results
    assert (result.outcome, exit_status(results)) == (outcome, status), result
    return result


def alice(desk: Workbench) -> ssl.SSLContext:
    """Whom the site lets in."""
    context = ssl.create_default_context(cafile=str(desk.directory / "alice/alice.ca.pem"))
    context.load_cert_chain(desk.directory / "alice/alice.pem", desk.directory / "alice/alice.key")
    return context
