# kept BEGINNING: the releases that lie on this host, and what is in the one whose name begins so. With
# "", the one that served before the live one. Changes nothing.
#
# One fact a line, as observe has it. What certificates and revocation lists say is public, and so are
# Apache's files; of a key no more is told than its digest.

say() {
  printf '%s\n' "$*"
}

# The last that was confirmed and is another than the live one. A release that was confirmed twice in a
# row hides the one before: that one is in the journal.
find_before() {
  live=$(live_release)
  old=
  new=
  [ ! -e "$state/confirmed" ] || plan_of "$state/confirmed"
  before=$new
  [ "$new" != "$live" ] || before=$old
  [ -n "$before" ] && [ "$before" != "$live" ] ||
    before=$(awk -v live="$live" '$2 == "confirmed" && $4 != live { name = $4 } END { print name }' \
      "$state/journal" 2>/dev/null)
}

# The name itself counts for more than what else begins with it: a second copy does.
find_chosen() {
  chosen=
  count=0
  [ -n "$1" ] || return 0
  for name in $names; do
    case $name in
      "$1")
        chosen=$name
        count=1
        break
        ;;
      "$1"*)
        chosen=$name
        count=$((count + 1))
        ;;
    esac
  done
  [ "$count" = 1 ] || chosen=
}

answer deployer-kept
find_before
say before "$before"
# Newest first.
# shellcheck disable=SC2012 # release names are hex
names=$(ls -1t "$root/releases" 2>/dev/null)
for name in $names; do
  say release "$name"
done
find_chosen "${1:-$before}"
if [ -n "$chosen" ] && cd "$root/releases/$chosen" 2>/dev/null; then
  say chosen "$chosen"
  sed 's/^/manifest /' MANIFEST 2>/dev/null
  files_there
  for path in include.conf sites/*.conf; do
    [ ! -f "$path" ] || sed "s|^|text $path |" "$path"
  done
  for path in tls/*/fullchain.pem trust/*.pem backend/*/certificate.pem backend/*/trust.pem; do
    [ ! -f "$path" ] || bodies_in CERTIFICATE "$path" | sed "s|^|certificate $path |"
  done
  for path in crl/*.pem backend/*/crl.pem; do
    [ ! -f "$path" ] || bodies_in 'X509 CRL' "$path" | sed "s|^|list $path |"
  done
fi
say end
exit 0
