"""Mistakes in what the operator writes: found before anything connects, all of them at once."""

import json
import os
import shlex
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from deployer.cli.passphrase import NoPassphrase, Passphrase
from tests.journey.workbench import command, deployer, found_ca

INVENTORY = """\
webservers:
  hosts:
    web1:
      ansible_host: 192.0.2.1
      apache_vhosts:
        - server_name: api.example.com
          document_root: /srv/api
          client_auth:
            verfy: require
        - server_name: "bad name"
          document_root: "/srv/${HOME}"
      mtls_verfy: require
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("project")
    found_ca(directory)
    return directory


def complaint(project: Path, inventory: str, *, status: int = 1, command: str = "plan") -> str:
    """Type a command with this inventory; its host does not exist, so connecting would tell."""
    (project / "hosts.yml").write_text(inventory)
    return deployer(project, command, status=status).stderr


@pytest.mark.fault(66, how="inventories with one mistake each")
def test_every_mistake_is_named_with_file_line_and_the_nearest_name(project: Path) -> None:
    said = complaint(project, INVENTORY)

    assert "hosts.yml:9: " in said
    assert "verfy: unknown key, did you mean verify" in said
    assert "hosts.yml:10: " in said
    assert "'bad name'" in said
    assert "hosts.yml:11: " in said
    assert "hosts.yml:12: " in said
    assert "mtls_verfy" in said


def test_a_canary_that_is_not_in_the_run_is_refused(project: Path) -> None:
    site = {"server_name": "api.example.com", "document_root": "/srv/api"}
    hosts = {name: {"ansible_host": "192.0.2.1"} for name in ("web1", "web2")}
    groups = {"web": {"hosts": hosts, "vars": {"apache_vhosts": [site]}}}
    (project / "hosts.yml").write_text(json.dumps(groups))

    for verb in ("apply", "rotate", "rollback"):
        said = deployer(project, verb, "web1", "--yes", "--canary", "web2", status=5)
        assert "--canary web2: none of these hosts is in this run" in said.stderr


@pytest.mark.fault(66, how="values that no quoting can hold")
@pytest.mark.parametrize(
    "value",
    [
        '"/srv/a\\n</VirtualHost>"',
        '"/srv/${PATH}"',
        '"/srv/a\\0b"',
        '"/srv/a\\\\"',
        '"{{ undefined_name }}"',
        '"relative/path"',
    ],
)
def test_what_apache_cannot_quote_never_leaves_the_controller(project: Path, value: str) -> None:
    inventory = f"""\
all:
  hosts:
    web1:
      ansible_host: 192.0.2.1
      apache_vhosts:
        - server_name: a.example.com
          document_root: {value}
"""
    assert "hosts.yml:7: " in complaint(project, inventory)


def test_a_depth_that_would_lock_everybody_out_is_refused(project: Path) -> None:
    inventory = """\
all:
  hosts:
    web1:
      apache_vhosts:
        - {server_name: a.example.com, document_root: /srv, client_auth: {depth: 1}}
"""
    said = complaint(project, inventory, command="render")

    assert "depth 1 would refuse every client" in said


def test_a_mistake_in_what_is_brought_along_has_its_line(project: Path) -> None:
    inventory = """\
all:
  vars:
    mtls_certificate: {files: {certificate: a.pem, privat_key: a.key}}
  hosts:
    web1:
      apache_vhosts:
        - server_name: a.example.com
          document_root: /srv
          client_auth:
            authorities:
              - clinets
              - {file: ca.pem, clr: ca.crl}
"""
    said = complaint(project, inventory, command="render")

    assert "hosts.yml:3: mtls_certificate.files.privat_key: unknown key, did you mean" in said
    assert "hosts.yml:11: " in said
    assert "must be clients, or {file: …, crl: …}" in said
    assert "clr: unknown key, did you mean crl" in said


def test_broken_yaml_is_an_error_with_a_place(project: Path) -> None:
    assert complaint(project, "all: [\n").startswith("deployer: hosts.yml:2:1: not valid YAML")


def test_a_pattern_that_matches_nothing_is_an_error(project: Path) -> None:
    (project / "hosts.yml").write_text(INVENTORY)

    assert "wbe1" in deployer(project, "plan", "wbe1", status=5).stderr


def test_a_wrong_word_ends_with_five_and_help(project: Path) -> None:
    said = deployer(project, "plna", status=5).stderr

    assert "plan" in said
    assert "deployer --help" in said


def test_without_a_project_the_way_to_one_is_shown(tmp_path: Path) -> None:
    assert "deployer init" in deployer(tmp_path, "plan", status=1).stderr


def test_without_a_ca_the_way_to_one_is_shown(tmp_path: Path) -> None:
    deployer(tmp_path, "init")

    assert "deployer ca init" in deployer(tmp_path, "plan", status=1).stderr


def test_a_new_project_is_complete_and_is_never_overwritten(tmp_path: Path) -> None:
    deployer(tmp_path, "init", "project")
    project = tmp_path / "project"
    deployer(project, "ca", "init", "--passphrase-file", passphrase(tmp_path))

    assert "SSLVerifyClient require" in deployer(project, "render").stdout
    assert "exists" in deployer(tmp_path, "init", "project", status=1).stderr


def test_common_options_may_stand_before_the_command(project: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yml"
    other.write_text("all: {hosts: {b1: }}\n")

    assert deployer(project, "-i", str(other), "inventory", "list", "--list-hosts").stdout == "b1\n"


def test_an_identity_is_never_overwritten_and_a_refusal_issues_nothing(project: Path) -> None:
    before = (project / "alice" / "alice.key").read_bytes()

    said = deployer(
        project, "client", "issue", "alice", "--passphrase-file", "passphrase", status=1
    ).stderr

    assert "never overwritten" in said
    assert (project / "alice" / "alice.key").read_bytes() == before


def passphrase(directory: Path) -> str:
    path = directory / "passphrase"
    path.write_text("long enough\n")
    return str(path)


def ends(
    directory: Path,
    *arguments: str,
    status: int = 1,
    prefix: Sequence[str] = (),
    redirections: str = "",
    environment: Mapping[str, str] | None = None,
) -> str:
    """Type a command into a shell, as somebody without power over all files; return stderr."""
    words = shlex.join([*(prefix or POWERLESS), *command(*arguments)])
    ended = subprocess.run(
        ["/bin/sh", "-c", f"{words} {redirections}"],
        cwd=directory,
        env={**os.environ, "NO_COLOR": "1", "PYTHONPATH": str(ROOT), **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == status, f"{ended.returncode}, not {status}: {ended.stderr}"
    assert "Traceback" not in ended.stderr, ended.stderr
    assert not ended.stderr or ended.stderr.startswith("deployer: "), ended.stderr
    return ended.stderr


ROOT = Path(__file__).parents[2]
# Root reads what is forbidden to it, unless it gives up two of its powers.
IS_ROOT = os.geteuid() == 0
POWERLESS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search") if IS_ROOT else ()

HOST = "all: {hosts: {web1: {ansible_host: 192.0.2.1}}}\n"
DENIED = "Permission denied"


@pytest.fixture
def desk(project: Path, tmp_path: Path) -> Path:
    """A project of one's own, to break."""
    (project / "hosts.yml").write_text(HOST)
    return shutil.copytree(project, tmp_path / "desk")


def issue(*options: str) -> tuple[str, ...]:
    return ("client", "issue", "bob", *options)


def test_a_passphrase_file_that_cannot_be_read_is_named(desk: Path) -> None:
    latin = desk / "latin"
    latin.write_bytes("schlüssel\n".encode("latin-1"))
    latin.chmod(0o600)
    hidden = desk / "hidden"
    hidden.write_text("secret\n")
    hidden.chmod(0)

    assert "latin is not UTF-8 text" in ends(desk, *issue("--passphrase-file", "latin"))
    assert "not readable" in ends(desk, *issue("--passphrase-file", "hidden"), status=5)
    assert "Is a directory" in ends(desk, *issue("--passphrase-file", "."))
    assert not (desk / "bob").exists()


def test_a_passphrase_that_is_not_text_is_refused_without_quoting_it(desk: Path) -> None:
    latin = os.fsdecode("schlüssel".encode("latin-1"))
    said = ends(desk, *issue(), environment={"DEPLOYER_CA_PASSPHRASE": latin})

    assert "DEPLOYER_CA_PASSPHRASE is not UTF-8 text" in said
    assert "ssel" not in said


@pytest.mark.parametrize(
    ("typed", "status", "why"),
    [
        ("no-such-program", 1, "no-such-program cannot be run: No such file or directory"),
        ("cat 'passphrase", 5, "no closing quotation"),
        (" ", 5, "names no command"),
        ("cat missing", 1, "cat: missing: No such file or directory"),
        ("false", 1, "false failed: exit status 1"),
        ("true", 1, "true printed none"),
        ("printf '\\377'", 1, "what printf printed is not UTF-8 text"),
    ],
)
def test_a_passphrase_command_that_gives_none_is_named(
    desk: Path, typed: str, status: int, why: str
) -> None:
    assert why in ends(desk, *issue("--passphrase-command", typed), status=status)


def test_a_passphrase_command_is_not_waited_for_without_end() -> None:
    with pytest.raises(NoPassphrase, match=r"sleep did not end within 0\.2 s"):
        Passphrase(command="sleep 60", patience=0.2).get()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("inventory = ['hösts.yml']\n".encode("latin-1"), "deployer.toml is not UTF-8 text"),
        (b"inventory = [\n", "deployer.toml: "),
        (b"known_hosts = ['~nobody-of-this-name/known_hosts']\n", "no such home directory"),
    ],
)
def test_a_broken_project_file_is_named(desk: Path, content: bytes, why: str) -> None:
    (desk / "deployer.toml").write_bytes(content)

    assert why in ends(desk, "plan")


def test_a_project_file_that_may_not_be_read_is_named(desk: Path) -> None:
    (desk / "deployer.toml").chmod(0)

    assert f"cannot read {desk}/deployer.toml: {DENIED}" in ends(desk, "plan")


def test_a_directory_that_is_gone_is_no_place_to_work(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    remove_first = ("sh", "-c", f'rmdir {gone}; exec "$@"', "sh")

    assert "current directory" in ends(gone, "plan", prefix=remove_first)


def test_a_state_that_is_a_file_is_no_state(desk: Path) -> None:
    for arguments in (("ca", "show"), ("ca", "init", "--passphrase-file", "passphrase")):
        assert "hosts.yml is not a directory" in ends(desk, *arguments, "--state", "hosts.yml")


@pytest.mark.parametrize("name", [".deployer", ".deployer/state.db", ".deployer/state.lock"])
def test_a_state_that_may_not_be_read_is_named(desk: Path, name: str) -> None:
    (desk / name).chmod(0)

    said = ends(desk, *issue("--passphrase-file", "passphrase"))

    assert ".deployer" in said
    assert "ls -la" in said
    assert not (desk / "bob/bob.key").exists()


def test_a_state_where_nothing_may_be_made_is_not_made(desk: Path) -> None:
    closed = desk / "closed"
    closed.mkdir(mode=0o500)
    create = ("ca", "init", "--passphrase-file", "passphrase", "--state")

    assert f"closed/state: {DENIED}" in ends(desk, *create, "closed/state")
    assert f"cannot lock closed/state.lock: {DENIED}" in ends(desk, *create, "closed")


def test_a_render_that_cannot_be_written_is_named(desk: Path) -> None:
    (desk / "hosts.yml").write_text(
        "all: {hosts: {web1: {apache_vhosts: [{server_name: a.example, document_root: /srv}]}}}\n"
    )
    (desk / "closed").mkdir(mode=0o500)

    assert "passphrase is not a directory" in ends(desk, "render", "-o", "passphrase")
    assert f"cannot write closed/web1: {DENIED}" in ends(desk, "render", "-o", "closed")


def test_a_project_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "closed").mkdir(mode=0o500)

    assert "file is not a directory" in ends(tmp_path, "init", "file")
    assert f"cannot write closed/deployer.toml: {DENIED}" in ends(tmp_path, "init", "closed")


@pytest.mark.parametrize(
    ("redirection", "why"), [(">/dev/full", "No space left on device"), (">&-", "Bad file")]
)
@pytest.mark.parametrize(
    "arguments", [("inventory", "list"), ("ca", "show"), ("--help",), ("--version",)]
)
def test_output_that_gets_nowhere_is_an_error(
    desk: Path, arguments: tuple[str, ...], redirection: str, why: str
) -> None:
    assert f"deployer: stdout: {why}" in ends(desk, *arguments, redirections=redirection)


@pytest.mark.parametrize("redirection", ["2>/dev/full", "2>&-", "<&- >/dev/null 2>&-"])
def test_what_nobody_reads_on_stderr_changes_nothing(desk: Path, redirection: str) -> None:
    ends(desk, *issue("--passphrase-file", "passphrase"), status=0, redirections=redirection)
    ends(desk, *issue("--passphrase-file", "passphrase"), redirections=redirection)

    assert (desk / "bob/bob.key").exists()


def test_a_prompt_without_stdin_is_refused(desk: Path) -> None:
    assert "no terminal to ask at" in ends(desk, *issue(), redirections="<&-")


def test_a_reader_that_leaves_ends_it_as_a_signal_would(desk: Path) -> None:
    for arguments in (("inventory", "list"), ("ca", "show"), ("--help",)):
        reader = subprocess.Popen(
            command(*arguments), cwd=desk, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        assert reader.stdout is not None
        reader.stdout.close()
        _, said = reader.communicate(timeout=60)
        assert (reader.returncode, said) == (128 + signal.SIGPIPE, b"")


@pytest.mark.parametrize("name", ["hosts.yml", "group_vars", "group_vars/all", "group_vars/x.yml"])
def test_an_inventory_that_may_not_be_read_is_named(desk: Path, name: str) -> None:
    (desk / "group_vars" / "all").mkdir(parents=True)
    (desk / "group_vars" / "x.yml").write_text("a: 1\n")
    (desk / name).chmod(0)

    assert f"{name}:1: cannot be read: {DENIED}" in ends(desk, "plan")


def test_known_hosts_that_cannot_be_read_are_named(desk: Path) -> None:
    (desk / "hosts.yml").write_text(REACHABLE)
    (desk / "kh").touch(mode=0)

    assert "known hosts .: Is a directory" in ends(desk, "plan", "--known-hosts", ".")
    assert "'kh' is not readable" in ends(desk, "plan", "--known-hosts", "kh", status=5)
    (desk / "deployer.toml").write_text('inventory = ["hosts.yml"]\nknown_hosts = ["kh"]\n')
    assert f"known hosts {desk}/kh: {DENIED}" in ends(desk, "plan")


REACHABLE = """\
all:
  hosts:
    web1:
      ansible_host: 127.0.0.1
      ansible_port: 1
      apache_vhosts: [{server_name: a.example.com, document_root: /srv}]
"""


@pytest.mark.skipif(not IS_ROOT, reason="takes on a user id that has no name")
def test_an_account_without_a_name_needs_one_only_to_log_in(desk: Path) -> None:
    (desk / "hosts.yml").write_text(REACHABLE)
    for path in (desk, *desk.rglob("*")):
        os.chown(path, NAMELESS, -1)
    powers = "+dac_override,+dac_read_search"
    prefix = (
        "env", "-u", "USER", "-u", "LOGNAME", "-u", "LNAME", "-u", "USERNAME", "-u", "HOME",
        "setpriv", f"--reuid={NAMELESS}", f"--inh-caps={powers}", f"--ambient-caps={powers}",
    )  # fmt: skip

    said = ends(desk, "plan", prefix=prefix, status=4)
    assert "web1: authenticate: nothing says whom to log in as" in said
    assert "set ansible_user, or give -u" in said

    assert "web1: connect: " in ends(desk, "plan", "-u", "me", prefix=prefix, status=4)
    assert "cannot be read" in ends(desk, "plan", "-e", "@~/x", prefix=prefix)
    ends(desk, "inventory", "list", prefix=prefix, status=0)


NAMELESS = 54321


def test_an_organization_that_no_server_could_compare_founds_no_ca(tmp_path: Path) -> None:
    (tmp_path / "passphrase").write_text("long enough\n")
    (tmp_path / "passphrase").chmod(0o600)
    create = ("ca", "init", "--state", "state", "--passphrase-file", "passphrase", "--name")

    for name in ("Acme %{x}", "Acme $1", "${HOME}"):
        assert "is not an organization's name" in ends(tmp_path, *create, name)
    deployer(tmp_path, *create, 'Acme "50 %" & $ö\\')
    (tmp_path / "hosts.yml").write_text(REACHABLE)
    deployer(tmp_path, "render", "--state", "state", "-i", "hosts.yml")


def test_an_identity_that_cannot_be_used_is_refused_before_anything_connects(desk: Path) -> None:
    (desk / "hosts.yml").write_text(REACHABLE)
    (desk / "closed").mkdir(mode=0)
    (desk / "empty").mkdir()
    deployer(desk, *issue("--passphrase-file", "passphrase"))
    shutil.copy(desk / "bob/bob.key", desk / "alice/alice.key")

    probe = ("probe", "--identity")
    assert "alice.key is not the key of the certificate" in ends(desk, *probe, "alice")
    assert "'closed' is not readable" in ends(desk, *probe, "closed", status=5)
    assert "cannot read nowhere: No such file" in ends(desk, *probe, "nowhere")
    assert "holds 0 keys" in ends(desk, *probe, "empty")
    (desk / "bob/bob.pem").chmod(0)
    assert f"cannot read bob/bob.pem: {DENIED}" in ends(desk, *probe, "bob")
