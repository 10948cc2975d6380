# observe [texts]: everything a plan needs to know about this host, in one round trip. Changes
# nothing. With "texts", the Apache files of the live release as well.
#
# One fact a line, "name value"; the controller reads nothing else.

say() {
  printf '%s\n' "$*"
}

say clock "$(date +%s)"
say user "$(id -u)"
say apache "$(apache_pid)"
say version "$(httpd -v 2>/dev/null | sed -n 's|^Server version: Apache/\([0-9.]*\).*|\1|p')"
say current "$(live_release)"
say confirmed "$(cat "$state/confirmed" 2>/dev/null)"

for pending in "$state"/pending.* "$state"/undoing.*; do
  if [ -e "$pending" ]; then
    say pending "$(basename "$pending") $(sed -n 's/^deadline=//p' "$pending")"
  fi
done
if [ -d "$state/lease" ]; then
  say lease "$(cat "$state/lease/expires" 2>/dev/null) $(cat "$state/lease/holder" 2>/dev/null)"
fi
if [ -e "$state/last" ]; then
  say last "$(cat "$state/last")"
fi
for include in "$vhost_dir"/*-deployer.conf; do
  [ -e "$include" ] && say include "$(basename "$include") $(digest_of "$include")"
done
if [ -n "$modules_enabled" ]; then
  for module in "$modules_enabled"/*.load; do
    [ -e "$module" ] && say module "$(basename "$module" .load)"
  done
fi
for release in "$root"/releases/*/; do
  [ -d "$release" ] && say release "$(basename "$release")"
done

# What is there, rather than what the manifest says: a file edited by hand must show.
if cd "$root/current" 2>/dev/null; then
  sed 's/^/manifest /' MANIFEST 2>/dev/null
  find . -type f ! -path ./MANIFEST -exec ls -ln {} + | while read -r mode _ _ _ _ _ _ _ path; do
    say mode "$mode" "${path#./}"
  done
  find . -type f ! -path ./MANIFEST -exec sha256sum {} + | while read -r digest path; do
    say digest "$digest" "${path#./}"
  done
  if [ "${1:-}" = texts ]; then
    for path in include.conf sites/*.conf; do
      [ -e "$path" ] && sed "s|^|text $path |" "$path"
    done
  fi
fi
exit 0
