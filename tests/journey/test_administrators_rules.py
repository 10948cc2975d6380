"""Rules that were there before us keep their word: ours come on top of them."""

import pytest

from tests.hosts.fleet import FleetHost
from tests.journey.workbench import Workbench


@pytest.fixture
def any_host(fleet_host: FleetHost) -> FleetHost:
    """Debian's own rules are what is at stake."""
    return fleet_host


@pytest.mark.parametrize("verify", ["require", "none"])
def test_what_the_administrator_forbids_stays_forbidden(desk: Workbench, verify: str) -> None:
    www = desk.host.document_root
    desk.host.write(f"{www}/open.txt", "open")
    desk.host.write(f"{www}/.htpasswd", "secret")
    desk.host.write(f"{www}/closed/a.txt", "secret")
    desk.host.write(
        "/etc/apache2/conf-enabled/closed.conf",
        f"<Directory {www}/closed>\nRequire all denied\n</Directory>\n",
    )
    desk.vhosts = [desk.site(client_auth={"verify": verify})]
    desk.write_inventory()

    desk.apply()

    def status(path: str) -> str:
        url = f"https://api.example.com{path}"
        return desk.curl(*desk.alice, "--output", "/dev/null", "--url", url).stdout[:3]

    assert status("/open.txt") == "200"
    assert status("/.htpasswd") == "403"
    assert status("/closed/a.txt") == "403"


def test_a_directory_outside_of_apaches_own_is_served_when_it_is_named(desk: Workbench) -> None:
    desk.host.write("/srv/shop/index.html", "shop")
    desk.host.exec(["chmod", "755", "/srv/shop"])
    desk.vhosts = [desk.site(document_root="/srv/shop")]
    desk.write_inventory()

    desk.apply()

    assert desk.curl(*desk.alice).stdout == "200"
    assert desk.curl().stdout == "000"


@pytest.mark.slow
def test_a_site_of_theirs_on_our_address_is_not_taken_for_ours(desk: Workbench) -> None:
    """Theirs answers for the name on the one address that clients use, and lets anybody in."""
    desk.host.exec(["a2enmod", "-q", "ssl"])
    desk.host.exec(["sh", "-c", SELF_SIGNED])
    theirs = (
        f"<VirtualHost {desk.host.address}:443>\nServerName old.example.com\nSSLEngine on\n"
        "SSLCertificateFile /etc/ssl/old.pem\nSSLCertificateKeyFile /etc/ssl/old.key\n"
        "</VirtualHost>\n"
    )
    desk.host.write("/etc/apache2/sites-enabled/old.conf", theirs)
    desk.host.exec(["apache2ctl", "graceful"])

    said = desk.apply(status=2)

    assert "changed" not in said.stdout
    assert desk.host.address in said.stderr


SELF_SIGNED = (
    "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 "
    "-subj /CN=old.example.com -keyout /etc/ssl/old.key -out /etc/ssl/old.pem 2>/dev/null"
)
