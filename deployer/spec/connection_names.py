"""
The names of Ansible's variables for connections, and which of their values change nothing.

Of several spellings the last one that is set wins, as in Ansible.
"""

from collections.abc import Mapping
from typing import Literal

Way = Literal["ssh", "openssh", "local"]
Method = Literal["sudo", "doas", "su"]

ANSIBLE = "ansible_"
ADDRESS = ("ansible_host", "ansible_ssh_host")
PORT = ("ansible_port", "ansible_ssh_port")
USER = ("ansible_user", "ansible_ssh_user")
PASSWORD = ("ansible_password", "ansible_ssh_pass", "ansible_ssh_password")
PRIVATE_KEY_FILE = ("ansible_private_key_file", "ansible_ssh_private_key_file")
PRIVATE_KEY = ("ansible_private_key", "ansible_ssh_private_key")
PASSPHRASE = ("ansible_private_key_passphrase", "ansible_ssh_private_key_passphrase")
TIMEOUT = ("ansible_timeout", "ansible_ssh_timeout", "ansible_paramiko_timeout")
RETRIES = "ansible_ssh_retries"
PKCS11_PROVIDER = "ansible_ssh_pkcs11_provider"
PROXY_COMMAND = "ansible_paramiko_proxy_command"
SSH_ARGS = "ansible_ssh_args"
SSH_COMMON_ARGS = "ansible_ssh_common_args"
SSH_EXTRA_ARGS = "ansible_ssh_extra_args"
BECOME = ("ansible_become",)
BECOME_METHOD = "ansible_become_method"

WAYS: Mapping[str, Way] = {
    "ssh": "ssh",
    "ansible.builtin.ssh": "ssh",
    "smart": "ssh",
    "paramiko": "ssh",
    "paramiko_ssh": "ssh",
    "ansible.builtin.paramiko_ssh": "ssh",
    "openssh": "openssh",
    "local": "local",
    "ansible.builtin.local": "local",
}
METHODS: Mapping[str, Method] = {
    "sudo": "sudo",
    "ansible.builtin.sudo": "sudo",
    "doas": "doas",
    "community.general.doas": "doas",
    "su": "su",
    "ansible.builtin.su": "su",
}
TRUE = frozenset({"yes", "true", "on", "y", "t", "1"})
FALSE = frozenset({"no", "false", "off", "n", "f", "0", ""})
BECOME_FLAGS = "-H -S -n"
"""What Ansible passes to sudo unless told otherwise."""


def become_user(method: Method) -> tuple[str, ...]:
    """Name the variables that say whose rights to take on."""
    return "ansible_become_user", f"ansible_{method}_user"


def become_password(method: Method) -> tuple[str, ...]:
    """Name the variables that hold the password for that."""
    return "ansible_become_password", "ansible_become_pass", f"ansible_{method}_pass"


_SUDO_FLAGS = frozenset({"", BECOME_FLAGS, "-H -S", "-H", "-n", "-H -n"})

# What we do already, whatever these say, and so nothing is lost when they say the same.
HONOURED_VALUES: Mapping[str, frozenset[str]] = {
    "ansible_host_key_checking": TRUE,
    "ansible_ssh_host_key_checking": TRUE,
    "ansible_paramiko_host_key_checking": TRUE,
    "ansible_become_exe": frozenset(
        {f"{directory}{method}" for directory in ("", "/usr/bin/", "/bin/") for method in METHODS}
    ),
    "ansible_sudo_exe": frozenset({"sudo", "/usr/bin/sudo"}),
    "ansible_doas_exe": frozenset({"doas", "/usr/bin/doas"}),
    "ansible_su_exe": frozenset({"su", "/bin/su", "/usr/bin/su"}),
    "ansible_become_flags": _SUDO_FLAGS,
    "ansible_sudo_flags": _SUDO_FLAGS,
    "ansible_doas_flags": frozenset({"", "-n"}),
    "ansible_su_flags": frozenset({""}),
    "ansible_shell_executable": frozenset({"/bin/sh", "sh"}),
    "ansible_ssh_executable": frozenset({"ssh", "/usr/bin/ssh"}),
}
_KEY_CHECKING = "host keys are always checked: `deployer hosts trust` records them"
REASONS: Mapping[str, str] = {
    "ansible_host_key_checking": _KEY_CHECKING,
    "ansible_ssh_host_key_checking": _KEY_CHECKING,
    "ansible_paramiko_host_key_checking": _KEY_CHECKING,
}
"""Why a value is not honoured, where more can be said than that."""

_IGNORED = (
    "ansible_group_priority",
    "ansible_paramiko_use_rsa_sha2_algorithms",
    "ansible_pipelining",
    "ansible_python_interpreter",
    "ansible_scp_extra_args",
    "ansible_scp_if_ssh",
    "ansible_sftp_extra_args",
    "ansible_sftp_batch_mode",
    "ansible_shell_type",
    "ansible_ssh_pipelining",
    "ansible_ssh_transfer_method",
)
KNOWN = (
    *ADDRESS,
    *PORT,
    *USER,
    *PASSWORD,
    *PRIVATE_KEY_FILE,
    *PRIVATE_KEY,
    *PASSPHRASE,
    *TIMEOUT,
    RETRIES,
    PKCS11_PROVIDER,
    PROXY_COMMAND,
    SSH_ARGS,
    SSH_COMMON_ARGS,
    SSH_EXTRA_ARGS,
    *BECOME,
    BECOME_METHOD,
    *dict.fromkeys(
        name
        for method in METHODS.values()
        for name in (*become_user(method), *become_password(method))
    ),
    "ansible_connection",
    *HONOURED_VALUES,
    *_IGNORED,
)
"""Ansible's variables for connections: what we read, and what changes nothing for us."""
