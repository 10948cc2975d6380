import pytest

from deployer.spec.connection import Become, Connection, Defaults, connection
from deployer.spec.problems import SpecError
from tests.inventory.written import host

ME = Defaults(user="me")


def reach(variables: str, defaults: Defaults = ME) -> Connection:
    return connection(host(variables), defaults)


def refused(variables: str) -> list[str]:
    with pytest.raises(SpecError) as caught:
        reach(variables)
    return caught.value.message.splitlines()


def test_a_host_without_variables_is_reached_by_its_name() -> None:
    assert reach("x: 1") == Connection(
        name="web1", address="web1", user="me", options=(("user", "me"),)
    )


def test_the_variables_of_ansible_are_honoured() -> None:
    found = reach("""
        ansible_host: "{{ inventory_hostname }}.internal"
        ansible_port: "2222"
        ansible_user: deploy
        ansible_password: hunter2
        ansible_ssh_private_key_file: ~/.ssh/deploy
        ansible_connection: paramiko
        ansible_become: "yes"
        ansible_become_user: admin
        ansible_become_pass: hunter3
        ansible_python_interpreter: /usr/bin/python3
        ansible_pipelining: true
    """)

    assert found == Connection(
        name="web1",
        way="ssh",
        address="web1.internal",
        port=2222,
        user="deploy",
        password="hunter2",
        private_key_file="~/.ssh/deploy",
        become=Become(user="admin", password="hunter3"),
        options=(("port", "2222"), ("identityfile", "~/.ssh/deploy"), ("user", "deploy")),
    )


@pytest.mark.parametrize(
    ("variables", "field", "value"),
    [
        ("ansible_ssh_host: 10.0.0.1", "address", "10.0.0.1"),
        ("{ansible_host: a, ansible_ssh_host: b}", "address", "b"),
        ("ansible_ssh_port: 2222", "port", 2222),
        ("ansible_ssh_user: you", "user", "you"),
        ("ansible_ssh_pass: secret", "password", "secret"),
        ("ansible_ssh_password: secret", "password", "secret"),
        ("ansible_private_key_file: key", "private_key_file", "key"),
        ("ansible_connection: local", "way", "local"),
        ("ansible_password: 12345", "password", "12345"),
    ],
)
def test_other_spellings_mean_the_same(variables: str, field: str, value: object) -> None:
    assert getattr(reach(variables), field) == value


@pytest.mark.parametrize("spelling", ["ansible_become_password", "ansible_sudo_pass"])
def test_a_sudo_password_has_several_spellings(spelling: str) -> None:
    assert reach(f"{{ansible_become: true, {spelling}: s}}").become == Become(password="s")


def test_the_command_line_speaks_for_hosts_that_say_nothing() -> None:
    defaults = Defaults(
        user="root", password="p", private_key_file="k", become=True, become_password="b"
    )

    said = reach("{ansible_user: deploy, ansible_become: no}", defaults)
    silent = reach("x: 1", defaults)

    assert (said.user, said.become) == ("deploy", None)
    assert (silent.user, silent.password, silent.private_key_file) == ("root", "p", "k")
    assert silent.become == Become(user="root", password="b")


def test_secrets_have_no_repr() -> None:
    found = reach("{ansible_password: hunter2, ansible_become: true, ansible_become_pass: hunter2}")

    assert "hunter2" not in repr(found)
    assert "hunter2" not in repr(Defaults(user="u", password="hunter2", become_password="hunter2"))


@pytest.mark.fault(67, how="an address such as `-oProxyCommand=evil`")
@pytest.mark.parametrize(
    "variable",
    [
        "ansible_ssh_common_args: -o RemoteCommand=ls",
        "ansible_ssh_common_args: -o ProxyJmp=jump",
        "ansible_ssh_common_args: -N",
        "ansible_ssh_common_args: jump",
        "ansible_ssh_common_args: -o",
        "ansible_ssh_common_args: -o ProxyJump=",
        "ansible_ssh_common_args: -o 'unended",
        "ansible_ssh_common_args: -R 80:localhost:80",
        "ansible_ssh_extra_args: -I /usr/lib/pkcs11.so",
        "ansible_ssh_pkcs11_provider: /usr/lib/pkcs11.so",
        "ansible_ssh_retries: many",
        "ansible_timeout: 0",
        "ansible_ssh_args: -o StrictHostKeyChecking=no",
        "ansible_host_key_checking: false",
        "ansible_private_key: key",
        "ansible_connection: winrm",
        "ansible_port: yes",
        "ansible_port: 0",
        "ansible_port: ssh",
        "ansible_host: -oProxyCommand=evil",
        "ansible_host: ''",
        "ansible_host: [a]",
        "ansible_user: 'a b'",
        "ansible_user: yes",
        "ansible_become: maybe",
        'ansible_password: "a\\nb"',
    ],
)  # fmt: skip
def test_what_cannot_be_honoured_is_refused_and_not_ignored(variable: str) -> None:
    (line,) = refused(variable)

    assert line.startswith(f"hosts.yml:4: {variable.partition(':')[0]}: ")


@pytest.mark.parametrize("method", ["sudo", "doas", "su"])
def test_each_way_to_become_root_has_variables_of_its_own(method: str) -> None:
    found = reach(f"""
        ansible_become: true
        ansible_become_method: {method}
        ansible_{method}_user: admin
        ansible_{method}_pass: hunter2
    """)

    assert found.become is not None
    assert (found.become.method, found.become.user) == (method, "admin")
    assert found.become.password == "hunter2"


@pytest.mark.parametrize("method", ["pbrun", "true"])
def test_other_ways_to_become_root_are_refused(method: str) -> None:
    (line,) = refused(f"{{ansible_become: true, ansible_become_method: {method}}}")

    assert "sudo, doas and su are" in line


def test_arguments_of_ssh_come_in_the_order_in_which_ansible_says_them() -> None:
    found = reach("""
        ansible_ssh_args: -C -o ControlPersist=60s -p 2201
        ansible_port: 2202
        ansible_timeout: 7
        ansible_ssh_retries: 2
        ansible_ssh_common_args: -o ProxyJump=admin@jump:2222 -F project.conf
        ansible_ssh_extra_args: -oProxyCommand="nc -X 5 %h %p" -4i key
    """)

    assert found.options == (
        ("compression", "yes"),
        ("port", "2201"),
        ("port", "2202"),
        ("user", "me"),
        ("connecttimeout", "7"),
        ("connectionattempts", "3"),
        ("proxyjump", "admin@jump:2222"),
        ("proxycommand", "nc -X 5 %h %p"),
        ("addressfamily", "inet"),
        ("identityfile", "key"),
    )
    assert found.config_file == "project.conf"


def test_the_command_line_gives_arguments_to_hosts_that_have_none() -> None:
    defaults = Defaults(ssh_common_args="-J jump", ssh_extra_args="-6", config_file="mine")

    silent = reach("x: 1", defaults)
    own = reach("{ansible_ssh_common_args: '', ansible_ssh_extra_args: -4 -F theirs}", defaults)

    assert silent.options == (("proxyjump", "jump"), ("addressfamily", "inet6"))
    assert silent.config_file == "mine"
    assert own.options == (("addressfamily", "inet"),)
    assert own.config_file == "theirs"


def test_no_retries_is_one_attempt() -> None:
    assert reach("ansible_ssh_retries: 0").options[-1] == ("connectionattempts", "1")


def test_what_the_program_ssh_alone_can_do_is_for_the_transport_that_runs_it() -> None:
    found = reach("""
        ansible_connection: openssh
        ansible_ssh_common_args: -I /usr/lib/pkcs11.so -o ControlPath=none
    """)

    assert found.way == "openssh"
    assert found.options[1:] == (("pkcs11provider", "/usr/lib/pkcs11.so"), ("controlpath", "none"))


def test_the_command_line_chooses_between_the_two_kinds_of_ssh_and_leaves_local_alone() -> None:
    openssh = Defaults(way="openssh")

    assert reach("x: 1", openssh).way == "openssh"
    assert reach("ansible_connection: ssh", openssh).way == "openssh"
    assert reach("ansible_connection: local", openssh).way == "local"


def test_a_key_in_the_inventory_is_kept_from_the_program_ssh() -> None:
    key = "ansible_private_key: '-----BEGIN OPENSSH PRIVATE KEY-----'"

    assert reach(key).private_key == "-----BEGIN OPENSSH PRIVATE KEY-----"
    assert "BEGIN" not in repr(reach(key))
    assert "reads keys from files alone" in refused(f"{{ansible_connection: openssh, {key}}}")[0]


@pytest.mark.parametrize(
    "variable",
    [
        "ansible_ssh_common_args: ''",
        "ansible_host_key_checking: true",
        "ansible_become_flags: -H -S -n",
        "ansible_shell_executable: /bin/sh",
        "ansible_become_method: su",
        "ansible_ssh_args: -C -o ControlMaster=auto -o ControlPersist=60s",
        "ansible_ssh_common_args: -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile=here",
        "ansible_doas_flags: ''",
    ],
)
def test_what_asks_for_nothing_else_is_accepted(variable: str) -> None:
    assert reach(variable).address == "web1"


def test_all_mistakes_are_reported_at_once() -> None:
    lines = refused("""
        ansible_host: "{{ missing }}"
        ansible_port: 70000
        ansible_ssh_args: -N
    """)

    assert [line.split(": ")[1] for line in lines] == [
        "ansible_host",
        "ansible_port",
        "ansible_ssh_args",
    ]


def test_an_error_about_a_password_does_not_quote_it() -> None:
    assert not [line for line in refused('ansible_password: "hunter2\\n"') if "hunter2" in line]


@pytest.mark.parametrize(
    ("typed", "meant"), [("ansible_becom", "ansible_become"), ("ansible_prot", "ansible_port")]
)
def test_a_mistyped_variable_is_no_silent_default(typed: str, meant: str) -> None:
    (said,) = refused(f"{typed}: 1")

    assert f"{typed}: unknown variable, did you mean {meant}?" in said


@pytest.mark.parametrize("name", ["ansible_network_os", "ansible_winrm_transport", "ansible_facts"])
def test_variables_of_other_connections_are_none_of_our_business(name: str) -> None:
    assert reach(f"{name}: 1").address == "web1"
