"""`deployer inventory check`, as people type it: offline, and without a CA."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from deployer.advice.finding import Finding
from deployer.inventory.loading import load_inventory
from deployer.pki.keys import private_key_pem
from deployer.pki.pem import write_certificates, write_crls
from deployer.sources import read_sources
from deployer.workflows.inspection import inspect
from tests.advice.examples import NOW
from tests.advice.test_page import PAGE
from tests.journey.workbench import deployer, found_ca
from tests.pki.examples import Pki, pki, server_leaf, throwaway

SITE = {
    "server_name": "a.example.com",
    "document_root": "/srv/a",
    "client_auth": {"allow": [{"ou": "staff"}]},
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "deployer.toml").write_text('inventory = ["hosts.yml"]\n')
    return tmp_path


def write(project: Path, *sites: dict[str, Any], hosts: int = 1, **variables: object) -> None:
    named: dict[str, dict[str, Any]] = {f"web{number}": {} for number in range(1, hosts + 1)}
    told = {"apache_vhosts": list(sites), **variables}
    (project / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": named, "vars": told}}))


def found(project: Path, *sites: dict[str, Any]) -> list[Finding]:
    """Inspect a project on the day of the test PKI."""
    write(project, *sites)
    inventory = load_inventory(read_sources([project / "hosts.yml"], project=project))
    hosts = tuple(inventory.hosts.values())
    return list(inspect(hosts, None, root=project, now=NOW))


def test_a_good_inventory_needs_no_ca_and_no_words(project: Path) -> None:
    write(project, SITE, hosts=3)

    said = deployer(project, "inventory", "check")

    assert said.stdout == ""
    assert said.stderr == "3 hosts: nothing to say\n"


def test_what_concerns_many_hosts_is_said_once_and_errors_end_with_1(project: Path) -> None:
    write(project, {**SITE, "hsts": True, "extra": "Header set A b\nSSLEngine off"}, hosts=4)

    said = deployer(project, "inventory", "check", status=1)

    assert said.stdout == (
        "error MTLS-109: extra switches TLS on or off\n"
        "    a.example.com: extra, line 2: SSLEngine off overrides us (web1, web2 and 2 more)\n"
        "    fix: leave it out: a site of apache_vhosts has TLS\n"
        "warning MTLS-506: browsers are bound to an authority that they may not know\n"
        "    a.example.com: hsts: 63072000 with a certificate of our own authority"
        " (web1, web2 and 2 more)\n"
        "    fix: leave hsts out, or bring a public certificate: certificate: {files: …} or "
        "{on_host: …}\n"
    )
    assert said.stderr == "4 hosts: 1 error, 1 warning; docs/advice.md explains them\n"


def test_the_page_shows_what_is_printed(project: Path) -> None:
    opened = '<Location "/admin">\nRequire all granted\n</Location>'
    site = {**SITE, "server_name": "shop.example.com", "extra": opened}
    inventory = {"all": {"hosts": {"web1.example.com": {"apache_vhosts": [site]}}}}
    (project / "hosts.yml").write_text(yaml.safe_dump(inventory))

    said = deployer(project, "inventory", "check", status=1)

    assert f"$ deployer inventory check\n{said.stdout}{said.stderr}" in PAGE.read_text()


def test_warnings_alone_end_with_0_and_programs_read_lines(project: Path) -> None:
    write(project, {**SITE, "hsts": True}, hosts=2)

    said = deployer(project, "inventory", "check", "web2", "--json")

    run, finding = map(json.loads, said.stdout.splitlines())
    assert run["event"] == "run"
    assert (finding["event"], finding["host"], finding["number"], finding["severity"]) == (
        "finding",
        "web2",
        "MTLS-506",
        "warning",
    )
    assert finding.keys() == {
        "event", "number", "severity", "title", "host", "subject", "message", "fix",
    }  # fmt: skip


def test_a_variable_accepts_what_is_meant(project: Path) -> None:
    write(project, {**SITE, "hsts": True}, mtls_accept=["MTLS-506"])

    assert deployer(project, "inventory", "check").stdout == ""


def test_with_a_ca_a_depth_that_would_lock_everybody_out_is_an_error(project: Path) -> None:
    found_ca(project)
    write(project, {**SITE, "client_auth": {**SITE["client_auth"], "depth": 1}})  # type: ignore[dict-item]

    said = deployer(project, "inventory", "check", status=1)

    assert "MTLS-420" in said.stdout
    assert "client_auth.depth 1 would refuse every client" in said.stdout


BROUGHT = {
    **SITE,
    "certificate": {"files": {"certificate": "a.pem", "private_key": "a.key"}},
}


def bring(project: Path, one: Pki, *, key: bytes, backwards: bool = False) -> None:
    chain = [server_leaf(one.servers, "a.example.com"), one.servers.authority.certificate]
    (project / "a.pem").write_bytes(write_certificates(chain[::-1] if backwards else chain))
    (project / "a.key").write_bytes(key)


@pytest.mark.parametrize("backwards", [False, True])
def test_a_pair_that_would_end_the_server_is_found_before_anybody_connects(
    project: Path, *, backwards: bool
) -> None:
    bring(project, pki(), key=private_key_pem(throwaway()), backwards=backwards)

    assert {one.number for one in found(project, BROUGHT)} == {"MTLS-420"}


def test_half_a_file_and_a_missing_one_are_named_together(project: Path) -> None:
    other = {"certificate": {"files": {"certificate": "b.pem", "private_key": "b.key"}}}
    (project / "a.pem").write_text("-----BEGIN CERTIFICATE-----\nMIIB\n")
    (project / "a.key").write_bytes(private_key_pem(throwaway()))

    said = found(project, BROUGHT, {**SITE, "server_name": "b.example.com", **other})

    assert [one.number for one in said] == ["MTLS-420", "MTLS-420"]
    assert "a.pem" in said[0].message
    assert said[1].message.startswith("cannot read b.pem")


@pytest.mark.parametrize("hashed", ["{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=", "aaOVBOvnFmvrA", "secret"])
def test_a_password_that_is_as_good_as_written_out_is_an_error(project: Path, hashed: str) -> None:
    (project / "users").write_text(f"bob:{hashed}\n")
    paths = [{"path": "/a", "auth": "certificate_and_password"}]

    (said,) = found(project, {**SITE, "passwords": {"file": "users"}, "paths": paths})

    assert said.number == "MTLS-420"
    assert hashed not in said.message


def test_what_is_on_hosts_is_not_judged_by_who_never_looked(project: Path) -> None:
    there = {"on_host": {"certificate": "/etc/le/a.pem", "private_key": "/etc/le/a.key"}}

    assert found(project, {**SITE, "certificate": there}) == []


def test_an_authority_is_asked_for_its_list(project: Path) -> None:
    one = pki(organization="Partner")
    chain = [one.clients.authority.certificate, one.root.authority.certificate]
    (project / "partner.pem").write_bytes(write_certificates(chain))
    (project / "partner.crl").write_bytes(write_crls(one.crls()))
    without = {**SITE, "client_auth": {"authorities": [{"file": "partner.pem"}]}}
    with_list = {"authorities": [{"file": "partner.pem", "crl": "partner.crl"}]}

    assert {one.number for one in found(project, without)} == {"MTLS-421", "MTLS-403"}
    # It is a ladder of every authority of theirs, and one of those is not in the bundle.
    told = found(project, {**SITE, "client_auth": with_list})
    assert all("belongs to no authority" in one.message for one in told if one.number == "MTLS-420")
    assert "MTLS-421" not in {one.number for one in told}
