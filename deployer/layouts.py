"""
What differs between one distribution's Apache and another's, as data.

A new distribution is a value here. A host that is like none of them (a sandbox, a second
instance) writes the same fields in its variables.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where one installation of Apache keeps its files, and how it is commanded."""

    name: str
    config_root: str
    """The directory that Apache's own configuration lives in; ours is `deployer/` below it."""
    vhost_dir: str
    """The directory whose `*.conf` files Apache reads as virtual hosts."""
    state_dir: str = "/var/lib/deployer"
    """Journal, lease and dead-man state; survives reboots."""
    httpd: tuple[str, ...]
    """The server itself with the arguments that select this configuration."""
    reload: tuple[str, ...]
    """The distribution's own graceful reload."""
    start: tuple[str, ...]
    """How a dead server is brought back."""
    pid_file: str
    envvars: str | None = None
    """A shell file that must be sourced before `httpd` runs (Debian)."""
    private_dirs: tuple[str, ...] = ()
    """Directories that a rehearsal covers with empty ones: pid file, sockets, logs."""
    copied_dirs: tuple[str, ...] = ()
    """Directories that a rehearsal covers with a copy, so that it may change them."""
    log_dir: str
    """Where our virtual hosts log, as Apache's configuration spells it."""
    listens: tuple[int, ...] = ()
    """Ports that the host's own configuration already listens on once mod_ssl is loaded."""
    modules_available: str | None = None
    modules_enabled: str | None = None
    """Debian's pair of directories: enabling a module is a link from one to the other."""
    enable_module: tuple[str, ...] = ()
    """The distribution's command that enables the modules named after it."""
    disable_module: tuple[str, ...] = ()
    """Its opposite, for a rollback of what was enabled."""

    @property
    def root(self) -> str:
        """The directory that holds our releases and the `current` link."""
        return f"{self.config_root}/deployer"


DEBIAN = Layout(
    name="debian",
    config_root="/etc/apache2",
    vhost_dir="/etc/apache2/sites-enabled",
    httpd=("/usr/sbin/apache2",),
    reload=("apache2ctl", "graceful"),
    start=("apache2ctl", "start"),
    pid_file="/var/run/apache2/apache2.pid",
    envvars="/etc/apache2/envvars",
    private_dirs=("/run/apache2", "/run/lock/apache2", "/var/log/apache2"),
    copied_dirs=("/etc/apache2/mods-enabled", "/etc/apache2/sites-enabled", "/var/lib/apache2"),
    log_dir="${APACHE_LOG_DIR}",
    listens=(80, 443),
    modules_available="/etc/apache2/mods-available",
    modules_enabled="/etc/apache2/mods-enabled",
    enable_module=("a2enmod", "--quiet"),
    disable_module=("a2dismod", "--quiet"),
)

LAYOUTS = {layout.name: layout for layout in (DEBIAN,)}
