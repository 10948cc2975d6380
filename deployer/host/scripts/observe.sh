# observe [texts|- [CERTIFICATE CHAIN KEY]...]: everything a plan needs to know about this host, in
# one round trip. Changes nothing. With "texts", the Apache files of the live release as well.
#
# The files named after it are others' and only looked at: what a certificate says is public, and
# of a key no more is told than its digest, who may read it, and whether it fits. A CHAIN may be "".
#
# One fact a line, "name value", between a first and a last line that are ours: what a login shell
# prints before is nobody's business, and half an answer is none. No-op runs do this and no more,
# on every host: builtins rather than processes.

say() {
  printf '%s\n' "$*"
}

# True when every user of this host can come to a file and read it. Its mode alone does not tell:
# some ACME clients write readable keys into directories that nobody else may enter.
open_to_all() {
  way=$(readlink -f "$1") && [ -n "$way" ] || return 1
  # shellcheck disable=SC2012 # the letters of the mode, which every system prints alike
  case $(ls -ldn "$way" | cut -c1-10) in ???????r*) ;; *) return 1 ;; esac
  while [ -n "$way" ]; do
    way=${way%/*}
    # shellcheck disable=SC2012
    case $(ls -ldn "${way:-/}" | cut -c1-10) in ?????????[xt]) ;; *) return 1 ;; esac
  done
}

# The certificates of a file, each on a line; a key in the same file stays where it is.
certificates_in() {
  awk '{ sub(/\r$/, "") }
    /^-----BEGIN CERTIFICATE-----/ { body = ""; inside = 1; next }
    /^-----/ {
      if (inside && /^-----END CERTIFICATE-----/ && body ~ /^[A-Za-z0-9+\/=]+$/) print body
      inside = 0
      next
    }
    inside { sub(/[ \t]+$/, ""); body = body $0 }' "$1"
}

watched() {
  digest=$({ sha256sum <"$1"; } 2>/dev/null)
  [ -n "$digest" ] || return 0
  open_to_all "$1" && exposure=open || exposure=closed
  say watched "${digest%% *}" "$exposure" "$1"
  certificates_in "$1" | while read -r body; do
    say certified "$body" "$1"
  done
}

# Where there is no openssl nobody knows, until the rehearsal.
fits() {
  one=$(openssl x509 -noout -pubkey -in "$1" 2>/dev/null </dev/null)
  [ -n "$one" ] || return 0
  # The empty passphrase: without one, openssl would ask a terminal for it.
  other=$(openssl pkey -pubout -in "$2" -passin pass: 2>/dev/null </dev/null)
  case $other in
    "$one") say fits yes "$1	$2" ;;
    '') [ ! -r "$2" ] || say fits unreadable "$1	$2" ;;
    *) if same_point "$one" "$other"; then say fits yes "$1	$2"; else say fits no "$1	$2"; fi ;;
  esac
}

# A key on an elliptic curve may be written compressed or not; any other fails here.
same_point() {
  one=$(uncompressed "$1") && other=$(uncompressed "$2") && [ -n "$one" ] && [ "$one" = "$other" ]
}

uncompressed() {
  printf '%s\n' "$1" |
    openssl ec -pubin -pubout -conv_form uncompressed -param_enc named_curve 2>/dev/null
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
[ $# -eq 0 ] || shift
while [ $# -ge 3 ]; do
  for path in "$1" "$2" "$3"; do
    [ ! -f "$path" ] || watched "$path"
  done
  fits "$1" "$3"
  shift 3
done
say end
exit 0
