"""What needs the passphrase of the CA, and that nothing else waits for it."""

import json
from datetime import UTC, datetime, timedelta

import pytest
import yaml

from deployer.cli.host_session import HostSession
from deployer.cli.options import Common
from deployer.errors import DeployerError
from deployer.pki.keys import KeyType
from deployer.result import Outcome
from deployer.store.state import Store
from deployer.workflows.apply import carry_out
from deployer.workflows.preview import preview
from tests.hosts.fleet import Fleet
from tests.hosts.host import LabHost
from tests.hosts.sandbox import SandboxHost
from tests.journey.workbench import PASSPHRASE, Workbench
from tests.store.examples import CHEAP

APPLY = ("apply", "--yes")
HALF_OVER = timedelta(days=25)
UNPROVEN = "no certified client was tried: give --identity or the passphrase"


@pytest.fixture
def any_host(request: pytest.FixtureRequest) -> LabHost:
    """Nothing here depends on the kind of host."""
    return SandboxHost(request.getfixturevalue("sandbox"))


@pytest.fixture
def old_desk(any_host: LabHost, request: pytest.FixtureRequest) -> Workbench:
    """A project whose CA is old enough for its revocation lists to be due."""
    desk = Workbench(request.getfixturevalue("tmp_path") / "project", any_host)
    with Store.create(desk.directory / ".deployer", now=datetime.now(UTC)) as store:
        store.init_ca(
            organization="Example",
            passphrase=PASSPHRASE,
            now=datetime.now(UTC) - HALF_OVER,
            key_type=KeyType.P256,
            cost=CHEAP,
        )
    desk.deployer("client", "issue", "alice", "--passphrase-file", "passphrase")
    return desk


def trusting(desk: Workbench, **client_auth: str) -> None:
    desk.vhosts = [desk.site(client_auth=client_auth)]
    desk.write_inventory()


@pytest.mark.fault(58, how="a run that fails between signing and switch")
def test_a_certificate_that_never_arrived_does_not_replace_the_one_in_use(
    live_desk: Workbench,
) -> None:
    desk = live_desk
    broken = f"{desk.host.layout.vhost_dir}/zz-broken.conf"
    desk.host.write(broken, "Bogus on\n")
    desk.vhosts = [desk.site(server_aliases=["more.example.com"])]
    desk.write_inventory()
    desk.apply(status=2)

    desk.host.exec(["rm", broken])
    desk.vhosts = [desk.site()]
    desk.write_inventory()

    assert "0 to change" in desk.deployer("plan", "--detailed-exitcode").stderr
    assert [one["outcome"] for one in desk.events("host", *APPLY)] == ["unchanged"]


def test_what_keeps_a_late_host_from_being_signed_for_is_how_it_ends(
    desk: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(desk.directory)
    with HostSession(Common(passphrase_command="false")) as session:
        operator = session.operator()
        seen = preview(session.survey(), session.targets("all"), operator)
        with pytest.raises(DeployerError):
            list(carry_out(seen, operator))

        (result,) = carry_out(seen, operator, first=False)

    assert result.outcome is Outcome.FAILED
    assert "passphrase" in result.summary


def test_lists_that_nobody_looks_into_are_neither_signed_nor_sent(old_desk: Workbench) -> None:
    desk = old_desk
    trusting(desk, verify="require", revocation="none")
    desk.apply()
    trusting(desk, verify="optional", revocation="none")

    desk.deployer(*APPLY)

    assert desk.curl().stdout == "200"
    listed = desk.host.exec(["ls", f"{desk.host.layout.root}/current/crl"], check=False)
    assert listed.status != 0
    assert published(desk) == {"root": 1, "servers": 1, "clients": 1}


def test_a_plan_says_that_lists_will_be_signed_and_an_apply_signs_these_alone(
    old_desk: Workbench,
) -> None:
    desk = old_desk
    trusting(desk, verify="require", revocation="none")
    desk.apply()
    trusting(desk, verify="require")

    planned = desk.deployer("plan").stdout
    assert "revocation lists are half over" in planned
    (plan,) = desk.events("plan", "plan")
    assert plan["release"] is None
    desk.apply()

    assert published(desk) == {"root": 1, "servers": 1, "clients": 2}
    assert "0 to change" in desk.deployer("plan").stderr
    assert desk.curl(*desk.alice).stdout == "200"


def test_a_host_that_needs_nothing_signed_does_not_wait_for_one_that_does(
    live_desk: Workbench, fleet: Fleet
) -> None:
    desk = live_desk
    trusting(desk, verify="optional")
    other = fleet.host()
    inventory = yaml.safe_load((desk.directory / "hosts.yml").read_text())
    hosts = inventory["webservers"]["hosts"]
    hosts["web0"] = {
        "ansible_host": other.address,
        "ansible_user": "root",
        "ansible_ssh_private_key_file": str(other.private_key_file),
        "apache_vhosts": [{"server_name": "new.example.com", "document_root": "/var/www/html"}],
    }
    toml = desk.directory / "deployer.toml"
    files = json.dumps([str(desk.host.known_hosts), str(other.known_hosts)])
    toml.write_text(f'inventory = ["hosts.yml"]\nknown_hosts = {files}\n')
    (desk.directory / "hosts.yml").write_text(yaml.safe_dump(inventory))

    results = desk.events("host", *APPLY, "--identity", "alice", status=2)

    outcomes = {one["host"]: one for one in results}
    assert outcomes["web1"]["outcome"] == "changed"
    assert outcomes["web0"]["outcome"] == "failed"
    assert "--passphrase-file" in outcomes["web0"]["hint"]
    assert desk.curl().stdout == "200"


def test_a_wrong_passphrase_holds_up_those_that_need_nothing_signed_as_well(
    live_desk: Workbench,
) -> None:
    desk = live_desk
    trusting(desk, verify="optional")
    (desk.directory / "passphrase").write_text("wrong\n")

    desk.apply(status=1)

    assert desk.curl().stdout == "000"


@pytest.mark.slow
def test_a_client_that_nobody_could_try_is_said_not_to_be_proven(live_desk: Workbench) -> None:
    desk = live_desk
    trusting(desk, verify="optional")
    assert UNPROVEN in desk.deployer(*APPLY).stderr

    trusting(desk, verify="require")
    (result,) = desk.events("host", *APPLY)
    assert (result["outcome"], result["unproven"]) == ("changed", UNPROVEN)

    trusting(desk, verify="optional")
    (proven,) = desk.events("host", *APPLY, "--identity", "alice")
    assert (proven["outcome"], proven["unproven"]) == ("changed", "")

    trusting(desk, verify="none")
    (asks_nobody,) = desk.events("host", *APPLY)
    assert (asks_nobody["outcome"], asks_nobody["unproven"]) == ("changed", "")


def published(desk: Workbench) -> dict[str, int]:
    """Count the ladders that each authority has signed."""
    with Store.open(desk.directory / ".deployer", now=datetime.now(UTC)) as store:
        events = [one.facts["authority"] for one in store.journal.list() if "crls" in one.kind]
    names = [owner.split()[0] for owner in events]
    return {name: names.count(name) for name in ("root", "servers", "clients")}
