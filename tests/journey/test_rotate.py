"""New certificates for a fleet that is being used."""

import ssl
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from cryptography import x509

from tests.hosts.fleet import Fleet
from tests.hosts.prober import Prober, fetch
from tests.journey.fleet_desk import FleetDesk, outcomes, steps
from tests.journey.workbench import SITE, deployer

ROTATE = ("rotate", "--yes", "--passphrase-file", "passphrase")


@pytest.fixture
def live(fleet: Fleet, tmp_path: Path, founded: Path) -> FleetDesk:
    desk = FleetDesk(tmp_path / "project", founded, fleet.hosts(3))
    desk.apply()
    return desk


def client(desk: FleetDesk, name: str) -> Callable[[], bytes]:
    """What alice does, each time on a new connection; it returns the certificate that she sees."""
    alice = desk.directory / "alice"
    context = ssl.create_default_context(cafile=str(alice / "alice.ca.pem"))
    context.load_cert_chain(alice / "alice.pem", alice / "alice.key")

    def ask() -> bytes:
        answer = fetch(f"https://{SITE}/", to=(desk.hosts[name].address, 443), context=context)
        assert answer.status == 200
        assert answer.certificate is not None
        return answer.certificate

    return ask


def key_of(desk: FleetDesk, name: str) -> bytes:
    root = desk.hosts[name].layout.root
    command = f"sha256sum {root}/current/tls/*/key.pem"
    return desk.hosts[name].exec(["sh", "-c", command]).stdout


def certificates_of_servers(desk: FleetDesk) -> list[str]:
    listed = deployer(desk.directory, "cert", "list", "--json").stdout.splitlines()
    return [line for line in listed if '"kind": "server"' in line]


@pytest.mark.fault(65)
def test_a_rotation_under_load_fails_nobody_and_replaces_every_key(live: FleetDesk) -> None:
    clients = {name: client(live, name) for name in live.hosts}
    before = {name: ask() for name, ask in clients.items()}
    keys = {name: key_of(live, name) for name in live.hosts}

    with ExitStack() as stack:
        probers = [stack.enter_context(Prober(ask)) for ask in clients.values()]
        events = live.events(*ROTATE)

    after = {name: ask() for name, ask in clients.items()}
    assert outcomes(events) == {"web1": "changed", "web2": "changed", "web3": "changed"}
    assert [prober.failures for prober in probers] == [(), (), ()]
    assert min(len(prober.observations) for prober in probers) > 10
    for name in live.hosts:
        assert after[name] != before[name]
        assert key_of(live, name) != keys[name]
        was, now = (x509.load_der_x509_certificate(one[name]) for one in (before, after))
        assert was.public_key() != now.public_key()
    switched = [host for host, _, ended in steps(events, "confirm") if ended]
    assert switched[0] == "web1"
    assert set(outcomes(live.apply()).values()) == {"unchanged"}


def test_the_hosts_of_a_pattern_are_rotated_and_no_others(live: FleetDesk) -> None:
    keys = {name: key_of(live, name) for name in live.hosts}

    events = live.events(*ROTATE, "web2")

    assert outcomes(events) == {"web2": "changed"}
    assert [name for name in live.hosts if key_of(live, name) != keys[name]] == ["web2"]


def test_lists_are_refreshed_without_a_new_certificate(live: FleetDesk) -> None:
    served = {name: client(live, name)() for name in live.hosts}
    issued = certificates_of_servers(live)

    events = live.events(*ROTATE, "--what", "crl")

    assert set(outcomes(events).values()) == {"changed"}
    assert {name: client(live, name)() for name in live.hosts} == served
    assert certificates_of_servers(live) == issued
    assert set(outcomes(live.apply()).values()) == {"unchanged"}


def test_a_rotation_can_be_looked_at_first(live: FleetDesk) -> None:
    said = deployer(live.directory, "rotate", "--check").stdout

    assert "a new one was asked for" in said
    assert set(outcomes(live.apply()).values()) == {"unchanged"}
