# observe [texts]: everything a plan needs to know about this host, in one round trip. Changes
# nothing. With "texts", the Apache files of the live release as well.
#
# One fact a line, "name value", between a first and a last line that are ours: what a login shell
# prints before is nobody's business, and half an answer is none. No-op runs do this and no more,
# on every host: builtins rather than processes.

say() {
  printf '%s\n' "$*"
}

first_line() {
  line=
  { read -r line <"$1"; } 2>/dev/null
  printf '%s\n' "$line"
}

answer deployer-observation
say clock "$(date +%s)"
say user "$(id -u)"
own_addresses | sed 's/^/address /'
find_apache
say apache "$apache"
version=$(httpd -v 2>/dev/null)
case $version in *Apache/*) version=${version#*Apache/} ;; *) version= ;; esac
say version "${version%%[!0-9.]*}"
say current "$(live_release)"
[ ! -e "$state/confirmed" ] || sed -n 's/^new=/confirmed /p' "$state/confirmed"
[ ! -e "$state/last" ] || say last "$(first_line "$state/last")"

read_lease
[ -z "$lease" ] || ! in_flight || say lease "${lease#* }"
for plan in "$state"/pending.* "$state"/undoing.*; do
  [ ! -e "$plan" ] || say pending "${plan##*/} $(sed -n 's/^deadline=//p' "$plan")"
done

for include in "$vhost_dir"/*-deployer.conf; do
  [ ! -e "$include" ] || sha256sum "$include" | while read -r digest path; do
    say include "${path##*/} $digest"
  done
done
if [ -n "$modules_enabled" ]; then
  for module in "$modules_enabled"/*.load; do
    [ -e "$module" ] || continue
    module=${module##*/}
    say module "${module%.load}"
  done
fi
for release in "$root"/releases/*/; do
  [ -d "$release" ] || continue
  release=${release%/}
  say release "${release##*/}"
done

# What is there, rather than what the manifest says: a file edited by hand must show.
if cd "$root/current" 2>/dev/null; then
  sed 's/^/manifest /' MANIFEST 2>/dev/null
  find . ! -type d ! -path ./MANIFEST -exec ls -ln {} + | while read -r mode _ _ _ _ _ _ _ path; do
    path=${path% -> *}
    say mode "$mode" "${path#./}"
  done
  find . \( -type f -o -type l \) ! -path ./MANIFEST -exec sha256sum {} + |
    while read -r digest path; do
      say digest "$digest" "${path#./}"
    done
  if [ "${1:-}" = texts ]; then
    for path in include.conf sites/*.conf; do
      [ ! -e "$path" ] || sed "s|^|text $path |" "$path"
    done
  fi
fi
say end
exit 0
