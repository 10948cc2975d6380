# stage TOKEN HOLDER SEEN DEAD ID: put a release beside the live one. Nothing that Apache reads is
# touched.
#
# The tar on standard input holds the manifest and the files this host lacks; the others are
# copied from releases already here. Every digest is verified before the directory gets its
# name, so a directory with a plain name is always complete.
#
# Exit: 0 staged, 1 not, 75 the lease is another run's.

token=$1
id=$5
releases=$root/releases
staging=$releases/.staging.$$

abandon() {
  cd /
  rm -rf "$staging"
  fail "$*"
}

room() {
  echo "$(df -Pk "$root" 2>/dev/null | awk 'NR == 2 { print $4 }') KiB free on the disk of $root"
}

# True when a directory holds exactly the files of its manifest, with their content and modes.
intact() {
  (
    cd "$1" 2>/dev/null && [ "$($sha256 MANIFEST 2>/dev/null | cut -c1-20)" = "$id" ] || exit 1
    # And nothing else: Apache would serve what somebody else put into sites/, too.
    [ "$(listed | sort)" = "$(present | sort)" ] && [ "$(promised | sort)" = "$(digests | sort)" ]
  )
}

listed() {
  sed -n -e 's/^file 0644 [0-9a-f]* /-rw-r--r-- /p' -e 's/^file 0640 [0-9a-f]* /-rw-r----- /p' \
    -e 's/^file 0600 [0-9a-f]* /-rw------- /p' MANIFEST
}

present() {
  find . ! -type d ! -path ./MANIFEST -exec ls -ln {} + |
    awk '{ print substr($1, 1, 10), substr($NF, 3) }'
}

promised() {
  sed -n 's/^file [0-7]* \([0-9a-f]*\) /\1 /p' MANIFEST
}

digests() {
  # shellcheck disable=SC2086 # a command and its option
  find . ! -type d ! -path ./MANIFEST -exec $sha256 {} + | while read -r digest path; do
    printf '%s\n' "$digest ${path#./}"
  done
}

# A file that Apache's workers read by themselves is for their group: Apache knows best which.
let_in_workers() {
  if [ -z "${workers:-}" ]; then
    workers=$(httpd -t -D DUMP_RUN_CFG 2>/dev/null | sed -n 's/^Group: name="\([^"]*\)".*/\1/p')
    workers=${workers:-$group}
  fi
  [ -n "$workers" ] && chgrp "$workers" "$1"
}

# True for the live release, and for the one that an undo would bring back.
in_use() {
  for link in "$root/current" "$root"/restore.*; do
    case $(readlink "$link") in "releases/$1" | *"/releases/$1") return 0 ;; esac
  done
  return 1
}

staged() {
  # Newest again, when old releases are removed.
  touch "$releases/$1"
  answer staged "$1"
  exit 0
}

mkdir -p "$releases" "$state" || fail "cannot write below $root and $state ($(room))"
trap 'status=$?; [ "$status" = 0 ] || release_lease; exit "$status"' EXIT
hold_lease "$token" "$2" "$3" "$4"
chmod 755 "$root" "$releases"

# Left behind by a stage that was killed.
for left in "$releases"/.staging.*; do
  running "${left##*.}" || rm -rf "$left"
done

name=$id
copy=1
until [ ! -e "$releases/$name" ] && ! in_use "$name"; do
  if intact "$releases/$name"; then
    cat >/dev/null
    staged "$name"
  fi
  # Damaged, or gone. What Apache reads must not change under it: build a second copy.
  if in_use "$name"; then
    copy=$((copy + 1))
    name=$id.$copy
  else
    rm -rf "${releases:?}/$name"
  fi
done

mkdir "$staging" || fail "cannot create $staging ($(room))"
said=$(tar -xf - -C "$staging" 2>&1) ||
  abandon "cannot unpack the release: $(printf '%s\n' "$said" | tail -n 2) ($(room))"

cd "$staging" || abandon "the staging directory vanished"
while read -r kind mode digest path; do
  [ "$kind" = file ] || continue
  if [ ! -e "$path" ]; then
    mkdir -p "$(dirname "$path")" || abandon "cannot create the directory of $path ($(room))"
    for kept in "$releases"/*/"$path"; do
      if [ -f "$kept" ] && [ "$($sha256 "$kept" | cut -d' ' -f1)" = "$digest" ]; then
        # A copy, not a link: a file edited by hand must not change in two releases at once.
        cp "$kept" "$path" || abandon "cannot copy $path from $kept ($(room))"
        break
      fi
    done
    [ -e "$path" ] || abandon "neither sent nor on this host: $path"
  fi
  # Who is not root is whom Apache's workers run as.
  [ "$mode" != 0640 ] || [ "$(id -u)" != 0 ] || let_in_workers "$path" ||
    abandon "no group is known that may read $path: set group in mtls_layout"
  # Never a moment in which a key is readable by others: the umask made it 0600 already.
  chmod "$mode" "$path" || abandon "cannot set the mode of $path"
done <MANIFEST
intact "$staging" || abandon "what arrived is not what was sent: digests differ"

find . -type d -exec chmod 755 {} +
chmod 644 MANIFEST
label "$releases" || abandon "restorecon failed below $releases"
# shellcheck disable=SC2086 # a command
find . -exec $durably {} + || abandon "cannot write to the disk ($(room))"
cd /
rename "$staging" "$releases/$name" || {
  # Unless somebody else has staged the same at the same time.
  intact "$releases/$name" || abandon "cannot name the release $name"
  rm -rf "$staging"
}
durable "$releases" || fail "cannot write to the disk ($(room))"
journal staged "$token" "$name"
staged "$name"
