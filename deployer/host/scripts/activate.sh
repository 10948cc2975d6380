# activate TOKEN NAME SECONDS HOLDER "MODULES": switch to a staged and rehearsed release.
#
# Order is everything: lease, journal, dead-man timer, and only then the first change that
# Apache could see. From the timer on, the host ends wholly on the new or wholly on the old
# release, whatever becomes of the controller and of this script. The undo text arrives on
# standard input.
#
# Exit: 0 the new generation runs, 75 another controller holds the host, 10 and 11 as undo,
# 1 nothing was switched.

token=$1
name=$2
seconds=$3
holder=$4
modules=$5
undo=$state/undo.$token

abandon() {
  rm -f "$state/pending.$token" "$undo" "$root/next.$token" "$root/restore.$token"
  release_lease "$token"
  fail "$*"
}

[ -d "$root/releases/$name" ] || fail "there is no release $name on this host"
take_lease "$holder" "$token" $((seconds * 2 + 60))
[ -n "$(apache_pid)" ] || abandon "Apache is not running"

cat >"$undo" || abandon "cannot write $undo"
old=$(live_release)
# shellcheck disable=SC2086 # a list of module names
enable=$(missing_modules $modules)
if [ -n "$old" ]; then
  ln -s "releases/$old" "$root/restore.$token" || abandon "cannot write below $root"
fi
ln -s "releases/$name" "$root/next.$token" || abandon "cannot write below $root"
printf '%s\n' "old=$old" "new=$name" "modules=$enable" "deadline=$(($(date +%s) + seconds))" \
  >"$state/pending.new" || abandon "cannot write the journal"
durable "$state/pending.new" "$undo"
mv "$state/pending.new" "$state/pending.$token" || abandon "cannot write the journal"
journal "activate $token: ${old:-nothing} to $name, armed for $seconds s"

if [ -d /run/systemd/system ] && [ "$(id -u)" = 0 ]; then
  # Its own unit: a timer in our SSH session's scope could die with the session.
  systemd-run --quiet --collect --unit="deployer-undo-$token" sh "$undo" "$token" after "$seconds" >&2 ||
    abandon "cannot arm the dead-man timer"
else
  setsid sh "$undo" "$token" after "$seconds" </dev/null >/dev/null 2>&1 &
fi
while [ ! -s "$state/timer.$token" ]; do
  before_deadline || abandon "the dead-man timer did not start"
done
ticks=0

undo_now() {
  journal "activate $token: $1"
  sh "$undo" "$token" now "$1"
  exit $?
}

if [ -n "$enable" ]; then
  # shellcheck disable=SC2086 # a list of module names
  enable_modules $enable >"$state/reload.log" 2>&1 || undo_now "cannot enable $enable"
fi
# First the link, then the include file: it names the link, which must never dangle.
swap_link "$root/next.$token" "$root/current" || undo_now "cannot switch $root/current"
install_include "$root/current" || undo_now "cannot write below $vhost_dir"
durable "$root"
journal "activate $token: switched"

reload_and_wait || undo_now "Apache did not come back from the reload $(tail -n 1 "$state/reload.log")"
journal "activate $token: new generation"
