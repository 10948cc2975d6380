# undo TOKEN now WHY | undo TOKEN after SECONDS: bring back what served before the switch.
#
# This text lies on the host before anything is switched, and needs nothing from the controller,
# no free disk space, and no configuration that passes a test. It is started three ways: by the
# dead-man timer, by activate when the reload fails, and by the controller when a probe fails.
# Whoever renames the pending file first decides; a confirm that comes later is refused.
#
# Exit: 0 nothing to undo, 10 rolled back, 11 neither the old nor the new release serves.

token=$1
case $2 in
  after)
    echo "$$" >"$state/timer.$token"
    # nanosleep counts monotonic time: a clock that jumps changes nothing.
    sleep "$3"
    why="no confirmation within $3 s"
    ;;
  now) why=$3 ;;
esac

verdict_of_others() {
  case $(cat "$state/last" 2>/dev/null) in
    "rolled_back $token "*) exit 10 ;;
    "needs_hands $token "*) exit 11 ;;
  esac
  exit 0
}

plan=$state/undoing.$token
if ! mv "$state/pending.$token" "$plan" 2>/dev/null; then
  deadline=60
  while [ -e "$plan" ] && kill -0 "$(cat "$state/undoer.$token" 2>/dev/null)" 2>/dev/null; do
    before_deadline || break
  done
  # Whoever was at it may have been killed; every step below can be taken twice.
  [ -e "$plan" ] || verdict_of_others
fi
echo "$$" >"$state/undoer.$token"
old=$(sed -n 's/^old=//p' "$plan")
new=$(sed -n 's/^new=//p' "$plan")
enabled=$(sed -n 's/^modules=//p' "$plan")
journal "undo $token: $why"

if [ -n "$old" ]; then
  # The link was made before the switch; a rename needs no space.
  [ ! -L "$root/restore.$token" ] || swap_link "$root/restore.$token" "$root/current"
  install_include "$root/releases/$old" || journal "undo $token: cannot restore the include file"
else
  remove_include
  rm -f "$root/current"
fi
rm -f "$root/restore.$token" "$root/next.$token"
if [ -n "$enabled" ]; then
  # shellcheck disable=SC2086 # a list of module names
  disable_modules $enabled >/dev/null 2>&1 || journal "undo $token: cannot disable $enabled"
fi

# `graceful` would start a stopped server, but not clear the pid file of a dead one.
if [ -n "$(apache_pid)" ]; then
  reload_and_wait && outcome=rolled_back || outcome=needs_hands
else
  outcome=needs_hands
fi
if [ "$outcome" = needs_hands ] && [ -z "$(apache_pid)" ]; then
  start_and_wait && outcome=rolled_back
fi

printf '%s\n' "$outcome $token $new ${old:-none} $(date +%s) $why" >"$state/last"
journal "undo $token: $outcome"
rm -f "$plan" "$state/undoer.$token" "$state/timer.$token" "$state/undo.$token"
release_lease "$token"
echo "$why" >&2
[ "$outcome" = rolled_back ] && exit 10
tail -n 5 "$state/reload.log" >&2
exit 11
