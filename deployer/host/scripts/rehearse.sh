# rehearse NAME "MODULES" "PORTS": start the real Apache on the would-be configuration, unseen.
#
# In private network and mount namespaces the complete configuration of this host, with our
# include file, our modules and the new release in place, is started as it will be. Nobody can
# connect to it; its pid file, sockets and logs are its own. `httpd -t` alone would accept a key
# that does not match its certificate, and the reload would then kill the server.
#
# Where namespaces are not allowed, a shadow: the same modules, our virtual hosts only, on
# loopback ports. It proves our files, but not how they get on with other people's.
#
# Exit: 0 rehearsed, 20 broken before this run, 21 a module is missing, 22 syntax,
# 23 did not start, 24 would take the default virtual host of an address from somebody else.

name=$1
modules=$2
ports=$3
release=$root/releases/$name
[ -d "$release" ] || fail "there is no release $name on this host"

# /proc/net lists the listening sockets of this network namespace (state 0A), ports in hex.
listening() {
  cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
    awk -v port="$(printf ':%04X' "$1")" '
      $4 == "0A" && substr($2, length($2) - 4) == port { found = 1 } END { exit !found }'
}

silent_port() {
  for port; do
    listening "$port" || {
      echo "$port"
      return
    }
  done
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

# Start a server with these arguments and wait for its pid file and for the ports that we want.
try_start() {
  exec_httpd "$@" -D FOREGROUND -E "$scratch/startup.log" >"$scratch/output.log" 2>&1 &
  server=$!
  silent=
  while before_deadline; do
    kill -0 "$server" 2>/dev/null || break
    # shellcheck disable=SC2086 # a list of port numbers
    silent=$(silent_port $wanted)
    if [ -s "$started" ] && [ -z "$silent" ]; then
      silent=none
      break
    fi
  done
  ticks=0
  if [ -s "$started" ]; then kill "$(cat "$started")" 2>/dev/null; fi
  kill "$server" 2>/dev/null
  wait "$server" 2>/dev/null
  [ "$silent" = none ]
}

# Print "address file" for the default virtual host of each address.
default_vhosts() {
  sed -n -e 's/^\([^ ]*:[0-9*]*\)  *is a NameVirtualHost$/\1/p' \
    -e 's/^\([^ ]*:[0-9*]*\)  *[^ ]* (\(.*\):[0-9]*)$/\1 \2/p' \
    -e 's/^  *default server .* (\(.*\):[0-9]*)$/ \1/p' "$1" |
    awk 'NF == 1 && !/^ / { address = $1; next } /^ / { print address, $1; next } { print }'
}

taken_over() {
  default_vhosts "$scratch/before" | while read -r address file; do
    case $file in "$root"/*) continue ;; esac
    default_vhosts "$scratch/after" | while read -r there by; do
      [ "$there" = "$address" ] || continue
      case $by in "$root"/*) echo "$address is answered by $file today" ;; esac
    done
  done
}

whole() {
  scratch=$state/rehearsal
  mkdir -p "$scratch" && mount -t tmpfs -o mode=700 tmpfs "$scratch" || exit 96
  ip link set lo up 2>/dev/null || ifconfig lo up 2>/dev/null
  # This network has no addresses of its own, but `Listen 192.0.2.1:443` must succeed here.
  for version in ipv4 ipv6; do
    { echo 1 >/proc/sys/net/$version/ip_nonlocal_bind; } 2>/dev/null
  done
  for directory in $private_dirs; do
    [ -d "$directory" ] || continue
    tree=$(find "$directory" -type d)
    mount -t tmpfs -o mode=755 tmpfs "$directory" || exit 96
    # Other sites may log to directories below; these must exist.
    for branch in $tree; do mkdir -p "$branch"; done
  done
  for directory in $copied_dirs; do
    [ -d "$directory" ] || continue
    cp -a "$directory" "$scratch/copy" && mount -t tmpfs -o mode=755 tmpfs "$directory" || exit 96
    cp -a "$scratch/copy/." "$directory/"
    rm -rf "$scratch/copy"
  done

  httpd -t -D DUMP_VHOSTS >"$scratch/before" 2>"$scratch/output.log" || {
    complaint >&2
    exit 20
  }
  # shellcheck disable=SC2046,SC2086 # a list of module names
  set -- $(missing_modules $modules)
  if [ "$#" -gt 0 ] && ! enable_modules "$@" >"$scratch/output.log" 2>&1; then
    cat "$scratch/output.log" >&2
    exit 21
  fi
  install_include "$release" || fail "cannot write below $vhost_dir"
  httpd -t -D DUMP_VHOSTS -C "Define DEPLOYER_RELEASE $release" >"$scratch/after" 2>"$scratch/output.log" || {
    complaint >&2
    exit 22
  }
  taken=$(taken_over)
  if [ -n "$taken" ]; then
    printf '%s\n' "$taken" >&2
    exit 24
  fi
  started=$pid_file
  wanted=$ports
  if ! try_start -C "Define DEPLOYER_RELEASE $release"; then
    [ -z "$silent" ] || echo "nothing listens on port $silent" >&2
    complaint >&2
    exit 23
  fi
  echo "rehearsed whole"
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

shadow() {
  scratch=$state/shadow.$$
  mkdir -p "$scratch/sites" || fail "cannot write below $state"
  trap 'rm -rf "$scratch"' EXIT
  httpd -t -D DUMP_RUN_CFG >"$scratch/before" 2>"$scratch/output.log" || {
    complaint >&2
    exit 20
  }
  shadow_modules >"$scratch/modules.conf" || exit 21
  started=$scratch/httpd.pid
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
      echo "PidFile $started"
      echo "ErrorLog $scratch/error.log"
      port=$first
      for real in $ports; do
        sed -i -e "s/^<VirtualHost .*:$real>/<VirtualHost 127.0.0.1:$port>/" -e '/^Listen /d' "$scratch"/sites/*.conf
        echo "Listen 127.0.0.1:$port"
        wanted="$wanted $port"
        port=$((port + 1))
      done
      echo "Define DEPLOYER_RELEASE $release"
      echo "Include $scratch/sites/*.conf"
    } >"$scratch/httpd.conf"
    try_start -f "$scratch/httpd.conf" && break
    # Somebody else's port: look further up. Anything else is the release's fault.
    if [ "$attempt" = 5 ] || ! grep -q AH00072 "$scratch/startup.log" "$scratch/output.log"; then
      [ -z "$silent" ] || echo "nothing listens on port $silent" >&2
      private_dirs=$scratch
      complaint >&2
      exit 23
    fi
    first=$((first + 1000))
  done
  echo "rehearsed shadow"
}

if [ "${4:-}" = inside ]; then
  whole
  exit 0
fi
# A pid namespace too: whatever a site's configuration starts ends with the rehearsal.
if unshare -n -m -p -f --propagation private true 2>/dev/null; then
  unshare -n -m -p -f --propagation private sh -c "$script" rehearse "$name" "$modules" "$ports" inside
  status=$?
  [ "$status" = 96 ] || exit "$status"
fi
shadow
