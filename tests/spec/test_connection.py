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
    assert reach("x: 1") == Connection(name="web1", way="ssh", address="web1", port=22, user="me")


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
        way="paramiko",
        address="web1.internal",
        port=2222,
        user="deploy",
        password="hunter2",
        private_key_file="~/.ssh/deploy",
        become=Become(user="admin", password="hunter3"),
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


@pytest.mark.parametrize(
    "variable",
    [
        "ansible_ssh_common_args: -o ProxyJump=jump",
        "ansible_ssh_extra_args: -J jump",
        "ansible_ssh_args: -o StrictHostKeyChecking=no",
        "ansible_host_key_checking: false",
        "ansible_paramiko_proxy_command: nc",
        "ansible_private_key: '-----BEGIN'",
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


@pytest.mark.parametrize("method", ["su", "doas", "true"])
def test_rights_are_taken_on_with_sudo_alone(method: str) -> None:
    (line,) = refused(f"{{ansible_become: true, ansible_become_method: {method}}}")

    assert "sudo can" in line


@pytest.mark.parametrize(
    "variable",
    [
        "ansible_ssh_common_args: ''",
        "ansible_host_key_checking: true",
        "ansible_become_flags: -H -S -n",
        "ansible_shell_executable: /bin/sh",
        "ansible_become_method: su",
    ],
)
def test_what_asks_for_nothing_else_is_accepted(variable: str) -> None:
    assert reach(variable).address == "web1"


def test_all_mistakes_are_reported_at_once() -> None:
    lines = refused("""
        ansible_host: "{{ missing }}"
        ansible_port: 70000
        ansible_ssh_args: -C
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
