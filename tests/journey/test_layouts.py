"""Hosts of other distributions: found out, brought to a release, and back from a bad one."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deployer.errors import StepFailed
from deployer.host import verbs
from deployer.host.script import Stranger
from deployer.plan import plan
from deployer.platforms import platform_of
from deployer.release import File
from tests.host.machine import Machine, OnFleet, on_fleet
from tests.hosts.fleet import Fleet, FleetHost
from tests.hosts.prober import Prober
from tests.hosts.trees import TREES, planted, script
from tests.journey.workbench import Workbench

INSTALLED = {"rhel": (80, 443), "freebsd": (80,)}


@pytest.fixture(params=TREES)
def tree(request: pytest.FixtureRequest, fleet: Fleet) -> Iterator[FleetHost]:
    """A host with the tree of another distribution."""
    host = planted(fleet, request.param)
    yield host
    host.kill()


@pytest.fixture
def rhel(fleet: Fleet) -> Iterator[Machine]:
    host = planted(fleet, "rhel")
    yield on_fleet(host)
    host.kill()


@pytest.fixture
def bare(fleet: Fleet) -> Iterator[FleetHost]:
    """A Debian host without Apache, and with a repository that has it."""
    host = fleet.host(apache="stopped")
    host.exec(script("purged"))
    yield host
    host.kill()


@pytest.fixture
def desk(tree: FleetHost, tmp_path: Path, founded: Path) -> Workbench:
    """A project that does not say what its host is like."""
    return desk_for(tree, tmp_path, founded)


def desk_for(host: FleetHost, directory: Path, founded: Path) -> Workbench:
    desk = Workbench(directory / "project", host)
    desk.take_ca(founded)
    desk.variables |= {"mtls_layout": None}
    desk.write_inventory()
    return desk


@pytest.mark.fault(37, how="hosts laid out as other distributions")
def test_a_host_is_found_out_changed_and_then_left_alone(desk: Workbench) -> None:
    layout = desk.host.layout
    assert desk.host.exec(["ls", layout.root], check=False).stdout == b""
    found = verbs.observe(Stranger("web1", OnFleet(desk.host)))  # type: ignore[arg-type]
    platform = platform_of(found, None)

    assert found.layout == layout.name
    assert platform is not None
    # On RHEL Apache's own path leads there by a link.
    assert platform.layout.pid_file.endswith("run/httpd.pid")
    assert platform.layout == replace(
        layout, listens=INSTALLED[layout.name], pid_file=platform.layout.pid_file
    )
    assert platform.openssl[:2] >= (3, 0)
    assert not platform.shared
    assert found.existing is not None
    assert found.existing.group == layout.group

    with Prober(desk.host.site_url) as visitor:
        desk.apply()
        assert [one["outcome"] for one in desk.events("host", "apply")] == ["unchanged"]

    assert visitor.failures == ()
    assert desk.curl(*desk.alice).stdout == "200"
    assert desk.curl().stdout == "000"
    assert "ok" in desk.deployer("status").stdout


def test_a_release_that_apache_refuses_is_undone_by_the_layouts_own_commands(
    tree: FleetHost,
) -> None:
    machine = on_fleet(tree)
    listens = "" if 443 in INSTALLED[tree.layout.name] else "Listen 443\n"
    first = machine.release(server=listens)
    machine.deploy(first)
    second = machine.activate(machine.release(server=listens))

    assert machine.undo(second) is not None
    assert machine.serves(first)

    third = machine.activate(machine.release(server=listens))
    tree.exec(["sh", "-c", f"kill $(cat {tree.layout.pid_file})"])
    assert machine.undo(third) is not None
    assert machine.serves(first)
    assert machine.site_serves()


def test_the_site_that_the_server_serves_by_itself_is_not_taken_away(rhel: Machine) -> None:
    ours = "<VirtualHost *:80>\nServerName one.test\nRedirect / https://one.test/\n</VirtualHost>\n"

    with pytest.raises(StepFailed, match="port 80 is answered by the server itself") as refused:
        rhel.rehearse(rhel.release(server=ours))
    assert "mtls_redirect_http: false" in refused.value.hint

    # A virtual host with nothing inside is what the server is.
    beside = rhel.release(server=f"<VirtualHost *:80>\n</VirtualHost>\n{ours}")
    assert rhel.rehearse(beside) == "whole"
    rhel.deploy(beside)
    assert rhel.site_serves()


@pytest.mark.fault(37, how="a host without mod_ssl")
def test_a_module_that_an_administrator_must_load_is_named_with_its_package(rhel: Machine) -> None:
    with pytest.raises(StepFailed, match="not loaded authnz_ldap") as refused:
        rhel.rehearse(rhel.release(modules=("ssl", "authnz_ldap")))

    assert "dnf install its package" in refused.value.hint


def test_what_a_package_made_for_nobody_may_lose_the_default_and_a_site_may_not(
    rhel: Machine,
) -> None:
    assert rhel.rehearse(rhel.release()) == "whole"
    conf = f"{rhel.layout.vhost_dir}/ssl.conf"
    rhel.lab.exec(["sed", "-i", "s/^#ServerName.*/ServerName shop.example.com/", conf])

    with pytest.raises(StepFailed, match=r"443 is answered by /etc/httpd/conf.d/ssl.conf today"):
        rhel.rehearse(rhel.release())
    found = verbs.observe(rhel.host)
    platform = platform_of(found, rhel.layout)
    assert platform is not None
    assert platform.shared
    assert platform.bare_ports == (80,)


def test_a_directory_that_apache_does_not_read_is_told_with_the_line_that_it_needs(
    rhel: Machine,
) -> None:
    layout = replace(rhel.layout, vhost_dir="/etc/httpd/conf/vhosts")
    arch = replace(rhel, host=replace(rhel.host, layout=layout))
    line = "add to /etc/httpd/conf/httpd.conf: IncludeOptional /etc/httpd/conf/vhosts/*.conf"

    with pytest.raises(StepFailed, match="there is no /etc/httpd/conf/vhosts") as refused:
        arch.rehearse(arch.release())
    assert line in refused.value.hint
    rhel.lab.exec(["mkdir", layout.vhost_dir])
    with pytest.raises(StepFailed, match="does not read /etc/httpd/conf/vhosts") as refused:
        arch.rehearse(arch.release())
    assert line in refused.value.hint

    conf = "/etc/httpd/conf/httpd.conf"
    rhel.lab.exec(["sh", "-c", f"echo 'IncludeOptional conf/vhosts/*.conf' >>{conf}"])
    assert arch.rehearse(arch.release()) == "whole"


def test_a_password_file_is_for_apaches_group_alone(rhel: Machine) -> None:
    release = rhel.release()
    passwords = File.of("auth/one.htpasswd", b"alice:x\n", secret=True, group=True)
    release = replace(release, files=(*release.files, passwords))
    rhel.deploy(release)

    said = rhel.lab.exec(["stat", "-c", "%a %U %G", f"{rhel.layout.root}/current/{passwords.path}"])
    assert said.stdout == b"640 root apache\n"
    assert not plan(release, rhel.observe())
    rhel.lab.exec(["chmod", "644", f"{rhel.layout.root}/current/{passwords.path}"])
    (change,) = plan(release, rhel.observe()).changes
    assert change.reason == "mode 0644, not 0640"


@pytest.mark.slow
def test_apache_is_installed_where_that_is_asked_for_and_nowhere_else(
    bare: FleetHost, tmp_path: Path, founded: Path
) -> None:
    desk = desk_for(bare, tmp_path, founded)

    said = desk.apply(status=2).stderr
    assert "Apache is not installed: /usr/sbin/apache2 does not run" in said
    assert "hint: deployer apply --install installs apache2, or set mtls_layout" in said
    desk.apply("--install", "--check", status=2)
    assert bare.exec(["ls", "/etc/apache2"], check=False).stdout == b""

    assert "changed" in desk.apply("--install").stdout
    assert desk.curl(*desk.alice).stdout == "200"
    assert [one["outcome"] for one in desk.events("host", "apply", "--install")] == ["unchanged"]


def test_an_installation_that_fails_says_what_the_package_manager_said(
    fleet: Fleet, tmp_path: Path, founded: Path
) -> None:
    host = fleet.host(apache="absent")
    host.write("/etc/apt/sources.list.d/debian.sources", "")
    # Nobody asks it for packages that it believes to have.
    host.exec(["sed", "-i", "/^Package: apache2/,/^$/d", "/var/lib/dpkg/status"])
    host.exec(["sh", "-c", "rm -rf /var/lib/apt/lists/* /etc/apt/sources.list.d/*"])

    said = desk_for(host, tmp_path, founded).apply("--install", status=2).stderr

    assert "E: Package 'apache2' has no installation candidate" in said
    assert "hint: install apache2 by hand, and apply again" in said
    host.kill()


# On a host where nothing of Apache is left: os-release, and the files that make an installation.
@pytest.mark.parametrize(
    ("release", "files", "layout"),
    [
        ("ID=ubuntu\nID_LIKE=debian", "", "debian"),
        ('ID="almalinux"\nID_LIKE="rhel centos fedora"', "", "rhel"),
        ("ID=fedora", "", "rhel"),
        ('ID="opensuse-leap"\nID_LIKE="suse opensuse"', "", "suse"),
        ("ID=alpine", "", "alpine"),
        ("ID=arch", "", "arch"),
        ("ID=freebsd", "", "freebsd"),
        ("ID=unheard-of", "/etc/apache2/httpd.conf /usr/sbin/start_apache2", "suse"),
        ("ID=unheard-of", "/etc/apache2/httpd.conf /usr/sbin/httpd", "alpine"),
        ("ID=unheard-of", "/etc/httpd/conf/httpd.conf /usr/bin/httpd", "arch"),
        ("ID=arch", "/etc/httpd/conf/httpd.conf /usr/bin/httpd /usr/sbin/httpd", "arch"),
        ("ID=debian", "/etc/httpd/conf/httpd.conf /usr/sbin/httpd", "rhel"),
        ("ID=unheard-of", "/etc/httpd/conf/httpd.conf", ""),
        ("", "", ""),
    ],
)
def test_a_layout_is_found_by_what_the_system_says_and_by_what_is_there(
    nothing: FleetHost, release: str, files: str, layout: str
) -> None:
    nothing.write("/etc/os-release", f"{release}\n")
    for path in files.split():
        nothing.write(path, "#!/bin/sh\nexit 1\n", mode=0o755)

    found = verbs.observe(Stranger("web1", OnFleet(nothing)))

    assert found.layout == layout
    assert (found.apache_version, found.existing) == ("", None)
    nothing.exec(["rm", "-f", *files.split()])


@pytest.fixture(scope="module")
def nothing(fleet: Fleet) -> Iterator[FleetHost]:
    """A host without Apache."""
    host = fleet.host(apache="absent")
    yield host
    host.kill()


def test_a_system_that_nobody_knows_is_told_how_to_be_described(
    nothing: FleetHost, tmp_path: Path, founded: Path
) -> None:
    nothing.write("/etc/os-release", "ID=plan9\n")

    said = desk_for(nothing, tmp_path, founded).deployer("plan", status=2).stderr

    assert "no layout fits this system, which calls itself plan9" in said
    assert "hint: set mtls_layout to one of debian, rhel, suse, alpine, arch, freebsd, or" in said


def test_where_selinux_is_on_files_get_the_labels_of_their_places(rhel: Machine) -> None:
    for name, text in {"selinuxenabled": "", "restorecon": 'echo "$@" >>/tmp/labelled'}.items():
        rhel.lab.write(f"/usr/sbin/{name}", f"#!/bin/sh\n{text}\n", mode=0o755)

    switch = rhel.activate(rhel.release())

    labelled = rhel.lab.read("/tmp/labelled").decode().splitlines()
    prepared = f"{rhel.layout.vhost_dir}/.deployer.new.{switch.token}"
    assert labelled == [
        f"-R {rhel.layout.root}/releases",
        f"-R {prepared} {rhel.layout.state_dir}",
    ]
