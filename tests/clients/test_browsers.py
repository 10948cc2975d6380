"""Browsers with the imported .p12 log in to a deployed site; without it they stay outside."""

from pathlib import Path

from tests.clients import browser
from tests.clients.reception import GREETING, Visitor
from tests.journey.workbench import Workbench


def test_chromium_logs_in(alice: Visitor, tmp_path: Path) -> None:
    browser.nss_database(alice, tmp_path / ".pki" / "nssdb", certificate=True)

    seen = browser.chromium(alice.url, tmp_path)

    assert GREETING in seen.text
    browser.kept(seen, "chromium")


def test_chromium_without_the_certificate_stays_outside(
    site: Workbench, alice: Visitor, tmp_path: Path
) -> None:
    browser.nss_database(alice, tmp_path / ".pki" / "nssdb", certificate=False)

    before = refusals(site)

    seen = browser.chromium(alice.url, tmp_path)

    assert GREETING not in seen.text
    # Which of several errors it shows depends on when the server's refusal arrives.
    assert "Page load failed: net::ERR_" in seen.text
    assert refusals(site) > before


def test_firefox_logs_in(alice: Visitor, tmp_path: Path) -> None:
    browser.nss_database(alice, tmp_path, certificate=True)

    seen = browser.firefox(alice.url, tmp_path)

    assert GREETING in seen.text
    browser.kept(seen, "firefox")


def test_firefox_without_the_certificate_stays_outside(
    site: Workbench, alice: Visitor, tmp_path: Path
) -> None:
    browser.nss_database(alice, tmp_path, certificate=False)

    before = refusals(site)

    seen = browser.firefox(alice.url, tmp_path)

    assert GREETING not in seen.text
    assert "about:neterror" in seen.text
    assert refusals(site) > before


def refusals(site: Workbench) -> int:
    """How often the server has refused somebody for want of a certificate."""
    log = site.host.read(f"{site.host.layout.log_dir}/deployer.error.log").decode()
    return log.count("peer did not return a certificate")
