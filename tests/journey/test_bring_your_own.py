"""Bring your own: certificates and client authorities that others issued, on real hosts."""

import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deployer.store.state import Store
from tests.journey.foreign import ForeignCa
from tests.journey.workbench import SITE, Workbench

SANDBOX = pytest.mark.parametrize("any_host", ["sandbox"], indirect=True)
AWKWARD = '/O=ACME, Inc. "Q" \\+ <x>/OU=O\'Ünit $€;/CN=Example Client CA G1'


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> ForeignCa:
    """An authority for servers that is none of ours."""
    directory = tmp_path_factory.mktemp("public")
    root = ForeignCa.root(directory / "root", "/O=Public/CN=Public Root")
    return root.below(directory / "r3", "/O=Public/CN=R3")


def make(ca: ForeignCa, path: Path, *, names: str = f"DNS:{SITE}", end: str = "") -> str:
    """Make a server's certificate, and return its serial number as status prints it."""
    ca.issue(path, f"/CN={SITE}", "server", names=names, end=end)
    fullchain = path.with_suffix(".pem").read_bytes() + ca.bundle
    path.with_suffix(".fullchain.pem").write_bytes(fullchain)
    shown = subprocess.run(
        ["openssl", "x509", "-noout", "-serial", "-in", str(path.with_suffix(".pem"))],
        capture_output=True,
        text=True,
        check=True,
    )
    return shown.stdout.strip().removeprefix("serial=").lower().lstrip("0")


def issued_kinds(desk: Workbench) -> set[str]:
    """Ask the books what was issued."""
    with Store.open(desk.directory / ".deployer", now=datetime.now(UTC)) as store:
        return {one.kind for one in store.certificates.list()}


class Certbot:
    """Keeps a certificate on a host as certbot does: links that move to each new generation."""

    def __init__(self, desk: Workbench) -> None:
        self.host = desk.host
        self.base = f"{desk.host.layout.config_root}/letsencrypt"
        self.live = f"{self.base}/live/{SITE}"
        self.certificate, self.key = f"{self.live}/fullchain.pem", f"{self.live}/privkey.pem"
        self.generation = 0

    @property
    def source(self) -> dict[str, object]:
        return {"on_host": {"certificate": self.certificate, "private_key": self.key}}

    def renew(self, path: Path, *, key: Path | None = None) -> None:
        self.generation += 1
        archive = f"{self.base}/archive/{SITE}"
        files = {
            "fullchain": path.with_suffix(".fullchain.pem").read_bytes(),
            "privkey": (key or path).with_suffix(".key").read_bytes(),
        }
        self.host.exec(["mkdir", "-p", self.live, archive])
        self.host.exec(["chmod", "700", f"{self.base}/live", f"{self.base}/archive"])
        for name, content in files.items():
            target = f"{archive}/{name}{self.generation}.pem"
            self.host.write(target, content, mode=0o600 if name == "privkey" else 0o644)
            self.host.exec(["ln", "-sfn", target, f"{self.live}/{name}.pem"])


def site(desk: Workbench, **changes: object) -> None:
    desk.vhosts = [desk.site(**changes)]
    desk.write_inventory()


def test_a_renewal_on_the_host_is_noticed_and_reloaded(
    desk: Workbench, public: ForeignCa, tmp_path: Path
) -> None:
    certbot = Certbot(desk)
    first = make(public, tmp_path / "first")
    certbot.renew(tmp_path / "first")
    site(desk, certificate=certbot.source)
    desk.apply()
    (status,) = desk.events("site", "status")
    assert (status["serial"], status["issuer"], status["health"]) == (first, "R3", "ok")
    assert "0 to change" in desk.deployer("plan", "--detailed-exitcode").stderr

    second = make(public, tmp_path / "second")
    certbot.renew(tmp_path / "second")

    (stale,) = desk.events("site", "status", status=9)
    assert stale["serial"] == first, "nobody told Apache yet"
    planned = desk.deployer("plan", "--detailed-exitcode", status=2)
    assert "on-host.sha256   (certificate on the host was renewed)" in planned.stdout
    assert "0 certificates to issue" in planned.stderr
    desk.apply()

    (status,) = desk.events("site", "status")
    assert (status["serial"], status["health"]) == (second, "ok")
    root = public.above
    assert root is not None
    cacert = ("--cacert", str(root.directory / "ca.pem"))
    assert desk.curl(*cacert, *desk.alice).stdout == "200"
    assert desk.curl(*cacert).stdout == "000"
    assert "server" not in issued_kinds(desk), "none of ours"
    # Never moved, never copied.
    listed = desk.host.exec(["find", f"{desk.host.layout.root}/", "-name", "key.pem"]).stdout
    assert listed == b""
    key = (tmp_path / "second.key").read_bytes().splitlines()[1]
    said = desk.deployer("plan", "-D", "--json").stdout + desk.deployer("render").stdout
    assert key.decode() not in said


@SANDBOX
@pytest.mark.slow
def test_what_is_wrong_on_the_host_stops_an_apply_and_warns_in_status(
    desk: Workbench, public: ForeignCa, tmp_path: Path
) -> None:
    certbot = Certbot(desk)
    site(desk, certificate=certbot.source)
    missing = desk.apply(status=2)
    assert f"{certbot.certificate}: is not on the host" in missing.stderr

    make(public, tmp_path / "good")
    make(public, tmp_path / "expired", end="20210101000000Z")
    make(public, tmp_path / "elsewhere", names="DNS:elsewhere.example")
    certbot.renew(tmp_path / "good")
    desk.apply()

    twice = {"on_host": {**certbot.source["on_host"], "chain": certbot.certificate}}  # type: ignore[dict-item]
    site(desk, certificate=twice)
    assert "leave chain out" in desk.deployer("plan", status=2).stderr
    site(desk, certificate=certbot.source)

    certbot.renew(tmp_path / "expired")
    refused = desk.deployer("plan", status=2)
    assert "expired on 2021-01-01" in refused.stderr
    assert "whoever keeps it on the host must renew it" in refused.stderr
    (status,) = desk.events("site", "status", status=9)
    assert any("expired on 2021-01-01" in remark for remark in status["remarks"])

    certbot.renew(tmp_path / "elsewhere")
    assert f"does not cover {SITE}" in desk.apply(status=2).stderr
    certbot.renew(tmp_path / "good", key=tmp_path / "elsewhere")
    assert f"{certbot.key}: is not the key of {certbot.certificate}" in desk.apply(status=2).stderr

    certbot.renew(tmp_path / "good")
    desk.host.exec(["chmod", "-R", "a+rX", certbot.base])
    if os.geteuid() == 0:  # elsewhere the directories above are closed to others
        assert "every user of the host can read this private key" in desk.apply(status=2).stderr
        desk.host.exec(["chown", "-R", "www-data", certbot.base])
        desk.host.exec(["chmod", "-R", "go=", certbot.base])
        said = desk.apply(status=2).stderr
        assert "the user as whom Apache serves, and whatever it runs, can read this" in said
        desk.host.exec(["chown", "-R", "root", certbot.base])
    desk.host.exec(["chmod", "700", f"{certbot.base}/archive"])
    assert "0 to change" in desk.deployer("plan").stderr
    assert desk.curl("--insecure", *desk.alice).stdout == "200", "all that time"


@SANDBOX
def test_a_certificate_that_others_should_have_renewed_warns_and_says_who(
    desk: Workbench, public: ForeignCa, tmp_path: Path
) -> None:
    make(public, tmp_path / "api", end=in_days(10))
    certbot = Certbot(desk)
    certbot.renew(tmp_path / "api")
    site(desk, certificate=certbot.source)
    desk.apply()

    (status,) = desk.events("site", "status", status=8)

    (remark,) = status["remarks"]
    assert f"whoever keeps {certbot.certificate} on the host must renew it" in remark


def test_a_certificate_of_the_project_is_deployed_and_replaced(
    desk: Workbench, public: ForeignCa, tmp_path: Path
) -> None:
    first = make(public, tmp_path / "api")
    certificates = desk.directory / "certificates"
    certificates.mkdir()
    take(tmp_path, certificates, public)
    desk.variables["mtls_certificate"] = {
        "files": {
            "certificate": "certificates/{{ inventory_hostname }}.pem",
            "chain": "certificates/chain.pem",
            "private_key": "certificates/web1.key",
        }
    }
    site(desk)

    said = desk.apply("--verbose", "--diff").stdout

    (status,) = desk.events("site", "status")
    assert (status["serial"], status["issuer"], status["health"]) == (first, "R3", "ok")
    assert "0 to change" in desk.deployer("plan", "--detailed-exitcode").stderr
    listed = desk.host.exec(
        ["find", f"{desk.host.layout.root}/", "-name", "key.pem", "-perm", "600"]
    )
    assert listed.stdout

    second = make(public, tmp_path / "api")
    take(tmp_path, certificates, public)
    said += desk.deployer("plan", "-D").stdout
    said += desk.apply("--verbose", "--diff").stdout
    (status,) = desk.events("site", "status")
    assert (status["serial"], status["health"]) == (second, "ok")
    assert (certificates / "web1.key").read_text().splitlines()[1] not in said
    for path in (desk.directory / ".deployer").rglob("*"):
        if path.is_file():
            secret = (certificates / "web1.key").read_bytes().splitlines()[1]
            assert secret not in path.read_bytes(), path


def take(source: Path, certificates: Path, ca: ForeignCa) -> None:
    """Copy what a CA mailed; the chain upside down, as some send it."""
    shutil.copy(source / "api.pem", certificates / "web1.pem")
    shutil.copy(source / "api.key", certificates / "web1.key")
    assert ca.above is not None
    upside_down = ca.above.bundle + (ca.directory / "ca.pem").read_bytes()
    (certificates / "chain.pem").write_bytes(upside_down)


@SANDBOX
def test_files_that_do_not_belong_together_are_refused_before_anything_is_sent(
    desk: Workbench, public: ForeignCa, tmp_path: Path
) -> None:
    make(public, tmp_path / "api")
    make(public, tmp_path / "other", names="DNS:other.example")
    for name in ("api.pem", "api.key", "api.fullchain.pem", "other.key", "other.fullchain.pem"):
        shutil.copy(tmp_path / name, desk.directory / name)
    locked = ("openssl", "pkey", "-in", "api.key", "-aes256", "-passout", "pass:x")
    subprocess.run([*locked, "-out", "locked.key"], cwd=desk.directory, check=True)

    def complaint(certificate: str, key: str) -> str:
        files = {"certificate": certificate, "private_key": key}
        site(desk, certificate={"files": files})
        return desk.apply(status=2).stderr

    assert "other.key is not the key of api.fullchain.pem" in complaint(
        "api.fullchain.pem", "other.key"
    )
    assert "cannot read nowhere.pem: No such file" in complaint("nowhere.pem", "api.key")
    encrypted = complaint("api.fullchain.pem", "locked.key")
    assert "locked.key is encrypted" in encrypted
    assert "openssl pkey -in locked.key -out locked.key.open" in encrypted
    assert f"other.fullchain.pem: CN={SITE} does not cover {SITE}" in complaint(
        "other.fullchain.pem", "other.key"
    )
    assert "no certificate of its issuer follows" in complaint("api.pem", "api.key")
    # One host's file is no reason for silence about the others.
    site(desk, certificate={"files": {"certificate": "nowhere.pem", "private_key": "api.key"}})
    (failed,) = desk.events("host", "status", status=9)
    assert "cannot read nowhere.pem" in failed["summary"]
    assert not desk.host.exec(["ls", desk.host.layout.root], check=False).stdout


def test_clients_of_a_foreign_ca_come_in_and_its_revoked_ones_and_its_siblings_do_not(
    desk: Workbench, tmp_path: Path
) -> None:
    root = ForeignCa.root(tmp_path / "root", "/O=ACME/CN=ACME Root")
    clients = root.below(tmp_path / "clients", AWKWARD)
    sibling = root.below(tmp_path / "sibling", "/O=ACME/CN=Example Client CA G1")
    bob = issue(clients, desk.directory, "bob")
    carol = issue(clients, desk.directory, "carol")
    mallory = issue(sibling, desk.directory, "mallory")
    clients.revoke(desk.directory / "carol.pem")
    (desk.directory / "acme.pem").write_bytes(clients.bundle)
    (desk.directory / "acme.crl.pem").write_bytes(
        clients.publish() + root.publish() + sibling.publish()
    )
    authorities: list[object] = ["clients", {"file": "acme.pem", "crl": "acme.crl.pem"}]
    site(desk, client_auth={"verify": "require", "authorities": authorities})
    stray = desk.apply(status=2).stderr
    assert "acme.crl.pem: the CRL of CN=Example Client CA G1,O=ACME belongs to no" in stray
    (desk.directory / "acme.crl.pem").write_bytes(clients.publish() + root.publish())

    desk.apply()

    assert desk.curl(*desk.alice).stdout == "200"
    assert desk.curl(*bob).stdout == "200"
    assert desk.curl(*carol).stdout == "000"
    assert desk.curl(*mallory).stdout == "000"
    (status,) = desk.events("site", "status")
    assert status["health"] == "ok"
    assert "0 to change" in desk.deployer("plan", "--detailed-exitcode").stderr
    assert "O=ACME" in desk.deployer("render").stdout

    # Where nobody looks into lists, its name alone keeps a sibling out.
    authorities[1] = {"file": "acme.pem"}
    site(
        desk,
        client_auth={"verify": "require", "authorities": authorities, "revocation": "none"},
    )
    desk.apply()
    answers = [desk.curl(*who).stdout for who in (desk.alice, bob, carol, mallory)]
    assert answers == ["200", "200", "200", "403"]


def issue(ca: ForeignCa, directory: Path, name: str) -> tuple[str, ...]:
    """Make a client that shows its issuer as well, and return curl's options for it."""
    ca.issue(directory / name, f"/CN={name}", "client")
    shown = (directory / f"{name}.pem").read_bytes() + (ca.directory / "ca.pem").read_bytes()
    (directory / f"{name}.chain.pem").write_bytes(shown)
    return "--cert", f"{name}.chain.pem", "--key", f"{name}.key"


@SANDBOX
def test_foreign_revocation_lists_are_watched_like_ours(desk: Workbench, tmp_path: Path) -> None:
    ca = ForeignCa.root(tmp_path / "ca", "/O=ACME/CN=ACME Root")
    (desk.directory / "acme.pem").write_bytes(ca.bundle)
    authority = {"file": "acme.pem"}
    site(desk, client_auth={"verify": "require", "authorities": [authority]})
    assert "there is no CRL of CN=ACME Root,O=ACME" in desk.apply(status=2).stderr
    assert "there is no CRL of CN=ACME Root,O=ACME" in desk.deployer("render", status=1).stderr

    authority["crl"] = "acme.crl"
    site(desk, client_auth={"verify": "require", "authorities": [authority]})
    dates = ("-crl_lastupdate", in_days(-6), "-crl_nextupdate", in_days(4))
    der = ("openssl", "crl", "-in", str(ca.directory / "ca.crl"), "-outform", "DER")
    ca.publish(*dates)
    with (desk.directory / "acme.crl").open("wb") as file:
        subprocess.run(der, check=True, stdout=file)
    desk.apply()
    (status,) = desk.events("site", "status", status=8)
    assert "revocation lists of CN=ACME Root,O=ACME are half over" in status["remarks"][0]
    assert not desk.curl(*desk.alice).stdout.startswith("2"), "ours are not asked for here"

    ended = ("-crl_lastupdate", in_days(-9), "-crl_nextupdate", in_days(-1))
    (desk.directory / "acme.crl").write_bytes(ca.publish(*ended))
    said = desk.deployer("apply", "--yes", status=2).stderr
    assert "acme.crl: the CRL of CN=ACME Root,O=ACME expired" in said


def in_days(days: int) -> str:
    done = subprocess.run(
        ["date", "-u", "-d", f"{days} days", "+%Y%m%d%H%M%SZ"],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()
