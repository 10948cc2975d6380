"""
What differs between one distribution's Apache and another's, as data.

A new distribution is a value here. A host that is like none of them (a sandbox, a second
instance) writes the same fields in its variables, all of them or those that differ.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Where one installation of Apache keeps its files, and how it is commanded."""

    name: str
    systems: tuple[str, ...] = ()
    """What such a system calls itself: words of `ID` and `ID_LIKE` in /etc/os-release."""
    config_root: str
    """The directory that Apache's own configuration lives in; ours is `deployer/` below it."""
    main_config: str | None = None
    """The file that Apache reads first; where it is and `httpd` too, this layout is installed."""
    vhost_dir: str
    """The directory whose `*.conf` files Apache reads as virtual hosts."""
    state_dir: str = "/var/lib/deployer"
    """Journal, lease and dead-man state; survives reboots."""
    httpd: tuple[str, ...]
    """The server itself with the arguments that select this configuration."""
    reload: tuple[str, ...]
    """A graceful reload that reads the configuration first, and says what is wrong with it."""
    start: tuple[str, ...]
    """How a dead server is brought back."""
    pid_file: str
    """Where it is unless Apache's configuration says otherwise; what that says counts."""
    envvars: str | None = None
    """A shell file that must be sourced before `httpd` runs (Debian)."""
    private_dirs: tuple[str, ...] = ()
    """Directories that a rehearsal covers with empty ones: pid file, sockets, logs."""
    copied_dirs: tuple[str, ...] = ()
    """Directories that a rehearsal covers with a copy, so that it may change them."""
    log_dir: str
    """Where our virtual hosts log, as Apache's configuration spells it."""
    listens: tuple[int, ...] = ()
    """Ports of the host's own `Listen` lines once mod_ssl is loaded, as installed."""
    group: str | None = None
    """Apache's group as installed: who may read what its workers need, and nobody else."""
    placeholder: str | None = None
    """The certificate for nobody that installing makes: a site without a name of its own has it."""
    modules_available: str | None = None
    modules_enabled: str | None = None
    """Debian's pair of directories: enabling a module is a link from one to the other."""
    enable_module: tuple[str, ...] = ()
    """The distribution's command that enables the modules named after it."""
    module_hint: str = "install the module with the distribution's package manager, or load it"
    """What an administrator does elsewhere, where modules are theirs to load."""
    packages: tuple[str, ...] = ()
    """What `--install` installs: Apache and mod_ssl."""
    install: tuple[str, ...] = ()
    """The package manager, told not to ask, to be followed by the names of packages."""
    boot: tuple[str, ...] = ()
    """Makes an installed Apache start with the host, where installing it does not."""

    @property
    def root(self) -> str:
        """The directory that holds our releases and the `current` link."""
        return f"{self.config_root}/deployer"


DEBIAN = Layout(
    name="debian",
    systems=("debian", "ubuntu"),
    config_root="/etc/apache2",
    main_config="/etc/apache2/apache2.conf",
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
    group="www-data",
    modules_available="/etc/apache2/mods-available",
    modules_enabled="/etc/apache2/mods-enabled",
    enable_module=("a2enmod", "--quiet"),
    packages=("apache2",),
    # Lists first, for a new host has none; a repository that fails need not be the one that counts.
    # What an administrator left of an earlier Apache stays as it is.
    install=(
        "sh",
        "-c",
        (
            "export DEBIAN_FRONTEND=noninteractive; apt-get --quiet update; exec apt-get --quiet"
            ' --yes -o DPkg::Lock::Timeout=120 -o Dpkg::Options::=--force-confold install "$@"'
        ),
        "install",
    ),
)

RHEL = Layout(
    name="rhel",
    systems=("rhel", "fedora", "centos"),
    config_root="/etc/httpd",
    main_config="/etc/httpd/conf/httpd.conf",
    vhost_dir="/etc/httpd/conf.d",
    httpd=("/usr/sbin/httpd",),
    # What its unit runs for a reload. systemctl would keep to itself what Apache says.
    reload=("/usr/sbin/httpd", "-k", "graceful"),
    start=("systemctl", "start", "httpd"),
    pid_file="/run/httpd/httpd.pid",
    private_dirs=("/run/httpd", "/var/log/httpd"),
    copied_dirs=("/etc/httpd/conf.d", "/var/lib/httpd"),
    log_dir="/var/log/httpd",
    listens=(80, 443),
    group="apache",
    placeholder="/etc/pki/tls/certs/localhost.crt",
    module_hint="dnf install its package (mod_ssl, mod_http2), or restore its line in "
    "/etc/httpd/conf.modules.d",
    packages=("httpd", "mod_ssl", "mod_http2"),
    install=("dnf", "--quiet", "--assumeyes", "install"),
    boot=("systemctl", "enable", "httpd"),
)

SUSE = Layout(
    name="suse",
    systems=("suse", "opensuse", "sles"),
    config_root="/etc/apache2",
    main_config="/etc/apache2/httpd.conf",
    vhost_dir="/etc/apache2/vhosts.d",
    # Not httpd itself: this one adds the modules and flags of /etc/sysconfig/apache2.
    httpd=("/usr/sbin/start_apache2",),
    reload=("/usr/sbin/start_apache2", "-k", "graceful"),
    start=("systemctl", "start", "apache2"),
    pid_file="/run/httpd.pid",
    private_dirs=("/var/log/apache2",),
    copied_dirs=("/etc/apache2/vhosts.d", "/etc/apache2/sysconfig.d", "/var/lib/apache2"),
    log_dir="/var/log/apache2",
    listens=(80, 443),
    group="www",
    module_hint="a2enmod it (for ssl also a2enflag SSL), then systemctl restart apache2",
    packages=("apache2",),
    install=("zypper", "--quiet", "--non-interactive", "install"),
    boot=("systemctl", "enable", "apache2"),
)

ALPINE = Layout(
    name="alpine",
    systems=("alpine",),
    config_root="/etc/apache2",
    main_config="/etc/apache2/httpd.conf",
    vhost_dir="/etc/apache2/conf.d",
    httpd=("/usr/sbin/httpd",),
    reload=("/usr/sbin/httpd", "-k", "graceful"),
    start=("rc-service", "apache2", "start"),
    pid_file="/run/apache2/httpd.pid",
    private_dirs=("/run/apache2", "/var/log/apache2"),
    copied_dirs=("/etc/apache2/conf.d",),
    log_dir="/var/log/apache2",
    listens=(80, 443),
    group="apache",
    module_hint="apk add its package (apache2-ssl, apache2-http2, apache2-proxy), "
    "or restore its LoadModule line in /etc/apache2/httpd.conf",
    packages=("apache2", "apache2-ssl", "apache2-http2", "apache2-proxy"),
    install=("apk", "--quiet", "--update-cache", "add"),
    boot=("rc-update", "--quiet", "add", "apache2", "default"),
)

ARCH = Layout(
    name="arch",
    systems=("arch", "archlinux"),
    config_root="/etc/httpd",
    main_config="/etc/httpd/conf/httpd.conf",
    vhost_dir="/etc/httpd/conf/vhosts",
    httpd=("/usr/bin/httpd",),
    reload=("/usr/bin/httpd", "-k", "graceful"),
    start=("systemctl", "start", "httpd"),
    pid_file="/run/httpd/httpd.pid",
    private_dirs=("/run/httpd", "/var/log/httpd"),
    copied_dirs=("/etc/httpd/conf/vhosts",),
    log_dir="/var/log/httpd",
    listens=(80,),
    group="http",
    module_hint="take the # off its LoadModule line in /etc/httpd/conf/httpd.conf",
    packages=("apache",),
    install=("pacman", "--sync", "--noconfirm", "--needed"),
    boot=("systemctl", "enable", "httpd"),
)

FREEBSD = Layout(
    name="freebsd",
    systems=("freebsd",),
    config_root="/usr/local/etc/apache24",
    main_config="/usr/local/etc/apache24/httpd.conf",
    vhost_dir="/usr/local/etc/apache24/Includes",
    state_dir="/var/db/deployer",
    httpd=("/usr/local/sbin/httpd",),
    reload=("/usr/local/sbin/httpd", "-k", "graceful"),
    # Whether rc.conf has it enabled or not: it ran before.
    start=("service", "apache24", "onestart"),
    pid_file="/var/run/httpd.pid",
    # No rehearsal covers them, for lack of namespaces: this is where errors are looked for.
    private_dirs=("/var/log",),
    log_dir="/var/log",
    listens=(80,),
    group="www",
    module_hint="take the # off its LoadModule line in /usr/local/etc/apache24/httpd.conf",
    packages=("apache24",),
    install=("pkg", "install", "--quiet", "--yes"),
    boot=("sysrc", "apache24_enable=YES"),
)

LAYOUTS = {layout.name: layout for layout in (DEBIAN, RHEL, SUSE, ALPINE, ARCH, FREEBSD)}
