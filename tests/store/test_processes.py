"""Several processes on one state, and what is left of one that is killed."""

import signal
from pathlib import Path

import pytest
from cryptography import x509

from deployer.errors import Locked
from deployer.store.state import Store
from tests.store.examples import NOW, PASSPHRASE, client_request, process, server_request

ISSUE = """
    def during_signing():
        pass

    print("ready", flush=True)
    sys.stdin.readline()
    for number in range(EACH):
        issued = store.certificates.issue(server_request(host=f"h{number}"), signer, now=NOW)
        print(f"{issued.certificate.serial_number:x}", flush=True)
    store.close()
"""

WAIT_WHILE_SIGNING = """
    def during_signing():
        print("signing", flush=True)
        sys.stdin.readline()

    store.certificates.issue(server_request(), signer, now=NOW)
    store.close()
"""

DIE_WHILE_SIGNING = """
    def during_signing():
        os.kill(os.getpid(), signal.SIGKILL)

    store.certificates.issue(server_request(), signer, now=NOW)
"""


def issue_at_once(state: Path, *, processes: int, each: int) -> None:
    """Let processes issue one certificate after the other, and check the books."""
    running = [process(state, ISSUE.replace("EACH", str(each))) for _ in range(processes)]
    for one in running:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"

    for one in running:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    outputs = [one.communicate(timeout=240)[0].split() for one in running]

    assert {one.returncode for one in running} == {0}
    serials = {int(serial, 16) for output in outputs for serial in output}
    assert len(serials) == processes * each
    with Store.open(state, now=NOW) as store:
        records = store.certificates.list(kind="server")
        store.journal.verify()
    assert {record.serial for record in records} == serials
    assert {record.status for record in records} == {"issued"}


@pytest.mark.fault(55, how="several processes that sign at once")
def test_processes_that_issue_at_once_share_no_serial_and_all_is_on_record(state: Path) -> None:
    issue_at_once(state, processes=3, each=40)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_eight_processes_that_issue_two_thousand_at_once_share_no_serial(state: Path) -> None:
    issue_at_once(state, processes=8, each=250)


@pytest.mark.fault(55, how="another process that signs")
def test_a_process_waits_its_turn_with_a_deadline_and_names_who_is_before_it(state: Path) -> None:
    with process(state, WAIT_WHILE_SIGNING) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "signing\n"

        # It opens meanwhile, and does not take the other's intent for a dead one's.
        with Store.open(state, now=NOW, lock_timeout=0.1) as store:
            signer = store.unlock("servers", PASSPHRASE)
            with pytest.raises(Locked, match=f"in use by process {other.pid} on ") as refusal:
                store.certificates.issue(server_request(), signer, now=NOW)
            assert refusal.value.exit_code == 75

        other.communicate("go on\n", timeout=30)
        assert other.returncode == 0
    with Store.open(state, now=NOW) as store:
        (record,) = store.certificates.list(kind="server")
    assert (record.status, record.revoked_at) == ("issued", None)


@pytest.mark.fault(58, how="SIGKILL while it signs")
def test_what_a_killed_process_intended_is_closed_and_revoked_at_the_next_opening(
    state: Path,
) -> None:
    with process(state, DIE_WHILE_SIGNING) as doomed:
        doomed.communicate(timeout=30)
    assert doomed.returncode == -signal.SIGKILL

    with Store.open(state, now=NOW) as store:
        (record,) = store.certificates.list(kind="server")
        assert record.status == "abandoned"
        assert (record.revoked_at, record.reason) == (NOW, "cessationOfOperation")
        last = [event.kind for event in store.journal.list()][-2:]
        assert last == ["certificate abandoned", "certificate revoked"]
        assert store.certificates.of_target(kind="server", host="web1", name=record.name) is None

        crl = store.crls.publish(store.unlock("servers", PASSPHRASE), now=NOW)[0]
        entry = crl.get_revoked_certificate_by_serial_number(record.serial)
        assert isinstance(entry, x509.RevokedCertificate)

    with Store.open(state, now=NOW) as store:
        assert len(store.certificates.list(kind="server")) == 1
        clients = store.unlock("clients", PASSPHRASE)
        store.certificates.issue(client_request(), clients, now=NOW)
