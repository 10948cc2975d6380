# install PACKAGE...: install Apache and mod_ssl with this system's package manager, and start it.
#
# Nobody is asked anything, and what an administrator has configured already stays. What the
# package manager says is kept for an error message.
#
# Exit: 0 installed and running, 1 not, 75 another run is at work here.

[ "$(id -u)" = 0 ] || fail "only root can install packages: set ansible_become: true"
read_lease
! held || refuse "held by $holder"
mkdir -p "$state" || fail "cannot create $state"
log=$state/install.log

# A daemon that a package starts must not inherit our umask.
unasked() {
  (umask 022 && "$@") </dev/null >"$log" 2>&1 ||
    fail "$(grep -v '^[[:space:]]*$' "$log" | tail -n 6)"
}

unasked install_packages "$@"
unasked boot_apache
find_apache || start_and_wait || fail "installed, but it does not start: $(noted)"
rm -f "$log"
journal installed - "$*"
