"""The checker finds what it is for: every promise, broken on purpose."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.hosts.fleet import FleetHost
from tests.journey.fleet_desk import FleetDesk
from tests.sweep import promises
from tests.sweep.disk import look
from tests.sweep.promises import Promises
from tests.sweep.visitors import Visitors

ROOT = "/etc/apache2/deployer"
STATE = "/var/lib/deployer"


@pytest.fixture
def desk(fleet_host: FleetHost, founded: Path, tmp_path: Path) -> FleetDesk:
    desk = FleetDesk(tmp_path / "project", founded, [fleet_host])
    desk.write(hsts=1)
    desk.apply()
    return desk


def stopped(host: FleetHost) -> None:
    host.exec(["apache2ctl", "stop"])


def another_key(host: FleetHost) -> None:
    other = "openssl genpkey -algorithm ed25519"
    host.exec(["sh", "-c", f'for key in {ROOT}/current/tls/*/key.pem; do {other} >"$key"; done'])


def half_a_release(host: FleetHost) -> None:
    host.exec(["sh", "-c", f"rm {ROOT}/current/crl/*"])


def another_include(host: FleetHost) -> None:
    host.exec(["sh", "-c", "echo >>/etc/apache2/sites-enabled/000-deployer.conf"])


def not_reloaded(host: FleetHost) -> None:
    # A release that is whole, and not the one that is served.
    edit = (
        f"cd {ROOT}/releases && cp -a $(readlink ../current | cut -d/ -f2) new && cd new && "
        "sed -i s/max-age=1/max-age=7/ sites/*.conf && "
        "for path in sites/*.conf; do digest=$(sha256sum <$path | cut -d' ' -f1); "
        'sed -i "s#^file 0644 .* $path#file 0644 $digest $path#" MANIFEST; done && '
        "id=$(sha256sum MANIFEST | cut -c1-20) && cd .. && mv new $id && "
        "ln -sfn releases/$id ../current"
    )
    host.exec(["sh", "-c", edit])


def two_writers(host: FleetHost) -> None:
    lines = "x switched first\nx leased late 99, to bob\nx staged first\n".replace("x ", "1Z ")
    host.exec(["sh", "-c", f"printf '1Z leased first 98, to alice\\n{lines}' >>{STATE}/journal"])


def an_old_lease(host: FleetHost) -> None:
    host.exec(["sh", "-c", f"printf '1Z leased late 1, to bob\\n' >>{STATE}/journal"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("breaks", "found"),
    [
        (stopped, "P1: {'web1'"),
        (another_key, "P3: web1"),
        (half_a_release, "P3: web1"),
        (another_include, "P3: web1: .*the include file is another"),
        (not_reloaded, "P3: web1"),
        (two_writers, "P9: web1"),
        (an_old_lease, "P9: web1"),
    ],
)
def test_what_breaks_a_promise_is_found(
    desk: FleetDesk, breaks: Callable[[FleetHost], None], found: str
) -> None:
    with Visitors(desk) as visitors:
        breaks(desk.hosts["web1"])

    with pytest.raises(AssertionError, match=found):
        Promises(desk).check(visitors)


@pytest.mark.slow
def test_a_key_of_another_certificate_and_a_certificate_without_a_record_are_found(
    desk: FleetDesk,
) -> None:
    another_key(desk.hosts["web1"])
    disk = look(desk.hosts["web1"])

    with pytest.raises(AssertionError, match="P2: web1"):
        promises.paired("web1", disk)
    with pytest.raises(AssertionError, match="P10: web1: not on record"):
        promises.recorded({"web1": disk}, [])
