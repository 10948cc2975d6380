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

# status_of PATH: its mode, its owner and its group, in the letters that every system prints alike.
status_of() {
  # shellcheck disable=SC2012,SC2046
  set -- $(ls -ldn "$1")
  mode=$1 owner=$3 group=$4
}

# admits RIGHTS USER GROUPS PATH: a right is the letter r or x; the first class that fits decides.
admits() {
  status_of "$4"
  case " $3 " in *" $group "*) member=yes ;; *) member= ;; esac
  if [ "$owner" = "$2" ]; then
    class=${mode#?}
  elif [ -n "$member" ]; then
    class=${mode#????}
  else
    class=${mode#???????}
  fi
  case $1$class in rr* | x??[xst]*) ;; *) return 1 ;; esac
}

# may_read USER GROUPS PATH: also on its way there. The mode of a file alone does not tell: some
# ACME clients write readable keys into directories that nobody else may enter.
may_read() {
  way=$(readlink -f "$3") && [ -n "$way" ] && admits r "$1" "$2" "$way" || return 1
  while [ -n "$way" ]; do
    way=${way%/*}
    admits x "$1" "$2" "${way:-/}" || return 1
  done
}

# Who besides root can read a file: everyone, or those as whom Apache serves.
readers() {
  if may_read everyone '' "$1"; then
    echo everyone
  elif [ "${worker:-0}" != 0 ] && [ "$(id -u)" = 0 ] && may_read "$worker" "$worker_groups" "$1"; then
    echo workers
  else
    echo nobody
  fi
}

# What `httpd -D DUMP_RUN_CFG` says: User: name="www-data" id=33
find_workers() {
  worker=
  case $1 in
    *'User: name="'*)
      worker=${1#*'User: name="'}
      worker_groups=$(id -G "${worker%%\"*}" 2>/dev/null)
      worker=${worker#*\" id=}
      worker=${worker%%[!0-9]*}
      ;;
  esac
}

watched() {
  # shellcheck disable=SC2086 # a command and its option
  digest=$({ $sha256 <"$1"; } 2>/dev/null)
  [ -n "$digest" ] || return 0
  say watched "${digest%% *}" "$(readers "$1")" "$1"
  bodies_in CERTIFICATE "$1" | while read -r body; do
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

# Which machine this is, whatever it is called: the kernel's number of this boot, and for containers
# the file system that they see. Nothing is said where a system has no such numbers.
machine() {
  if [ -r /proc/sys/kernel/random/boot_id ]; then
    printf '%s %s\n' "$(first_line /proc/sys/kernel/random/boot_id)" "$(readlink /proc/self/ns/mnt)"
  else
    sysctl -n kern.boottime kern.hostuuid kern.hostname 2>/dev/null | tr '\n' ' '
  fi
}

first_line() {
  line=
  { read -r line <"$1"; } 2>/dev/null
  printf '%s\n' "$line"
}

# Apache's own account of itself, and from the files that it includes what it does not print: each
# directive with its file, the line of the virtual host around it, and what it depends on.
existing() {
  printf '%s\n' "$1" | awk '
    function directive(name, value, i, conditions) {
      for (i = 1; i <= depth; i++) conditions = conditions (i > 1 ? "," : "") stack[i]
      print "directive " file "\t" vhost "\t" conditions "\t" name "\t" value
    }
    function look(line, words, name) {
      sub(/^[ \t]+/, "", line)
      sub(/[ \t\r]+$/, "", line)
      name = tolower(line)
      sub(/[ \t].*/, "", name)
      if (name == "<ifmodule" || name == "<ifdefine") {
        words = line
        sub(/^[^ \t]*[ \t]+/, "", words)
        gsub(/[">]/, "", words)
        stack[++depth] = (name == "<ifmodule" ? "module:" : "define:") words
      } else if (name == "</ifmodule>" || name == "</ifdefine>") {
        if (depth > 0) depth--
      } else if (name == "<virtualhost") vhost = number
      else if (name == "</virtualhost>") vhost = 0
      else if (name in wanted) {
        sub(/^[^ \t]*[ \t]+/, "", line)
        directive(name, line)
      }
    }
    BEGIN {
      count = split("listen serverlimit threadsperchild maxrequestworkers maxclients " \
        "sslengine sslcertificatefile servername", names, " ")
      for (i = 1; i <= count; i++) wanted[names[i]] = 1
    }
    /^ *\([0-9*]+\) \// {
      file = $0
      sub(/^ *\([0-9*]+\) /, "", file)
      depth = vhost = number = 0
      while ((getline text < file) > 0) {
        number++
        look(text)
      }
      close(file)
      next
    }
    NF { print "existing " $0 }'
}

# Workers, and old ones that still end their requests: both have a slot.
count_processes() {
  processes=0
  children=
  { read -r children <"/proc/$apache/task/$apache/children"; } 2>/dev/null
  [ -n "$children" ] || children=$(pgrep -P "$apache" 2>/dev/null)
  parent=$command
  for child in $children; do
    running "$child" && [ "$command" = "$parent" ] && processes=$((processes + 1))
  done
  say processes "$processes"
}

# What mod_ssl is linked with: of the library that the running server has mapped, even where an
# upgrade has replaced the file since.
openssl_version() {
  library=$(grep -m 1 '/libcrypto[-.]' "/proc/$apache/maps" 2>/dev/null)
  version=
  if [ -n "$library" ]; then
    mapped=/proc/$apache/map_files/${library%% *}
    [ -r "$mapped" ] || mapped=/${library#*/}
    # What grep takes for a line of a library may say it twice.
    version=$(grep -a -o -m 1 'OpenSSL [0-9][0-9.]*[a-z]* [0-9]' "$mapped" 2>/dev/null | head -n 1)
  fi
  [ -n "$version" ] || version=$(openssl version 2>/dev/null)
  version=${version##*OpenSSL }
  say openssl "${version%% *}"
}

answer deployer-observation
say clock "$(date +%s)"
say user "$(id -u)"
say machine "$(machine)"
say system "${system:-}"
say layout "$layout"
if [ -z "$layout" ]; then
  say end
  exit 0
fi
for address in $(own_addresses); do
  say address "$address"
done
version=$(httpd -v 2>/dev/null)
case $version in *Apache/*) version=${version#*Apache/} ;; *) version= ;; esac
say version "${version%%[!0-9.]*}"
if [ -n "$version" ]; then
  dump=$(httpd -t -D DUMP_VHOSTS -D DUMP_MODULES -D DUMP_RUN_CFG -D DUMP_INCLUDES 2>/dev/null)
  existing "$dump"
  # The administrator may have moved it.
  case $dump in
    *'PidFile: "'*)
      pid_file=${dump#*'PidFile: "'}
      pid_file=${pid_file%%\"*}
      ;;
  esac
fi
if find_apache; then
  say apache "$apache"
  count_processes
fi
openssl_version
say current "$(live_release)"
if [ -e "$state/confirmed" ]; then
  plan_of "$state/confirmed"
  say confirmed "$new"
fi
[ ! -e "$state/last" ] || say last "$(first_line "$state/last")"

read_lease
say fence "$number"
! held || say lease "$lease"
for plan in "$state"/pending.* "$state"/undoing.*; do
  [ ! -e "$plan" ] || say pending "${plan##*/} $(sed -n 's/^deadline=//p' "$plan")"
done

for include in "$vhost_dir"/*-deployer.conf; do
  [ ! -e "$include" ] || $sha256 "$include" | while read -r digest path; do
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

if cd "$root/current" 2>/dev/null; then
  sed 's/^/manifest /' MANIFEST 2>/dev/null
  files_there
  if [ "${1:-}" = texts ]; then
    for path in include.conf sites/*.conf; do
      [ ! -e "$path" ] || sed "s|^|text $path |" "$path"
    done
  fi
fi
[ $# -eq 0 ] || shift
[ $# -eq 0 ] || find_workers "${dump:-}"
while [ $# -ge 3 ]; do
  for path in "$1" "$2" "$3"; do
    [ ! -f "$path" ] || watched "$path"
  done
  fits "$1" "$3"
  shift 3
done
say end
exit 0
