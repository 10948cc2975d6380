# activate TOKEN HOLDER SEEN DEAD NAME SECONDS "MODULES" [start]: switch to a staged and rehearsed
# release. With "start", an Apache that does not run is started with it.
#
# Order is everything: lease, all that an undo will need, journal, dead-man timer, and only then
# the first change that Apache could see. From the timer on, the host ends wholly on the new or
# wholly on the old release, whatever becomes of the controller and of this script. The undo text
# arrives on standard input.
#
# Exit: 0 the new generation runs, 75 the lease is another run's, 10 and 11 as undo,
# 1 nothing was switched.

token=$1
name=$5
seconds=$6
modules=$7
start=${8:-}
undo=$state/undo.$token
release=$root/releases/$name
prepared=$vhost_dir/.deployer.new.$token

abandon() {
  # The plan first: without it a timer that started late finds nothing to do.
  rm -f "$state/pending.$token" "$state/plan.$token"
  forget
  release_lease
  fail "$*"
}

# Before anything is held: of a network that swallows packets sshd may learn two hours later.
text=$(cat)
case $text in *"# the end") ;; *) abandon "the undo did not arrive whole" ;; esac

mkdir -p "$state" || fail "cannot create $state"
trap 'rm -f "$state/working.$token"' EXIT
ln -s "$$" "$state/working.$token" || fail "cannot write below $state"
hold_lease "$token" "$2" "$3" "$4"

# With the lease nothing else is in flight: the rest was left by activations that were killed.
for left in "$state"/undo.* "$state"/undoer.* "$state"/timer.* "$state"/working.* "$state"/last.* \
  "$state"/plan.* "$root"/next.* "$root"/restore.* "$vhost_dir"/.deployer.*; do
  case $left in *."$token") ;; *) rm -f "$left" ;; esac
done

[ -d "$release" ] || abandon "there is no release $name on this host"
[ ! -e "$root/current" ] || [ -L "$root/current" ] ||
  abandon "$root/current is not a link: move it away"
if find_apache; then
  # Apache writes its pid file at every reload, and ends when it cannot.
  echo 2>/dev/null >"$pid_file.deployer" && rm "$pid_file.deployer" ||
    abandon "cannot write beside $pid_file, which Apache must at a reload"
else
  [ "$start" = start ] || abandon "Apache is not running"
fi

printf '%s\n' "$text" 2>/dev/null >"$undo" && [ "$(tail -n 1 "$undo")" = "# the end" ] ||
  abandon "cannot write $undo"
# shellcheck disable=SC2086 # a list of module names
enable=$(missing_modules $modules)
old=$(live_release)
if [ -n "$old" ]; then
  ln -s "$(readlink "$root/current")" "$root/restore.$token" || abandon "cannot write below $root"
fi
ln -s "releases/$name" "$root/next.$token" || abandon "cannot write below $root"
found=
for include in $includes; do
  [ -e "$vhost_dir/$include" ] || continue
  found="$found$include "
  cp -p "$vhost_dir/$include" "$vhost_dir/.deployer.$include.$token" || abandon "cannot write below $vhost_dir"
done
cp "$release/include.conf" "$prepared" && chmod 644 "$prepared" && label "$prepared" "$state" ||
  abandon "cannot write below $vhost_dir"
printf '%1024s\n' '' 2>/dev/null >"$state/last.$token" || abandon "cannot write below $state"
printf '%s\n' "old=$old" "new=$name" "modules=$enable" "includes=$found" "token=$token" \
  "generation=$(generation)" "deadline=$(($(date +%s) + seconds))" 2>/dev/null >"$state/plan.$token" ||
  abandon "cannot write the journal"
durable "$undo" "$state/last.$token" "$state/plan.$token" "$vhost_dir"/.deployer.*."$token" "$root" ||
  abandon "cannot write to the disk"
mv "$state/plan.$token" "$state/pending.$token" && durable "$state" || abandon "cannot write the journal"

if [ -d /run/systemd/system ] && [ "$(id -u)" = 0 ]; then
  # Its own unit: a timer in our SSH session's scope could die with the session. And a server that
  # the undo starts must not end with the unit.
  systemd-run --quiet --collect --unit="deployer-undo-$token" --property=KillMode=process \
    sh "$undo" "$token" after "$seconds" >&2 || abandon "cannot arm the dead-man timer"
else
  detached sh "$undo" "$token" after "$seconds"
fi
await 20 test -L "$state/timer.$token" || abandon "the dead-man timer did not start"
journal armed "$token" "${old:-nothing} to $name, to be confirmed within $seconds s"

died=
undo_now() {
  journal failed "$token" "$1"
  # An undo that the timer began waits until this script touches nothing any more.
  rm -f "$state/working.$token"
  sh "$undo" "$token" now "$1" "$died"
  exit $?
}

if [ -n "$enable" ]; then
  # shellcheck disable=SC2086 # a list of module names
  noting enable_modules $enable || undo_now "cannot enable $enable: $(noted)"
fi
# First the link, then the include file: it names the link, which must never dangle.
rename "$root/next.$token" "$root/current" || undo_now "cannot switch $root/current"
install_include "$release" "$prepared" || undo_now "cannot write below $vhost_dir"
durable "$root" "$vhost_dir" || undo_now "cannot write to the disk"
journal switched "$token"

# A server that has died meanwhile is not this one's to start, unless that was the wish.
if [ "$start" = start ] && ! find_apache; then
  start_and_wait || {
    said=$(noted)
    undo_now "Apache did not start${said:+: $said}"
  }
elif ! reload_and_wait; then
  said=$(noted)
  undo_now "Apache did not come back from the reload${said:+: $said}"
fi
[ -e "$state/pending.$token" ] || undo_now "the dead-man timer was quicker"
journal reloaded "$token"
