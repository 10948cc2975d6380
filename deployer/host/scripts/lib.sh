# Words that every verb of ours uses on a host. POSIX sh, no tool beyond coreutils or busybox.
#
# Before this text comes a preamble made from the host's layout: the variables layout, root, state,
# vhost_dir, main_config, pid_file, private_dirs, copied_dirs, group, placeholder,
# modules_available, modules_enabled, and the functions exec_httpd, reload_apache, start_apache,
# enable_modules, install_packages, boot_apache.
#
# What must work on a full disk, an undo above all, only renames, removes and links. Redirections
# never stand on `:` or another special builtin: one that fails would end the whole script.

set -u
umask 077
export LC_ALL=C PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
cd /

# Reads by the controller end here; a vanished controller must not end a switch half-way.
trap '' HUP PIPE

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# What the controller reads, on a line of its own: a login shell may have left half a one.
answer() {
  printf '\n%s\n' "$*"
}

# exec_httpd becomes the server, with the environment that its distribution gives it.
httpd() {
  (exec_httpd "$@")
}

# journal STEP TOKEN WORDS...: the names of steps are those of HostStep, in deployer/result.py.
journal() {
  printf '%s %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*" 2>/dev/null >>"$state/journal" || true
}

# Run one of the host's own commands as its administrator would: a server that is started here must
# not inherit our umask. What it says is kept for an error message; on a full disk it is lost.
noting() {
  notes=$state/reload.log
  true 2>/dev/null >"$notes" || notes=/dev/null
  (umask 022 && "$@") </dev/null >"$notes" 2>&1
}

# What Apache said of its last reload: to the command, or to a log if it died of it.
noted() {
  {
    grep -v -e AH00558 -e '^Action' -e 'log may have more' "$state/reload.log"
    for directory in $private_dirs; do
      find "$directory" -name '*error*' -mmin -1 -exec tail -n 20 {} + |
        grep -e ':emerg\]' -e ':alert\]' -e ':crit\]' -e ': AH00072: '
    done
  } 2>/dev/null | sed 's/^\(\[[^]]*\] \)*//' | awk 'NF && !seen[$0]++' | tail -n 5
}

# Linux's own list, for no tool prints addresses everywhere; elsewhere the oldest tool does.
own_addresses() {
  if [ -r /proc/net/fib_trie ]; then
    awk '/32 host LOCAL/ && !seen[last]++ { print last } { last = $2 }' /proc/net/fib_trie
  else
    ifconfig 2>/dev/null | sed -n 's/^[[:space:]]*inet \([0-9.]*\) .*/\1/p'
  fi
}

# What prints "DIGEST PATH" for files, and "DIGEST" first of all for standard input.
if command -v sha256sum >/dev/null; then
  sha256=sha256sum
else
  sha256="sha256 -r"
fi

# Make sure that what was written survives a power cut. An old sync ignores its arguments and
# syncs everything; one that fails has met a broken disk. FreeBSD's does not wait: its fsync does.
if [ -x /bin/freebsd-version ]; then
  durably=fsync
else
  durably=sync
fi
durable() {
  $durably "$@"
}

# rename(2) onto whatever has that name. Without -T, mv would move into what a link names; BSD's
# word for it is -h.
if [ -x /bin/freebsd-version ]; then
  rename() {
    mv -h "$1" "$2"
  }
else
  rename() {
    mv -T "$1" "$2"
  }
fi

# Run a command in a session of its own, where it outlives us.
detached() {
  if command -v setsid >/dev/null; then
    setsid "$@" </dev/null >/dev/null 2>&1 &
  else
    daemon -f "$@"
  fi
}

# Where SELinux is on, a file has the label that the policy says for its place, and not the one of
# where it was made.
label() {
  ! command -v selinuxenabled >/dev/null || ! selinuxenabled || restorecon -R "$@"
}

# bodies_in LABEL FILE: what a PEM file has under a label, each on a line; a key in the same file stays
# where it is.
bodies_in() {
  awk -v label="$1" '{ sub(/\r$/, "") }
    index($0, "-----BEGIN " label "-----") == 1 { body = ""; inside = 1; next }
    /^-----/ {
      if (inside && index($0, "-----END " label "-----") == 1 && body ~ /^[A-Za-z0-9+\/=]+$/) print body
      inside = 0
      next
    }
    inside { sub(/[ \t]+$/, ""); body = body $0 }' "$2"
}

# Modes and digests of the files of a release, in its directory. What is there, rather than what the
# manifest says: a file edited by hand must show.
files_there() {
  # shellcheck disable=SC2086 # a command and its option
  find . ! -type d ! -path ./MANIFEST -exec ls -ln {} + \( -type f -o -type l \) -exec $sha256 {} + |
    while read -r word rest; do
      case $word in
        # Longer than any mode is a digest.
        ????????????????????*) printf '%s\n' "digest $word ${rest#./}" ;;
        *)
          for _ in links owner group size month day time; do
            rest=${rest#* }
            rest=${rest#"${rest%%[! ]*}"}
          done
          rest=${rest% -> *}
          printf '%s\n' "mode $word ${rest#./}"
          ;;
      esac
    done
}

live_release() {
  live=$(readlink "$root/current") && printf '%s\n' "${live##*/}"
}

# Nap until a command succeeds, for so many seconds. Evidence, not time; and counted in naps,
# because a clock may jump.
await() {
  naps=$(($1 * 20))
  shift
  until "$@"; do
    [ "$naps" -gt 0 ] || return 1
    naps=$((naps - 1))
    sleep 0.05 2>/dev/null || { naps=$((naps - 19)) && sleep 1; }
  done
}

# A dead process is a zombie until its parent looks, and kill -0 takes it for alive.
running() {
  command=
  [ "${1:-0}" -gt 0 ] 2>/dev/null && kill -0 "$1" 2>/dev/null || return 1
  if { read -r stat <"/proc/$1/stat"; } 2>/dev/null; then
    command=${stat#*(}
    command=${command%)*}
    case ${stat##*) } in [ZX]*) return 1 ;; esac
  fi
}

# Say whether a script of ours still runs, rather than something else that got its pid.
script_runs() {
  pid=$(readlink "$1") && running "$pid" && case $command in '' | *sh | busybox) ;; *) false ;; esac
}

# Set `apache` to the server's pid, or to nothing. A stale pid file may name anybody.
find_apache() {
  apache=
  { read -r apache <"$pid_file"; } 2>/dev/null
  if running "$apache"; then
    case $command in '' | *apache* | *httpd*) return 0 ;; esac
  fi
  apache=
  return 1
}

# httpd writes its pid file anew at the start of each generation, after mod_ssl and all other
# modules have accepted the new configuration (ap_log_pid in the MPM's run hook). Newer
# versions rename a new file into place, older ones rewrite it: look at inode and time.
generation() {
  ls -i "$pid_file" 2>/dev/null
}

# new_generation INODE FILE: one has started since the inode was noted and the file was written.
new_generation() {
  [ -s "$pid_file" ] || return 1
  [ "$(generation)" != "$1" ] || [ -n "$(find "$pid_file" -newer "$2" 2>/dev/null)" ]
}

reloaded_or_dead() {
  new_generation "$before" "$state/generation" || ! running "$parent"
}

reload_ended() {
  ! running "$reload"
}

# Hundredths of a second, on Linux of a clock that nobody sets.
ticks() {
  up=
  { read -r up _ </proc/uptime; } 2>/dev/null
  case $up in
    *.??) printf '%s\n' "${up%.*}${up#*.}" ;;
    *) printf '%s00\n' "$(date +%s)" ;;
  esac
}

# since TICKS: how long ago that was, in words.
since() {
  passed=$(($(ticks) - $1))
  printf '%s.%02d s\n' "$((passed / 100))" "$((passed % 100))"
}

# Wait for positive evidence; exit codes of a reload prove nothing. Nor may one that hangs, in a
# queue of systemd's perhaps, keep an undo from its turn. Sets `died` to the time at which Apache
# was found to have ended of it.
reload_and_wait() {
  died=
  find_apache || return 1
  parent=$apache
  before=$(generation)
  true 2>/dev/null >"$state/generation"
  # The shell itself must not hold the streams that the controller reads to their end.
  { exec >/dev/null 2>&1 && noting reload_apache; } &
  reload=$!
  await 20 reload_ended && wait "$reload" && await 20 reloaded_or_dead &&
    new_generation "$before" "$state/generation" && find_apache && return 0
  running "$parent" || died=$(ticks)
  return 1
}

start_and_wait() {
  # More than once: the last workers of a dead server may hold its ports a moment longer.
  for _ in 1 2 3; do
    # A parent that died in a reload leaves its pid file behind.
    rm -f "$pid_file"
    noting start_apache && await 10 find_apache && return 0
    sleep 1
  done
  return 1
}

# unloaded DUMP MODULE...: those of them that are not in Apache's own list of its modules.
unloaded() {
  list=$1
  shift
  for module; do
    grep -q "^ ${module}_module " "$list" || printf '%s ' "$module"
  done
}

# mods-enabled holds a link per enabled module; elsewhere modules are the administrator's. With
# their dependencies, which Debian's a2enmod enables as well, so that an undo knows what to undo.
missing_modules() {
  [ -n "$modules_enabled" ] || return 0
  for module; do
    [ ! -e "$modules_enabled/$module.load" ] || continue
    printf '%s ' "$module"
    # shellcheck disable=SC2046 # a list of module names
    missing_modules $(sed -n 's/^# Depends: *//p' "$modules_available/$module.load" 2>/dev/null)
  done
}

# Our one file among the administrator's: 000-deployer.conf when the release owns the default
# virtual hosts of its addresses, zzz-deployer.conf when it leaves them to others.
includes="000-deployer.conf zzz-deployer.conf"

# Put the prepared include file in place of whichever there is.
install_include() {
  wanted_name=$(sed -n 's/^include //p' "$1/MANIFEST")
  rename "$2" "$vhost_dir/$wanted_name" || return 1
  for other in $includes; do
    [ "$other" = "$wanted_name" ] || rm -f "$vhost_dir/$other"
  done
}

# The lease: one run at a time. Whoever takes or renews it makes a link with the next number, and the
# highest number counts: a link has its text from its first moment and needs no disk space. No
# number comes twice, so a claimant that slept between looking and linking finds a higher one.
# The text is "TOKEN HEARTBEAT HOLDER"; a release renames the link to free.NUMBER.
#
# The number is a fencing token: a run says which one it saw when it looked at this host. What it
# then decided holds as long as nobody else's has come since, however long it slept.
lease_life=120

# One look at the directory, which at any moment holds the highest number there is: of two looks the
# first might miss what is released between them. Nor is a link passed over that is gone by now: who
# took it away has a higher number, which the look did not show.
read_lease() {
  number=0
  highest=
  for link in "$state"/*e.[0-9]*; do
    case $link in
      */free.*) [ "${link##*.}" -ge "$number" ] 2>/dev/null || continue ;;
      */lease.*) [ "${link##*.}" -gt "$number" ] 2>/dev/null || continue ;;
      *) continue ;;
    esac
    number=${link##*.}
    highest=${link##*/}
  done
  lease=
  case $highest in lease.*) lease=$(readlink "$state/$highest") ;; esac
  heartbeat=${lease#* }
  holder=${heartbeat#* }
  heartbeat=${heartbeat%% *}
}

# In this order: a switch is worked on before it is pending, and pending before it is undone.
in_flight() {
  script_runs "$state/working.${lease%% *}" && return 0
  for plan in "$state"/pending.* "$state"/undoing.*; do
    [ ! -e "$plan" ] || return 0
  done
  return 1
}

# Say whether the holder was heard of lately. One from the future speaks of a clock that was set
# back: that lease would last for who knows how long.
alive() {
  case $heartbeat in '' | *[!0-9]*) return 1 ;; esac
  age=$(($(date +%s) - heartbeat))
  [ "$age" -lt "$lease_life" ] && [ "$age" -gt "-$lease_life" ]
}

held() {
  [ -n "$lease" ] && { in_flight || alive; }
}

# hold_lease TOKEN HOLDER SEEN DEAD: take the lease, or renew it. SEEN is the number that the run saw;
# DEAD is the token of a lease that is known to be a dead run's, however lately it was heard of.
hold_lease() {
  attempts=0
  while :; do
    read_lease
    renewed=
    case $lease in
      "$1 "*) renewed=yes ;;
      "$4 "*) ! in_flight || refuse "held by $holder" ;;
      *)
        ! held || refuse "held by $holder"
        [ "$number" -eq "$3" ] || refuse "another run has been here since this one looked at the host"
        ;;
    esac
    mine=$((number + 1))
    if ln -s "$1 $(date +%s) $2" "$state/lease.$mine" 2>/dev/null; then
      read_lease
      [ "$highest" = "lease.$mine" ] && break
      rm -f "$state/lease.$mine"
    fi
    attempts=$((attempts + 1))
    [ "$attempts" -lt 50 ] || fail "cannot write below $state"
  done
  [ -n "$renewed" ] || journal leased "$1" "$mine, to $2"
  # Not what is above: the same run may be renewing it at this moment.
  for link in "$state"/free.* "$state"/lease.*; do
    [ "${link##*.}" -ge "$mine" ] 2>/dev/null || rm -f "$link"
  done
}

refuse() {
  printf '%s\n' "$*" >&2
  exit 75
}

release_lease() {
  read_lease
  case $lease in "$token "*) mv "$state/lease.$number" "$state/free.$((number + 1))" ;; esac
}

# Forget an activation: its timer, if it is not what we are, and every file that it prepared.
forget() {
  if timer=$(readlink "$state/timer.$token") && [ "$timer" != "$$" ] &&
    grep -qF "undo.$token" "/proc/$timer/cmdline" 2>/dev/null; then
    # setsid, or systemd, made it the leader of a process group, its sleep included.
    kill -- "-$timer" 2>/dev/null
  fi
  rm -f "$state/timer.$token" "$state/undo.$token" "$state/undoer.$token" "$state/last.$token" \
    "$root/next.$token" "$root/restore.$token" "$vhost_dir"/.deployer.*."$token"
}

# remember OUTCOME WHY. The file was made large enough before the switch, and is written over in
# place: that needs no free disk space.
remember() {
  printf '%s\n' "$1 $token $new ${old:-none} $(date +%s) $2" 2>/dev/null 1<>"$state/last.$token" &&
    rename "$state/last.$token" "$state/last"
}

# plan_of FILE: what an activation wrote down before it began.
plan_of() {
  old=
  new=
  while IFS='=' read -r field value || [ -n "$field" ]; do
    case $field in old) old=$value ;; new) new=$value ;; esac
  done <"$1"
}

# End as the undo of this activation has ended, if there was one.
# The fields of the line: outcome, token, new, old, time, and then the reason in words.
verdict() {
  outcome=
  whose=
  reason=
  { read -r outcome whose _ _ _ reason <"$state/last"; } 2>/dev/null
  case "$outcome $whose" in
    "rolled_back $token" | "needs_hands $token") echo "$reason" >&2 ;;
  esac
  case "$outcome $whose" in
    "rolled_back $token") exit 10 ;;
    "needs_hands $token") exit 11 ;;
  esac
}
