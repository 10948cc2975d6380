# undo TOKEN now WHY [DIED] | undo TOKEN after SECONDS: bring back what served before the switch.
#
# DIED is when a reload was seen to end Apache, in ticks.
#
# This text lies on the host before anything is switched, and needs nothing from the controller,
# no free disk space, and no configuration that passes a test. It is started three ways: by the
# dead-man timer, by activate when the reload fails, and by the controller when a probe fails.
# Whoever renames the pending file first decides; a confirm that comes later is refused. Every
# step can be taken twice, for an undo may be killed as well.
#
# Exit: 0 nothing to undo, 10 rolled back, 11 neither the old nor the new release serves.

token=$1
case $2 in
  after)
    ln -s "$$" "$state/timer.$token"
    # nanosleep counts monotonic time: a clock that jumps changes nothing.
    sleep "$3"
    why="no confirmation within $3 s"
    gone=
    ;;
  now)
    why=$(printf '%s' "$3" | tr '\n' ' ')
    gone=${4:-}
    ;;
esac

plan=$state/undoing.$token

told() {
  { read -r _ whose _ <"$state/last"; } 2>/dev/null && [ "$whose" = "$token" ]
}

nothing_to_undo() {
  [ ! -e "$state/pending.$token" ] && [ ! -e "$plan" ]
}

undoer_is_gone() {
  ! script_runs "$state/undoer.$token"
}

switch_is_over() {
  ! script_runs "$state/working.$token"
}

# One undoer at a time. The next one takes over when this one was killed.
until ln -s "$$" "$state/undoer.$token" 2>/dev/null || [ ! -L "$state/undoer.$token" ]; do
  await 60 undoer_is_gone
  ! nothing_to_undo || break
  rm -f "$state/undoer.$token"
done
mv "$state/pending.$token" "$plan" 2>/dev/null
if nothing_to_undo; then
  forget
  release_lease
  verdict
  exit 0
fi
# On a disk that has become read-only the plan keeps its name.
[ -e "$plan" ] || plan=$state/pending.$token
plan_of "$plan"
journal undoing "$token" "$why"

# Without these an activation that is still at work can switch no more. A reload that comes while
# Apache reads its configuration for another one is lost: let that one end first.
rm -f "$root/next.$token" "$vhost_dir/.deployer.new.$token"
await 40 switch_is_over
rm -f "$state/working.$token"

# The links and the files were made before the switch; a rename needs no space.
[ ! -L "$root/restore.$token" ] || rename "$root/restore.$token" "$root/current"
found=$(sed -n 's/^includes=//p' "$plan")
for include in $includes; do
  case " $found" in
    *" $include "*)
      [ ! -e "$vhost_dir/.deployer.$include.$token" ] ||
        rename "$vhost_dir/.deployer.$include.$token" "$vhost_dir/$include"
      ;;
    *) rm -f "$vhost_dir/$include" ;;
  esac
done
[ -n "$old" ] || rm -f "$root/current"
# Not a2dismod: it needs disk space, and would note that an administrator does not want these.
enabled=$(sed -n 's/^modules=//p' "$plan")
for module in $enabled; do
  rm -f "$modules_enabled/$module.load" "$modules_enabled/$module.conf"
done
durable "$root" "$vhost_dir" 2>/dev/null

outcome=rolled_back
if ! reload_and_wait; then
  if find_apache; then
    # Refused, so whatever runs still runs. Is it what ran before the switch?
    ! new_generation "$(sed -n 's/^generation=//p' "$plan")" "$plan" || outcome=needs_hands
  else
    gone=${gone:-$died}
    if ! start_and_wait; then
      outcome=needs_hands
    elif [ -n "$gone" ]; then
      why="$why; Apache had ended, was started again, and was away for $(since "$gone")"
    else
      why="$why; Apache had ended, and was started again"
    fi
  fi
fi

# A disk that has become read-only keeps its links, whatever we do.
if [ "$(live_release)" != "$old" ]; then
  outcome=needs_hands
  why="$why; cannot put back what $root/current was"
fi

remember "$outcome" "$why"
case $outcome in
  rolled_back) journal rolled_back "$token" "${old:-nothing}" ;;
  *) journal needs_hands "$token" ;;
esac
# While that cannot be written, the plan stays: whoever comes next finds it, and has it noted.
if told; then
  rm -f "$plan"
  forget
  release_lease
fi
echo "$why" >&2
[ "$outcome" = needs_hands ] || exit 10
noted >&2
exit 11
