"""What an Apache says of itself, read: text in, values out."""

import pytest

from deployer.existing import Existing, Scoreboard, Site, parse_existing
from deployer.layouts import DEBIAN, RHEL
from deployer.observation import Observation
from deployer.platforms import OLDEST_APACHE, OLDEST_OPENSSL, platform_of

DUMP = """\
VirtualHost configuration:
*:443                  is a NameVirtualHost
         default server first.test (/etc/apache2/sites-enabled/100-shop.conf:7)
         port 443 namevhost first.test (/etc/apache2/sites-enabled/100-shop.conf:7)
                 alias www.first.test
         port 443 namevhost ours.test (/etc/apache2/deployer/current/sites/ours.conf:2)
                 wild alias *.ours.test
192.0.2.1:8443         tls.test (/etc/apache2/sites-enabled/a b.conf:1)
*:80                   plain.test (/etc/apache2/sites-enabled/100-shop.conf:1)
                 alias www.plain.test
ServerRoot: "/etc/apache2"
Main DocumentRoot: "/var/www/html"
Main ErrorLog: "/var/log/apache2/error.log"
Mutex default: dir="/var/run/apache2/" mechanism=default
PidFile: "/var/run/apache2/apache2.pid"
Define: DUMP_VHOSTS
Define: DUMP_RUN_CFG
Define: ENABLE_USR_LIB_CGI_BIN=1
User: name="www-data" id=33
Group: name="www-data" id=33 not_used
Loaded Modules:
 core_module (static)
 mpm_event_module (shared)
 alias_module (shared)
"""
SHOP = "/etc/apache2/sites-enabled/100-shop.conf"
PORTS = "/etc/apache2/ports.conf"


def directive(
    name: str, value: str, *, file: str = PORTS, vhost: int = 0, conditions: str = ""
) -> str:
    return f"{file}\t{vhost}\t{conditions}\t{name}\t{value}"


def read(*directives: str, processes: int = 0, dump: str = DUMP) -> Existing:
    found = parse_existing(dump.splitlines(), directives, processes)
    assert found is not None
    return found


def test_every_site_has_its_address_its_file_and_whether_it_answers_by_default() -> None:
    found = read(
        directive("sslengine", "on", file="/etc/apache2/sites-enabled/a b.conf", vhost=1),
        directive("sslcertificatefile", '"/x/y z.pem"', file=SHOP, vhost=7),
        directive("servername", "first.test", file=SHOP, vhost=7),
    )

    assert found.sites == (
        Site(
            address="*:443", server_name="first.test", file=SHOP, line=7, default=True,
            tls=True, certificate="/x/y z.pem",
        ),
        Site(
            address="*:443", server_name="ours.test", line=2, default=False, tls=True,
            file="/etc/apache2/deployer/current/sites/ours.conf", nameless=True,
        ),
        Site(
            address="192.0.2.1:8443", server_name="tls.test", line=1, default=True, tls=True,
            file="/etc/apache2/sites-enabled/a b.conf", nameless=True,
        ),
        Site(
            address="*:80", server_name="plain.test", file=SHOP, line=1, default=True, tls=False,
            nameless=True,
        ),
    )  # fmt: skip
    assert [site.server_name for site in found.others(DEBIAN.root)] == [
        "first.test",
        "tls.test",
        "plain.test",
    ]
    assert [site.line for site in found.defaults(DEBIAN.root)] == [7, 1, 1]
    assert (found.user, found.group) == ("www-data", "www-data")
    assert found.pid_file == "/var/run/apache2/apache2.pid"
    assert found.modules == {"core", "mpm_event", "alias"}


def test_an_engine_that_is_off_is_no_tls_even_on_its_port() -> None:
    first, *_ = read(directive("sslengine", "Off", file=SHOP, vhost=7)).sites

    assert not first.tls


@pytest.mark.parametrize(
    ("conditions", "counts"),
    [
        ("", True),
        ("module:ssl_module", True),
        ("module:mod_ssl.c", True),
        ("module:mod_gnutls.c", False),
        ("module:!mod_ssl.c", False),
        ("module:!mod_gnutls.c,module:ssl_module", True),
        ("define:SSL", False),
        ("define:ENABLE_USR_LIB_CGI_BIN", True),
        ("define:!SSL,module:alias_module", True),
        ("module:event.c", True),
        ("module:worker.c", False),
    ],
)
def test_a_listen_line_counts_where_its_conditions_hold_once_ssl_is_loaded(
    conditions: str,
    counts: bool,  # noqa: FBT001 - a case of the table
) -> None:
    found = read(directive("listen", "[::]:8443 https", conditions=conditions))

    assert found.ports(DEBIAN.root) == ((8443,) if counts else ())


def test_our_own_listen_lines_are_not_the_hosts() -> None:
    ours = f"{DEBIAN.root}/current/sites/000-server.conf"
    found = read(
        directive("listen", "8443", file=ours),
        directive("listen", "80"),
        directive("listen", "8080"),
        directive("listen", "443", conditions="module:ssl_module"),
    )

    assert found.ports(DEBIAN.root) == (80, 443, 8080)
    assert found.bare_ports(DEBIAN.root) == (8080,)


@pytest.mark.parametrize(
    ("directives", "modules", "expected"),
    [
        ((), "mpm_event", (16, 25, 400)),
        ((), "mpm_prefork", (256, 1, 256)),
        ((directive("maxclients", "50"),), "mpm_prefork", (256, 1, 50)),
        (
            (
                directive("serverlimit", "4", conditions="module:mpm_event_module"),
                directive("serverlimit", "9", conditions="module:mpm_worker_module"),
                directive("threadsperchild", "64"),
                directive("maxrequestworkers", "100"),
            ),
            "mpm_event",
            (4, 64, 100),
        ),
    ],
)
def test_the_scoreboard_is_as_configured_or_as_the_manual_says(
    directives: tuple[str, ...], modules: str, expected: tuple[int, int, int]
) -> None:
    limit, threads, workers = expected
    dump = DUMP.replace("mpm_event", modules)

    assert read(*directives, processes=3, dump=dump).scoreboard == Scoreboard(
        processes=3, server_limit=limit, threads_per_child=threads, max_request_workers=workers
    )


def test_the_room_for_reloads_is_what_the_running_processes_leave() -> None:
    board = Scoreboard(processes=5, server_limit=4, threads_per_child=25, max_request_workers=60)

    assert (board.working, board.room) == (3, 0)


def test_an_apache_that_says_nothing_is_none() -> None:
    assert parse_existing([], [], 0) is None


# What a release is resolved for


def observed(existing: Existing | None, **facts: str) -> Observation:
    return Observation(
        clock=0, user_id=0, apache_pid=1, current="", confirmed="", manifest="",
        existing=existing, **{"apache_version": "2.4.66", **facts},  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_platform_is_what_was_found_and_what_the_inventory_says_wins() -> None:
    found = observed(read(directive("listen", "80")), openssl_version="3.5.1", layout="debian")

    platform = platform_of(found, None)

    assert platform is not None
    assert (platform.apache, platform.openssl) == ((2, 4, 66), (3, 5, 1))
    assert platform.layout.name == "debian"
    assert platform.layout.listens == (80,)
    assert platform.shared
    chosen = platform_of(found, RHEL)
    assert chosen is not None
    assert chosen.layout.vhost_dir == RHEL.vhost_dir


def test_a_host_whose_configuration_is_broken_is_taken_as_installed() -> None:
    platform = platform_of(observed(None, layout="debian", apache_version="?"), None)

    assert platform is not None
    assert platform.layout == DEBIAN
    assert (platform.apache, platform.openssl) == (OLDEST_APACHE, OLDEST_OPENSSL)
    assert platform.shared


def test_a_host_like_nothing_that_we_know_has_no_platform() -> None:
    assert platform_of(observed(None, system="plan9"), None) is None
