# stage ID: put a release beside the live one. Nothing that Apache reads is touched.
#
# The tar on standard input holds the manifest and the files this host lacks; the others are
# copied from releases already here. Every digest is verified before the directory gets its
# name, so a directory with a plain name is always complete.

id=$1
mkdir -p "$root/releases" "$state" || fail "cannot write below $root and $state"
chmod 755 "$root" "$root/releases"
staging=$root/releases/.staging.$$

abandon() {
  rm -rf "$staging"
  fail "$*"
}

# True when a directory holds exactly what its manifest says.
intact() {
  (
    cd "$1" 2>/dev/null || exit 1
    [ "$(sha256sum MANIFEST | cut -c1-20)" = "$id" ] || exit 1
    sed -n 's/^file [0-7]* \([0-9a-f]*\) /\1  /p' MANIFEST | sha256sum -c - >/dev/null 2>&1
  )
}

# Left behind by a stage that was killed.
rm -rf "$root"/releases/.staging.*

name=$id
copy=1
while [ -d "$root/releases/$name" ]; do
  if intact "$root/releases/$name"; then
    cat >/dev/null
    echo "staged $name"
    exit 0
  fi
  # Damaged. If it is the live one it must not change under Apache: build a second copy.
  if [ "$name" != "$(live_release)" ]; then
    rm -rf "${root:?}/releases/$name"
    break
  fi
  copy=$((copy + 1))
  name=$id.$copy
done

mkdir "$staging" || fail "cannot create $staging: $(df -Pk "$root" | awk 'NR==2 {print $4}') KiB free"
tar -xf - -C "$staging" 2>"$state/stage.log" || {
  free=$(df -Pk "$root" | awk 'NR==2 {print $4}')
  abandon "cannot unpack the release ($free KiB free on the disk of $root): $(tail -n 2 "$state/stage.log")"
}

cd "$staging" || abandon "the staging directory vanished"
while read -r kind mode digest path; do
  [ "$kind" = file ] || continue
  if [ ! -e "$path" ]; then
    mkdir -p "$(dirname "$path")" || abandon "cannot create the directory of $path"
    for kept in "$root"/releases/*/"$path"; do
      if [ -e "$kept" ] && [ "$(digest_of "$kept")" = "$digest" ]; then
        # A copy, not a link: a file edited by hand must not change in two releases at once.
        cp "$kept" "$path" || abandon "cannot copy $path from $kept"
        break
      fi
    done
    [ -e "$path" ] || abandon "neither sent nor on this host: $path"
  fi
  # Never a moment in which a key is readable by others: the umask made it 0600 already.
  chmod "$mode" "$path"
done <MANIFEST
intact "$staging" || abandon "what arrived is not what was sent: digests differ"

find . -type d -exec chmod 755 {} +
chmod 644 MANIFEST
# shellcheck disable=SC2046 # our own paths hold no spaces
durable $(find . -type f)
cd /
mv "$staging" "$root/releases/$name" || abandon "cannot name the release $name"
durable "$root/releases"
journal "staged $name"
echo "staged $name"
