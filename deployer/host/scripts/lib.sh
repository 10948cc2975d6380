# Words that every verb of ours uses on a host. POSIX sh, no tool beyond coreutils or busybox.
#
# Before this text comes a preamble made from the host's layout: the variables root, state, vhost_dir,
# pid_file, private_dirs, copied_dirs, modules_available, modules_enabled, and the functions
# exec_httpd, reload_apache, start_apache, enable_modules, disable_modules.

set -u
umask 077
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"

# Reads by the controller end here; a vanished controller must not end a switch half-way.
trap '' HUP PIPE

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# exec_httpd becomes the server, with the environment that its distribution gives it.
httpd() {
  (exec_httpd "$@")
}

journal() {
  printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*" >>"$state/journal" 2>/dev/null || :
}

# Make sure that what was written survives a power cut. Old coreutils and some busyboxes
# know only the sync of everything.
durable() {
  sync "$@" 2>/dev/null || sync
}

# rename(2) over a link. Without -T, mv would move into the directory that the link names.
swap_link() {
  mv -T "$1" "$2" 2>/dev/null || mv -h "$1" "$2"
}

live_release() {
  if [ -L "$root/current" ]; then
    basename "$(readlink "$root/current")"
  fi
}

apache_pid() {
  if [ -s "$pid_file" ]; then
    pid=$(cat "$pid_file")
    # A stale pid file may name somebody else's process: only a server that reads our
    # configuration's pid file counts, and that one is never a kernel thread or a shell.
    if kill -0 "$pid" 2>/dev/null && is_apache "$pid"; then
      echo "$pid"
    fi
  fi
}

is_apache() {
  if [ -r "/proc/$1/cmdline" ]; then
    case $(tr '\0' ' ' <"/proc/$1/cmdline") in
      *apache2* | *httpd*) return 0 ;;
      *) return 1 ;;
    esac
  fi
  return 0
}

pause() {
  sleep 0.05 2>/dev/null || sleep 1
}

# One tick of a wait; false when the deadline (in seconds of this shell's waiting) is over.
# shellcheck disable=SC2120 # the argument is optional
before_deadline() {
  ticks=$((${ticks:-0} + 1))
  if [ "$ticks" -gt "$((${deadline:-20} * 20))" ]; then
    ticks=0
    return 1
  fi
  pause
}

# httpd writes its pid file anew at the start of each generation, after mod_ssl and all other
# modules have accepted the new configuration (ap_log_pid in the MPM's run hook). Newer
# versions rename a new file into place, older ones rewrite it: look at inode and time.
mark_generation() {
  generation=$(ls -i "$pid_file" 2>/dev/null || :)
  : >"$state/generation.$$"
}

new_generation() {
  [ -s "$pid_file" ] || return 1
  [ "$(ls -i "$pid_file")" != "$generation" ] ||
    [ -n "$(find "$pid_file" -newer "$state/generation.$$" 2>/dev/null)" ]
}

# Wait for positive evidence; exit codes of a reload prove nothing.
await_generation() {
  parent=$1
  verdict=1
  while before_deadline; do
    if new_generation && [ -n "$(apache_pid)" ]; then
      verdict=0
      break
    fi
    if [ -n "$parent" ] && ! kill -0 "$parent" 2>/dev/null; then
      break
    fi
  done
  ticks=0
  rm -f "$state/generation.$$"
  return $verdict
}

reload_and_wait() {
  parent=$(apache_pid)
  [ -n "$parent" ] || return 1
  mark_generation
  reload_apache >"$state/reload.log" 2>&1 || {
    rm -f "$state/generation.$$"
    return 1
  }
  await_generation "$parent"
}

start_and_wait() {
  # A parent that died in a reload leaves its pid file behind.
  rm -f "$pid_file"
  mark_generation
  start_apache >"$state/reload.log" 2>&1 || :
  await_generation ""
}

digest_of() {
  sha256sum "$1" | cut -d' ' -f1
}

# mods-enabled holds a link per enabled module; elsewhere modules are the administrator's.
missing_modules() {
  if [ -n "$modules_enabled" ]; then
    for module; do
      [ -e "$modules_enabled/$module.load" ] || printf '%s ' "$module"
    done
  fi
}

# The lease: one controller at a time. mkdir is atomic everywhere.
take_lease() {
  mkdir -p "$state" || fail "cannot create $state"
  if ! mkdir "$state/lease" 2>/dev/null; then
    expires=$(cat "$state/lease/expires" 2>/dev/null || echo 0)
    if [ "$(date +%s)" -le "$expires" ] || [ -n "$(ls -d "$state"/pending.* 2>/dev/null)" ]; then
      printf 'held by %s\n' "$(cat "$state/lease/holder" 2>/dev/null)" >&2
      exit 75
    fi
    # Expired, with nothing in flight. Only one of several claimants wins this rename.
    mv "$state/lease" "$state/lease.expired.$$" 2>/dev/null || exit 75
    rm -rf "$state/lease.expired.$$"
    mkdir "$state/lease" 2>/dev/null || exit 75
  fi
  printf '%s\n' "$1" >"$state/lease/holder"
  printf '%s\n' "$2" >"$state/lease/token"
  echo $(($(date +%s) + $3)) >"$state/lease/expires"
}

release_lease() {
  if [ "$(cat "$state/lease/token" 2>/dev/null)" = "$1" ]; then
    rm -rf "$state/lease"
  fi
}

# Our one file among the administrator's: 000-deployer.conf when the release owns the default
# virtual hosts of its addresses, zzz-deployer.conf when it leaves them to others.
install_include() {
  wanted_name=$(sed -n 's/^include //p' "$1/MANIFEST")
  cp "$1/include.conf" "$vhost_dir/.deployer.new" &&
    chmod 644 "$vhost_dir/.deployer.new" &&
    mv "$vhost_dir/.deployer.new" "$vhost_dir/$wanted_name" || return 1
  for other in 000-deployer.conf zzz-deployer.conf; do
    [ "$other" = "$wanted_name" ] || rm -f "$vhost_dir/$other"
  done
}

remove_include() {
  rm -f "$vhost_dir/000-deployer.conf" "$vhost_dir/zzz-deployer.conf"
}
