# rehearse TOKEN HOLDER SEEN DEAD NAME "MODULES" "PORTS": start the real Apache on the would-be configuration, unseen.
#
# In private network, mount and pid namespaces the complete configuration of this host, with our
# include file, our modules and the new release in place, is started as it will be. Nobody can
# connect to it; its pid file, sockets and logs are its own. `httpd -t` alone would accept a key
# that does not match its certificate, and the reload would then kill the server.
#
# Where namespaces are not allowed, a shadow: the same modules, our virtual hosts only, on
# loopback ports. It proves our files, but not how they get on with other people's.
#
# Exit: 0 rehearsed, 20 broken before this run, 21 a module is missing, 22 syntax,
# 23 did not start, 24 would take the default virtual host of an address from somebody else,
# 25 cannot listen on an address or port, 26 there is no such directory to serve, 27 Apache does
# not read the directory that our include file goes into, 28 would take a port from the site that
# the server serves by itself, 75 the lease is another run's.

token=$1
name=$5
modules=$6
ports=$7
release=$root/releases/$name
busy=${busy:-}
[ -d "$release" ] || fail "there is no release $name on this host"

# The two things that an empty network hides: a port that another program listens on, and an
# address that this host lacks. Either would end the real server at its reload. /proc/net
# lists listening sockets (state 0A) with address and port in hex, and IPv4 bytes reversed.
cannot_listen() {
  listens=$(sed -n 's/^[[:space:]]*Listen[[:space:]][[:space:]]*\([^[:space:]]*\).*/\1/p' "$release"/sites/*.conf)
  find_apache && [ -n "$listens" ] && [ -r /proc/net/tcp ] || return 0
  # shellcheck disable=SC2012 # names of descriptors are numbers
  ours=$(ls -l "/proc/$apache/fd" 2>/dev/null | sed -n 's/.*socket:\[\([0-9]*\)\]$/\1/p')
  nonlocal=$(cat /proc/sys/net/ipv4/ip_nonlocal_bind 2>/dev/null)
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk -v listens="$listens" -v ours="$ours" \
    -v addresses="$(own_addresses)" -v nonlocal="$nonlocal" '
    function words(text, set, i, n, list) {
      n = split(text, list)
      for (i = 1; i <= n; i++) set[list[i]] = 1
    }
    BEGIN {
      words(ours, own)
      words(addresses, here)
      count = split(listens, wanted)
      for (i = 1; i <= count; i++) {
        port[i] = hex[i] = wanted[i]
        sub(/.*:/, "", port[i])
        port[i] = sprintf("%04X", port[i])
        if (!sub(/:[0-9]+$/, "", hex[i]) || hex[i] == "0.0.0.0") hex[i] = "*"
        if (hex[i] !~ /^[0-9.]+$/) continue
        if (!(hex[i] in here) && hex[i] !~ /^127\./ && nonlocal == 0 && addresses != "")
          print "this host has no address " hex[i]
        split(hex[i], byte, ".")
        hex[i] = sprintf("%02X%02X%02X%02X", byte[4], byte[3], byte[2], byte[1])
      }
    }
    $4 == "0A" && !($10 in own) {
      address = listener = $2
      sub(/:.*/, "", address)
      sub(/.*:/, "", listener)
      for (i = 1; i <= count; i++) {
        same = substr(address, length(address) - 7) == hex[i]
        if (port[i] == listener && (hex[i] == "*" || address ~ /^0+$/ || same))
          print "another program listens on " wanted[i]
      }
    }' | sort -u
}

# Where somebody listens in this network, in hex: 0100007F:01BB, and longer for IPv6.
listeners() {
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" { print $2 }' | sort -u
}

# What a dead server would listen on, and another program does meanwhile: the rehearsal in its own
# network says what that is, `busy` was noted outside.
taken_meanwhile() {
  [ -n "$busy" ] || return 0
  listeners | awk -v busy="$busy" '
    function digits(text, i, value) {
      for (i = 1; i <= length(text); i++)
        value = value * 16 + index("0123456789ABCDEF", substr(text, i, 1)) - 1
      return value
    }
    BEGIN { count = split(busy, others) }
    {
      address = port = $0
      sub(/:.*/, "", address)
      sub(/.*:/, "", port)
      for (i = 1; i <= count; i++) {
        other = number = others[i]
        sub(/:.*/, "", other)
        sub(/.*:/, "", number)
        if (number == port && (other ~ /^0+$/ || address ~ /^0+$/ || other == address))
          print "another program listens on " digits(port)
      }
    }' | sort -u
}

# The ports on which somebody listens in this network, in hex, as Linux says it or FreeBSD.
open_ports() {
  if [ -r /proc/net/tcp ]; then
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null | awk '$4 == "0A" { sub(/.*:/, "", $2); print $2 }'
  else
    sockstat -l -P tcp | awk 'NR > 1 { sub(/.*:/, "", $6); printf "%04X\n", $6 }'
  fi
}

# The first of these ports on which nobody does.
silent_port() {
  open_ports | awk -v ports="$1" '
    { open[$1] = 1 }
    END {
      count = split(ports, port)
      for (i = 1; i <= count; i++) if (!(sprintf("%04X", port[i]) in open)) { print port[i]; exit }
    }'
}

# Where no command enables modules they are the administrator's to load. Without http2 clients take
# the next protocol.
must_be_loaded() {
  [ -z "$modules_enabled" ] || return 0
  # shellcheck disable=SC2086 # a list of module names
  absent=$(unloaded "$scratch/before" $modules | sed 's/http2 //')
  [ -z "$absent" ] && return 0
  echo "Apache has not loaded ${absent% }" >&2
  exit 21
}

# What Apache said, wherever this configuration sends errors, without the harmless.
complaint() {
  {
    cat "$scratch/startup.log" "$scratch/output.log" 2>/dev/null
    for directory in $private_dirs; do
      find "$directory" -type f -name '*error*' -exec cat {} + 2>/dev/null
    done
  } | grep -v -e ':notice\]' -e ':warn\]' -e ':info\]' -e AH00558 -e '^Action' -e 'log may have more' |
    awk 'NF && !seen[$0]++' | tail -n 6
}

started_or_ended() {
  [ -s "$scratch/httpd.pid" ] || ! running "$server"
}

# Start a server with these arguments: it writes its pid file when it listens and mod_ssl is content.
try_start() {
  (umask 022 && exec_httpd "$@" -c "PidFile $scratch/httpd.pid" -D FOREGROUND \
    -E "$scratch/startup.log" >"$scratch/output.log" 2>&1) &
  server=$!
  await 40 started_or_ended
  silent=
  conflict=
  if [ -s "$scratch/httpd.pid" ]; then
    silent=$(silent_port "$wanted")
    conflict=$(taken_meanwhile)
  fi
  [ -s "$scratch/httpd.pid" ] && [ -z "$silent" ] && running "$server"
  good=$?
  kill "$server" 2>/dev/null
  wait "$server" 2>/dev/null
  return $good
}

did_not_start() {
  [ -z "$silent" ] || echo "nothing listens on port $silent" >&2
  complaint >&2
  exit 23
}

# Print "address file" for the default virtual host of each address.
default_vhosts() {
  sed -n -e 's/^\([^ ]*:[0-9*]*\)  *is a NameVirtualHost$/\1/p' \
    -e 's/^\([^ ]*:[0-9*]*\)  *[^ ]* (\(.*\):[0-9]*)$/\1 \2/p' \
    -e 's/^  *default server .* (\(.*\):[0-9]*)$/ \1/p' "$1" |
    awk 'NF == 1 && !/^ / { address = $1; next } /^ / { print address, $1; next } { print }'
}

# Say whether a file holds what a package makes to have something there: a virtual host without a
# name, with a certificate for nobody. An administrator who made use of it has named it.
is_placeholder() {
  [ -n "$placeholder" ] && grep -q "^[[:space:]]*SSLCertificateFile[[:space:]].*$placeholder" "$1" &&
    ! grep -q '^[[:space:]]*ServerName[[:space:]]' "$1"
}

# What somebody else answers today, and a virtual host of ours would: for the same address, or for
# one that was among all addresses until now.
taken_over() {
  default_vhosts "$scratch/before" | while read -r address file; do
    is_placeholder "$file" || printf '%s\n' "$address $file"
  done >"$scratch/defaults"
  default_vhosts "$scratch/after" | awk -v root="$root/" '
    NR == FNR { was[$1] = $2; next }
    index($2, root) == 1 {
      address = wildcard = $1
      sub(/.*:/, "*:", wildcard)
      if (!(address in was)) address = wildcard
      if ((address in was) && index(was[address], root) != 1)
        print $1 " is answered by " was[address] " today"
    }' "$scratch/defaults" -
}

# Ports without a virtual host are answered by the main server, until there is one: ours, perhaps a
# mere redirect. One of ours with nothing inside answers as the main server does.
taken_from_main() {
  sed -n 's/^[^ ]*:\([0-9]*\)  *[^ ]*.*/\1/p' "$scratch/before" | sort -u >"$scratch/hosted"
  listened=$(sed -n 's/^ *([^)]*) //p' "$scratch/before" | while read -r file; do
    case $file in "$root"/*) ;; *) sed -n 's/^[[:space:]]*Listen[[:space:]][[:space:]]*//p' "$file" ;; esac
  done | sed -e 's/[[:space:]].*//' -e 's/.*://')
  default_vhosts "$scratch/after" | while read -r address file; do
    port=${address##*:}
    case $file in "$root"/*) ;; *) continue ;; esac
    # Where it speaks TLS, the main server has no site worth the name.
    case " $ports " in *" $port "*) continue ;; esac
    echo " $listened " | tr '\n' ' ' | grep -q " $port " || continue
    grep -qx "$port" "$scratch/hosted" || is_empty "$address" "$file" ||
      echo "port $port is answered by the server itself today"
  done
}

# Say whether the first virtual host of an address in a file has nothing inside.
is_empty() {
  awk -v address="$1" '
    found { sub(/^[ \t]+/, ""); exit tolower($0) !~ /^<\/virtualhost>/ }
    tolower($1) == "<virtualhost" && $2 == address ">" { found = 1 }' "$2"
}

# Cover a directory with an empty one of the same structure: other sites may log to a directory
# below, or keep a socket there that its owner must be able to make.
cover_empty() {
  find ".$1" -type d -exec tar -cf "$scratch/tree" --no-recursion {} + &&
    mount -t tmpfs -o mode=755 tmpfs "$1" && tar -xpf "$scratch/tree"
}

cover_copy() {
  mkdir "$scratch/copy" && cp -a "$1/." "$scratch/copy/" &&
    mount -t tmpfs -o mode=755 tmpfs "$1" && cp -a "$scratch/copy/." "$1/" && rm -rf "$scratch/copy"
}

# Say whether a complaint is about other files than ours: no release of ours mends those.
is_theirs() {
  ! grep -qF -e "$root/" "$1"
}

whole() {
  scratch=$state/rehearsal
  # The pids of this namespace, lest /proc describes somebody else's processes.
  mkdir -p "$scratch" && mount -t tmpfs -o mode=700 tmpfs "$scratch" && mount -t proc proc /proc ||
    exit 96
  ip link set lo up 2>/dev/null || ifconfig lo up 2>/dev/null
  # This network has no addresses of its own, but `Listen 192.0.2.1:443` must succeed here.
  for version in ipv4 ipv6; do
    { echo 1 >/proc/sys/net/$version/ip_nonlocal_bind; } 2>/dev/null
  done
  for directory in $private_dirs; do
    [ ! -d "$directory" ] || cover_empty "$directory" || exit 96
  done
  # Whatever the layout forgot to name: nothing below writes to the real ones.
  for directory in $copied_dirs "$vhost_dir" $modules_enabled; do
    [ ! -d "$directory" ] || cover_copy "$directory" || exit 96
  done

  # Broken already? Then so is this, unless what is broken is ours and mended by this release.
  httpd -t -D DUMP_VHOSTS -D DUMP_MODULES -D DUMP_INCLUDES \
    >"$scratch/before" 2>"$scratch/output.log"
  was=$?
  complaint >"$scratch/broken"
  [ "$was" != 0 ] || must_be_loaded
  [ -d "$vhost_dir" ] || {
    echo "there is no $vhost_dir" >&2
    exit 27
  }
  # shellcheck disable=SC2046,SC2086 # a list of module names
  set -- $(missing_modules $modules)
  if [ "$#" -gt 0 ] && ! (umask 022 && enable_modules "$@") >"$scratch/output.log" 2>&1; then
    cat "$scratch/output.log" >&2
    exit 21
  fi
  cp "$release/include.conf" "$vhost_dir/.deployer.new" && install_include "$release" "$vhost_dir/.deployer.new" ||
    fail "cannot write below $vhost_dir"
  httpd -t -D DUMP_VHOSTS -D DUMP_INCLUDES -C "Define DEPLOYER_RELEASE $release" \
    >"$scratch/after" 2>"$scratch/output.log" || {
    complaint >"$scratch/still"
    if [ "$was" != 0 ] && is_theirs "$scratch/still"; then
      cat "$scratch/still" >&2
      exit 20
    elif [ "$was" != 0 ] && is_theirs "$scratch/broken"; then
      cat "$scratch/broken" >&2
      exit 20
    fi
    cat "$scratch/still" >&2
    exit 22
  }
  grep -q ") /.*/$wanted_name\$" "$scratch/after" || {
    echo "Apache does not read $vhost_dir" >&2
    exit 27
  }
  taken=$(taken_over)
  if [ -n "$taken" ]; then
    printf '%s\n' "$taken" >&2
    exit 24
  fi
  taken=$(taken_from_main)
  if [ -n "$taken" ]; then
    printf '%s\n' "$taken" >&2
    exit 28
  fi
  wanted=$ports
  try_start -C "Define DEPLOYER_RELEASE $release" || did_not_start
  if [ -n "$conflict" ]; then
    printf '%s\n' "$conflict" >&2
    exit 25
  fi
  answer rehearsed whole
}

# The configuration's own LoadModule lines, and the files of the modules to be enabled.
shadow_modules() {
  httpd -t -D DUMP_INCLUDES 2>/dev/null | sed -n 's/^ *([^)]*) //p' | while read -r file; do
    grep -hi '^[[:space:]]*LoadModule' "$file"
  done
  # shellcheck disable=SC2086 # a list of module names
  for module in $(missing_modules $modules); do
    cat "$modules_available/$module.load" || return 1
  done
}

# Say whether somebody else's files tell Apache to listen: it ends when nobody's do.
others_listen() {
  httpd -t -D DUMP_INCLUDES -C "Define DEPLOYER_RELEASE $release" 2>/dev/null |
    sed -n 's/^ *([^)]*) //p' | while read -r file; do
    grep -i '^[[:space:]]*Listen[[:space:]]' "$file"
  done | grep -q .
}

# sed -i is not the same word everywhere.
in_sites() {
  for site in "$scratch"/sites/*.conf; do
    sed "$@" "$site" >"$scratch/edited" && mv "$scratch/edited" "$site"
  done
}

shadow() {
  # Left behind by a rehearsal that was killed.
  for left in "$state"/shadow.*; do
    running "${left##*.}" && continue
    { read -r server <"$left/httpd.pid"; } 2>/dev/null && kill "$server" 2>/dev/null
    rm -rf "$left"
  done
  scratch=$state/shadow.$$
  private_dirs=$scratch
  mkdir -p "$scratch/sites" || fail "cannot write below $state"
  # With the new release, in case that the one it replaces is what is broken.
  httpd -t -D DUMP_RUN_CFG -D DUMP_MODULES -C "Define DEPLOYER_RELEASE $release" \
    >"$scratch/before" 2>/dev/null ||
    httpd -t -D DUMP_RUN_CFG -D DUMP_MODULES >"$scratch/before" 2>"$scratch/output.log" || {
    complaint >&2
    exit 20
  }
  must_be_loaded
  shadow_modules >"$scratch/modules.conf" || exit 21
  first=$((20000 + $$ % 9000))
  for attempt in 1 2 3 4 5; do
    wanted=
    cp "$release"/sites/*.conf "$scratch/sites/"
    {
      sed -n 's/^ServerRoot: /ServerRoot /p' "$scratch/before"
      if [ "$(id -u)" = 0 ]; then
        sed -n -e 's/^User: name="\(.*\)" id=.*/User \1/p' -e 's/^Group: name="\(.*\)" id=.*/Group \1/p' "$scratch/before"
      fi
      cat "$scratch/modules.conf"
      echo "ServerName shadow.invalid"
      echo "DefaultRuntimeDir $scratch"
      echo "ErrorLog $scratch/error.log"
      # The module is loaded, and its default file is wherever this httpd was built to look.
      echo "<IfModule mime_module>"
      echo "TypesConfig /dev/null"
      echo "</IfModule>"
      # The real logs belong to the real server, and so do its ports.
      in_sites -e '/^[[:space:]]*Listen[[:space:]]/d' -e '/^[[:space:]]*CustomLog[[:space:]]/d' \
        -e '/^[[:space:]]*TransferLog[[:space:]]/d' -e '/^[[:space:]]*ErrorLog[[:space:]]/d'
      port=$first
      for real in $ports; do
        in_sites -e "s/^<VirtualHost .*:$real>/<VirtualHost 127.0.0.1:$port>/"
        echo "Listen 127.0.0.1:$port"
        wanted="$wanted $port"
        port=$((port + 1))
      done
      # A release without sites has no port of its own.
      if [ -z "$ports" ] && others_listen; then
        echo "Listen 127.0.0.1:$port"
      fi
      echo "Define DEPLOYER_RELEASE $release"
      echo "Include $scratch/sites/*.conf"
    } >"$scratch/httpd.conf"
    try_start -f "$scratch/httpd.conf" && break
    # Somebody else's port: look further up. Anything else is the release's fault.
    if [ "$attempt" = 5 ] || ! grep -q AH00072 "$scratch/startup.log" "$scratch/output.log"; then
      did_not_start
    fi
    first=$((first + 1000))
  done
  answer rehearsed shadow
}

if [ "${8:-}" = inside ]; then
  whole
  exit 0
fi
trap 'status=$?; rm -rf "${scratch:-}"; [ "$status" = 0 ] || release_lease; exit "$status"' EXIT
hold_lease "$token" "$2" "$3" "$4"
# A server that runs listens already; what would keep a dead one from that is anybody's.
busy=
find_apache || busy=$(listeners)
export busy
taken=$(cannot_listen)
if [ -n "$taken" ]; then
  printf '%s\n' "$taken" >&2
  exit 25
fi
# Apache only warns, and answers 404 to everything.
missing=$(sed -n 's/^ *DocumentRoot "*\([^"]*\)"*$/\1/p' "$release"/sites/*.conf | while read -r served; do
  [ -d "$served" ] || echo "document_root $served is not there"
done)
if [ -n "$missing" ]; then
  printf '%s\n' "$missing" >&2
  exit 26
fi
# A pid namespace too: whatever a site's configuration starts ends with the rehearsal.
if unshare -n -m -p -f --propagation private true 2>/dev/null; then
  unshare -n -m -p -f --propagation private sh -c "$script" rehearse "$@" inside
  status=$?
  [ "$status" != 0 ] || journal rehearsed "$token" "$name"
  [ "$status" = 96 ] || exit "$status"
fi
shadow
journal rehearsed "$token" "$name, its own files only"
