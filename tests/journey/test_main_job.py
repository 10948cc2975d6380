"""The main job: from an inventory to a server that lets in whom it should."""

import hashlib
import subprocess
from pathlib import Path

import pytest
from cryptography import x509

from tests.hosts.prober import Prober
from tests.journey.workbench import SITE, Workbench


def test_a_certified_client_gets_in_and_everybody_else_is_refused(live_desk: Workbench) -> None:
    desk = live_desk
    assert desk.curl(*desk.alice).stdout == "200"

    nobody = desk.curl()
    assert nobody.returncode != 0
    assert nobody.stdout == "000"

    make_self_signed(desk.directory)
    # Over HTTP/2 this curl loses the alert, and says that the connection is gone.
    stranger = desk.curl("--cert", "stranger.pem", "--key", "stranger.key")
    assert stranger.stdout == "000"
    assert "unknown ca" in stranger.stderr

    for name in ("fullchain", "key"):
        source = f"{desk.host.layout.root}/current/tls/{slug(desk)}/{name}.pem"
        (desk.directory / f"server.{name}").write_bytes(desk.host.read(source))
    server = desk.curl("--cert", "server.fullchain", "--key", "server.key")
    assert server.stdout == "000", "a server's certificate must not open doors"


def test_the_existing_site_is_untouched_and_misses_no_request(desk: Workbench) -> None:
    before = administrators_files(desk)

    with Prober(desk.host.site_url) as visitor:
        desk.apply()

    assert visitor.failures == ()
    assert administrators_files(desk) == before


def test_a_second_apply_changes_nothing_and_makes_one_round_trip(live_desk: Workbench) -> None:
    journal = live_desk.host.read(f"{live_desk.host.layout.state_dir}/journal")

    assert [event["step"] for event in live_desk.events("step", "apply") if event["ended"]] == [
        "observe"
    ]
    assert [event["outcome"] for event in live_desk.events("host", "apply")] == ["unchanged"]
    assert live_desk.host.read(f"{live_desk.host.layout.state_dir}/journal") == journal


def test_a_plan_says_what_an_apply_then_does(desk: Workbench) -> None:
    pending = desk.deployer("plan", "--detailed-exitcode", status=2)
    assert "a new certificate: it has none yet" in pending.stdout
    assert "1 to change" in pending.stderr

    desk.apply()

    assert "0 to change" in desk.deployer("plan", "--detailed-exitcode").stderr


def test_optional_lets_visitors_in_but_not_those_with_a_wrong_certificate(desk: Workbench) -> None:
    desk.vhosts = [desk.site(client_auth={"verify": "optional"})]
    desk.write_inventory()
    desk.apply()
    make_self_signed(desk.directory)

    assert desk.curl().stdout == "200"
    assert desk.curl(*desk.alice).stdout == "200"
    assert desk.curl("--cert", "stranger.pem", "--key", "stranger.key").stdout == "000"


def test_an_unknown_name_is_told_nothing(live_desk: Workbench) -> None:
    answer = live_desk.curl("--insecure", *live_desk.alice, name="other.example.com")

    assert answer.stdout == "403"


def test_a_proxied_backend_is_behind_the_same_door(desk: Workbench) -> None:
    desk.vhosts = [
        desk.site(
            document_root=None,
            redirect_http=False,
            proxy=[{"path": "/", "to": desk.host.site_url.replace(desk.host.address, "127.0.0.1")}],
        )
    ]
    desk.write_inventory()
    desk.apply()

    assert desk.curl(*desk.alice).stdout == "200"
    assert desk.curl().stdout == "000"


def test_status_and_probe_agree_with_what_is_served(live_desk: Workbench) -> None:
    desk = live_desk
    (site,) = desk.events("site", "status")
    assert site["health"] == "ok"
    served = desk.host.read(f"{desk.host.layout.root}/current/tls/{slug(desk)}/fullchain.pem")
    certificate = x509.load_pem_x509_certificates(served)[0]
    assert int(site["serial"], 16) == certificate.serial_number

    knocks = desk.events("knock", "probe", "--identity", "alice")
    assert {(knock["client"], knock["status"]) for knock in knocks} == {
        ("certified client", 200),
        ("no certificate", None),
        ("self-signed certificate", None),
    }


def test_a_changed_virtual_host_keeps_its_key_which_never_comes_back(live_desk: Workbench) -> None:
    desk = live_desk
    key = f"{desk.host.layout.root}/current/tls/{slug(desk)}/key.pem"
    before = desk.host.read(key)
    desk.vhosts = [desk.site(client_auth={"verify": "optional"})]
    desk.write_inventory()

    planned = desk.deployer("plan", "-D")
    assert "+    SSLVerifyClient optional" in planned.stdout
    assert "key.pem" not in planned.stdout
    desk.deployer("apply", "--yes", "--identity", "alice")

    assert desk.host.read(key) == before


def test_a_rebuilt_host_simply_gets_a_new_certificate(live_desk: Workbench) -> None:
    desk = live_desk
    (first,) = desk.events("site", "status")
    desk.host.exec(["rm", "-rf", desk.host.layout.root, desk.host.layout.state_dir])
    desk.host.exec(["rm", f"{desk.host.layout.vhost_dir}/000-deployer.conf"])

    desk.apply()

    (second,) = desk.events("site", "status")
    assert second["health"] == "ok"
    assert second["serial"] != first["serial"]


@pytest.mark.fault(26)
def test_a_file_edited_by_hand_is_replaced_when_asked(
    live_desk: Workbench,
) -> None:
    desk = live_desk
    path = f"sites/{slug(desk)}.conf"
    desk.host.exec(["sh", "-c", f"echo '# mine' >>{desk.host.layout.root}/current/{path}"])

    planned = desk.deployer("plan")
    assert f"~ {path}   (edited on the host)" in planned.stdout
    assert f"edited on the host: {path}" in desk.deployer("status", status=8).stderr
    refused = desk.apply(status=2)
    assert f"web1: observe: edited on the host: {path}" in refused.stderr
    assert b"# mine" in desk.host.read(f"{desk.host.layout.root}/current/{path}")
    desk.apply("--overwrite-drift")

    assert b"# mine" not in desk.host.read(f"{desk.host.layout.root}/current/{path}")
    assert "0 to change" in desk.deployer("plan").stderr


def test_no_private_key_byte_is_in_anything_that_the_controller_says_or_keeps(
    desk: Workbench,
) -> None:
    said = desk.apply("--verbose").stdout + desk.deployer("plan", "-D").stdout
    key = desk.host.read(f"{desk.host.layout.root}/current/tls/{slug(desk)}/key.pem")
    secret = key.splitlines()[1]

    assert secret.decode() not in said
    for path in (desk.directory / ".deployer").rglob("*"):
        if path.is_file():
            assert secret not in path.read_bytes(), path
            assert path.stat().st_mode & 0o077 == 0 or path.name == ".gitignore", path


@pytest.mark.parametrize("path", ["key.pem", "fullchain.pem"])
def test_only_root_reads_the_key(live_desk: Workbench, path: str) -> None:
    listed = live_desk.host.exec(
        ["stat", "-c", "%a", f"{live_desk.host.layout.root}/current/tls/{slug(live_desk)}/{path}"]
    )

    assert listed.stdout.strip() == (b"600" if path == "key.pem" else b"644")


def slug(desk: Workbench) -> str:
    return SITE if desk.port == 443 else f"{SITE}_{desk.port}"


def make_self_signed(directory: Path) -> None:
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
            "-nodes", "-subj", "/CN=alice", "-days", "1",
            "-keyout", "stranger.key", "-out", "stranger.pem",
        ],
        cwd=directory, check=True, capture_output=True,
    )  # fmt: skip


def administrators_files(desk: Workbench) -> dict[str, str]:
    """Digest everything below Apache's configuration that is not ours or a module's link."""
    root = desk.host.layout.config_root
    listed = (
        desk.host.exec(
            [
                "find",
                root,
                "-type",
                "f",
                "!",
                "-path",
                "*deployer*",
                "!",
                "-path",
                "*/logs/*",
                "!",
                "-path",
                "*/run/*",
            ]
        )
        .stdout.decode()
        .split()
    )
    return {path: hashlib.sha256(desk.host.read(path)).hexdigest() for path in listed}
