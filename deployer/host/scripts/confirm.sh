# confirm TOKEN KEEP: the probe was content. Disarm the timer and forget all but KEEP releases.
#
# Exit: 0 confirmed, 10 too late, the host has rolled back, 11 and needs hands.

token=$1
keep=$2

if ! mv "$state/pending.$token" "$state/confirming.$token" 2>/dev/null; then
  # Said before, and the answer was lost: say it again.
  case $(cat "$state/last" 2>/dev/null) in
    "confirmed $token "*) exit 0 ;;
    "needs_hands $token "*) exit 11 ;;
  esac
  deadline=40
  while [ -e "$state/undoing.$token" ] && before_deadline; do :; done
  # Fields: outcome, token, new, old, time, and then the reason in words.
  cut -d' ' -f6- "$state/last" >&2
  exit 10
fi
new=$(sed -n 's/^new=//p' "$state/confirming.$token")
old=$(sed -n 's/^old=//p' "$state/confirming.$token")
printf '%s\n' "$new" >"$state/confirmed.new" && mv "$state/confirmed.new" "$state/confirmed"
printf '%s\n' "confirmed $token $new ${old:-none} $(date +%s)" >"$state/last"
journal "confirm $token: $new"

# The timer finds nothing to undo from here on; it is stopped for tidiness only.
if [ -d /run/systemd/system ] && [ "$(id -u)" = 0 ]; then
  systemctl stop "deployer-undo-$token" 2>/dev/null
elif [ -s "$state/timer.$token" ]; then
  # setsid made it the leader of a process group, its sleep included.
  kill -- "-$(cat "$state/timer.$token")" 2>/dev/null
fi
rm -f "$state/confirming.$token" "$state/timer.$token" "$state/undo.$token" "$root/restore.$token"

kept=0
# Newest first; the live one and its predecessor always stay.
# shellcheck disable=SC2012 # release names are hex
ls -1t "$root/releases" | while read -r name; do
  kept=$((kept + 1))
  if [ "$kept" -gt "$keep" ] && [ "$name" != "$new" ] && [ "$name" != "$old" ]; then
    rm -rf "${root:?}/releases/$name"
  fi
done
release_lease "$token"
