"""Faults of Apache: dead before us, damaged material, a fatal reload, a port that is gone."""

import re
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from deployer.result import Outcome, Step
from deployer.sandbox.processes import until
from tests.faults.oracle import (
    alice,
    ended,
    left_over,
    live_release,
    server_certificates,
    serves_the_new,
    serves_the_old,
)
from tests.host.releases import another_key
from tests.hosts.prober import Prober, fetch, listens
from tests.journey.paused import apply_paused_at
from tests.journey.workbench import SITE, Workbench

# Files of a release are links to those of the one before: damage must not reach that one.
SPOIL = """
cd /etc/apache2/deployer
for release in releases/*; do
  [ "$release" -ef current ] || file=$(echo "$release"/$1)
done
cat >"$file.new" && chmod 600 "$file.new" && mv "$file.new" "$file"
"""
KEY = "tls/*/key.pem"


def spoil(desk: Workbench, file: str, content: bytes) -> None:
    """Replace a file of the release that is not live yet."""
    desk.host.exec(["sh", "-ec", SPOIL, "spoil", file], stdin=content)


def visiting(desk: Workbench) -> Prober:
    """Be alice, on a new connection every 20 ms."""
    context = alice(desk)

    def ask() -> int:
        to = (desk.host.address, desk.port)
        status = fetch(f"https://{SITE}/", to=to, context=context).status
        assert status == 200
        return status

    return Prober(ask)


OTHER = "openssl s_server -cert /tmp/other.pem -key /tmp/other.key -www -accept"


def make_certificate(desk: Workbench) -> None:
    """Make what `OTHER` shows."""
    make = (
        "cd /tmp; test -e other.pem || openssl req -x509 -newkey ec -pkeyopt"
        " ec_paramgen_curve:P-256 -nodes -keyout other.key -out other.pem -subj /CN=other"
    )
    desk.host.exec(["sh", "-c", make])


@contextmanager
def another_server(desk: Workbench, port: int) -> Iterator[None]:
    """Have a program that is not Apache on a port."""
    make_certificate(desk)
    command = f"setsid {OTHER} {port} </dev/null >/dev/null 2>&1 & echo $!"
    pid = desk.host.exec(["sh", "-c", command]).stdout.decode().strip()
    try:
        assert until(lambda: listens(desk.host.address, port), timeout=10)
        yield
    finally:
        desk.host.exec(["kill", pid])


@pytest.mark.slow
@pytest.mark.fault(29, how="Apache is stopped before the run")
def test_an_apache_that_is_stopped_is_told_of_and_stays_so(changing: Workbench) -> None:
    desk, old = changing, live_release(changing)
    desk.host.exec(["apache2ctl", "stop"])
    assert until(lambda: not listens(desk.host.address, desk.port), timeout=10)

    said = desk.apply(status=2).stderr
    state = desk.deployer("status", status=9)

    assert "web1: observe: Apache is not running" in said
    assert "start it with apache2ctl start, then try again" in said
    assert "Apache is not running" in f"{state.stdout}{state.stderr}"
    assert not listens(desk.host.address, desk.port)
    assert live_release(desk) == old
    assert left_over(desk) == ""
    assert len(server_certificates(desk)) == 1
    desk.host.exec(["apache2ctl", "start"])
    desk.apply()
    assert serves_the_new(desk)


@pytest.mark.fault(31, how="a staged file is replaced by another before the rehearsal")
@pytest.mark.parametrize(
    ("file", "content", "cause"),
    [
        (KEY, another_key(), "AH02565"),
        pytest.param(f"trust/{SITE}.pem", b"garbage\n", "AH0", marks=pytest.mark.slow),
        pytest.param(f"crl/{SITE}.pem", b"garbage\n", "AH0", marks=pytest.mark.slow),
    ],
    ids=["another key", "garbage for authorities", "garbage for lists"],
)
def test_what_was_damaged_after_it_was_checked_is_never_switched_to(
    changing: Workbench, file: str, content: bytes, cause: str
) -> None:
    desk, old = changing, live_release(changing)

    with visiting(desk) as visitor, apply_paused_at(Step.REHEARSE) as results:
        spoil(desk, file, content)

    result = ended(results, Outcome.FAILED, 2)
    assert result.summary.startswith("rehearse: ")
    assert cause in result.summary
    assert result.hint == "the old configuration keeps serving"
    assert visitor.failures == ()
    assert live_release(desk) == old
    assert serves_the_old(desk)
    assert left_over(desk) == ""


@pytest.mark.fault(32, how="the key is replaced by another between rehearsal and reload")
def test_an_apache_that_dies_of_its_reload_is_started_again_and_its_absence_told(
    changing: Workbench,
) -> None:
    desk, old = changing, live_release(changing)

    with visiting(desk) as visitor:
        with apply_paused_at(Step.ACTIVATE) as results:
            spoil(desk, KEY, another_key())
        visitor.wait_for(lambda seen: seen[-1].ok)

    result = ended(results, Outcome.ROLLED_BACK, 2)
    assert result.summary.startswith("activate: Apache did not come back from the reload: ")
    assert "AH02565: Certificate and private key" in result.summary
    told = re.search(r"was started again, and was away for (\d+\.\d\d) s", result.summary)
    assert told, result.summary
    first, *_, last = visitor.failures
    assert abs(float(told[1]) - (last.at + last.seconds - first.at)) < 0.5
    assert live_release(desk) == old
    assert serves_the_old(desk)
    assert left_over(desk) == ""
    (site,) = desk.events("site", "status", status=9)
    assert "was away for" in " ".join(site["remarks"])


def nft(desk: Workbench, family: str, rules: str) -> None:
    table = f"table {family} fault {{ chain it {{ {rules}; }}; }}"
    desk.host.exec(["nft", "-f", "-"], stdin=table.encode())


def refuse(desk: Workbench) -> None:
    """Nobody answers on the port of the site."""
    nft(desk, "inet", "type filter hook input priority 0; tcp dport 443 reject")


def divert(desk: Workbench) -> None:
    """Somebody else answers on the port of the site."""
    nft(desk, "ip", "type nat hook output priority -100; tcp dport 443 redirect to :8443")


@pytest.mark.slow
@pytest.mark.fault(33, how="nft rejects the port, or leads to another server, after the rehearsal")
@pytest.mark.parametrize(
    ("change", "cause"),
    [(refuse, "no connection to 127.0.0.1 port 443"), (divert, "serves serial")],
    ids=["nobody answers", "another certificate"],
)
def test_a_reload_after_which_the_probe_meets_something_else_is_undone(
    changing: Workbench, change: Callable[[Workbench], None], cause: str
) -> None:
    desk, old = changing, live_release(changing)

    with Prober(desk.host.site_url) as visitor, another_server(desk, 8443):
        with apply_paused_at(Step.ACTIVATE) as results:
            change(desk)
        desk.host.exec(["nft", "flush", "ruleset"])

    result = ended(results, Outcome.ROLLED_BACK, 2)
    assert result.summary.startswith(f"probe: {SITE}: ")
    assert cause in result.summary
    assert visitor.failures == ()
    assert live_release(desk) == old
    assert serves_the_old(desk)
    assert left_over(desk) == ""


@pytest.mark.fault(34, how="a download is under way while the certificate is rotated")
def test_a_long_download_goes_on_with_the_old_certificate_and_nobody_waits_for_it(
    live_desk: Workbench,
) -> None:
    desk, size = live_desk, 20_000_000
    desk.host.exec(["truncate", "-s", str(size), f"{desk.host.document_root}/big"])
    to, context = (desk.host.address, desk.port), alice(desk)
    with (
        socket.create_connection(to, timeout=30) as plain,
        context.wrap_socket(plain, server_hostname=SITE) as stream,
    ):
        request = f"GET /big HTTP/1.1\r\nHost: {SITE}\r\nConnection: close\r\n\r\n"
        stream.sendall(request.encode())
        begun = stream.recv(1)
        old = stream.getpeercert(binary_form=True)

        desk.deployer("rotate", "--yes", "--passphrase-file", "passphrase")

        met = fetch(f"https://{SITE}/", to=to, context=context).certificate
        rest = rest_of(stream)
    assert met != old
    assert (begun + rest).startswith(b"HTTP/1.1 200")
    assert len((begun + rest).partition(b"\r\n\r\n")[2]) == size


def rest_of(stream: ssl.SSLSocket) -> bytes:
    parts = []
    while part := stream.recv(1 << 20):
        parts.append(part)
    return b"".join(parts)


def before(desk: Workbench, verb: str, line: str) -> None:
    """Have something happen before the next command to Apache with this verb, once."""
    wrapper = (
        f'#!/bin/sh\n[ "$1" = {verb} ] && mkdir /tmp/once 2>/dev/null && {{\n'
        f'{line}\n}}\nexec /usr/sbin/apache2ctl.real "$@"\n'
    )
    desk.host.exec(["mv", "/usr/sbin/apache2ctl", "/usr/sbin/apache2ctl.real"])
    desk.host.write("/usr/sbin/apache2ctl", wrapper, mode=0o755)


@pytest.mark.slow
@pytest.mark.fault(35, how="the command that reloads never ends")
def test_a_reload_that_hangs_ends_at_its_deadline(changing: Workbench) -> None:
    desk, old = changing, live_release(changing)
    before(desk, "graceful", "exec sleep 600")

    with visiting(desk) as visitor:
        said = desk.apply(status=2)

    assert "rolled_back" in said.stdout
    assert "web1: activate: Apache did not come back from the reload" in said.stderr
    assert visitor.failures == ()
    assert live_release(desk) == old
    assert serves_the_old(desk)
    assert left_over(desk) == ""


@pytest.mark.slow
@pytest.mark.fault(35, how="somebody restarts Apache at the moment of the reload")
def test_a_restart_by_somebody_else_brings_the_new_release_as_well(changing: Workbench) -> None:
    desk, old = changing, live_release(changing)
    pid = desk.host.read(desk.host.layout.pid_file)
    restart = (
        "apache2ctl.real stop; while [ -e /run/apache2/apache2.pid ]; do sleep 0.05; done\n"
        "apache2ctl.real start; exit"
    )
    before(desk, "graceful", restart)

    desk.apply()

    assert desk.host.read(desk.host.layout.pid_file) != pid
    assert live_release(desk) != old
    assert serves_the_new(desk)
    assert left_over(desk) == ""


@pytest.mark.fault(36, how="another program takes the new port between rehearsal and reload")
def test_a_port_that_is_taken_at_the_last_moment_brings_the_old_release_back(
    changing: Workbench,
) -> None:
    desk, old = changing, live_release(changing)
    desk.vhosts = [desk.site(), desk.site(server_name="b.example.com", listen=8443)]
    desk.write_inventory()

    with ExitStack() as stack, apply_paused_at(Step.ACTIVATE) as results:
        stack.enter_context(another_server(desk, 8443))

    result = ended(results, Outcome.ROLLED_BACK, 2)
    assert "8443" in result.summary
    assert "was started again, and was away for" in result.summary
    assert live_release(desk) == old
    assert serves_the_old(desk)
    assert left_over(desk) == ""


@pytest.mark.slow
@pytest.mark.fault(36, how="another program takes the port of the site while Apache is dead")
def test_a_port_that_is_taken_from_a_dead_apache_needs_hands(changing: Workbench) -> None:
    desk, old = changing, live_release(changing)

    make_certificate(desk)
    # The last workers of the dead one may have it for a moment more.
    take = (
        f"until setsid {OTHER} 443 </dev/null >/dev/null 2>&1 & echo $! >/tmp/pid; sleep 0.5;"
        " kill -0 $(cat /tmp/pid); do :; done"
    )
    before(desk, "start", take)

    with apply_paused_at(Step.ACTIVATE) as results:
        spoil(desk, KEY, another_key())

    result = ended(results, Outcome.NEEDS_HANDS, 3)
    assert "AH00072: make_sock: could not bind to address" in result.summary
    assert "when that is content: apache2ctl start; " in result.hint
    assert live_release(desk) == old, "that of which the hint starts Apache"
    assert left_over(desk) == ""
    desk.host.exec(["sh", "-c", "kill $(cat /tmp/pid)"])
    desk.host.exec(["apache2ctl", "start"])
    assert serves_the_old(desk)
