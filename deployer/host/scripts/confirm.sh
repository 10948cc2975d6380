# confirm TOKEN KEEP: the probe was content. Disarm the timer and forget all but KEEP releases.
#
# Renaming the plan decides, once and for all; everything after that may be interrupted, and is
# then left to the next confirm or the next activation.
#
# Exit: 0 confirmed, 1 not, and the timer will undo it, 10 too late, the host has rolled back, 11 and
# needs hands.

token=$1
keep=$2
confirmed=$state/confirmed

# While this is at work, the lease counts.
trap 'rm -f "$state/working.$token"' EXIT
ln -sf "$$" "$state/working.$token" 2>/dev/null
if ! mv "$state/pending.$token" "$confirmed" 2>/dev/null &&
  ! grep -qxF "token=$token" "$confirmed" 2>/dev/null; then
  rm -f "$state/working.$token"
  # A disk that has become read-only: it is for the timer to end what nobody can confirm.
  [ ! -e "$state/pending.$token" ] || fail "cannot write below $state"
  await 40 test ! -e "$state/undoing.$token"
  verdict
  echo "this activation is not the latest any more" >&2
  exit 10
fi
durable "$state"
plan_of "$confirmed"
# Said before, and the answer was lost: leave the outcome as it is.
if [ -e "$state/last.$token" ]; then
  remember confirmed ""
  journal confirmed "$token" "$new"
fi
forget

kept=0
# Newest first; the live one and its predecessor always stay.
# shellcheck disable=SC2012 # release names are hex
ls -1t "$root/releases" | while read -r name; do
  kept=$((kept + 1))
  if [ "$kept" -gt "$keep" ] && [ "$name" != "$new" ] && [ "$name" != "$old" ]; then
    rm -rf "${root:?}/releases/$name"
  fi
done
release_lease
