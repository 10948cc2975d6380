# Of all layouts find the one of this host, for observe: its variables and functions then hold.
#
# Before this text stand `layouts`, their names, and a function as_NAME for each, which sets what
# the preamble of a known layout sets, and also systems and program. An unknown host is no error
# here: `layout` stays empty.

# ID and ID_LIKE as https://www.freedesktop.org/software/systemd/man/os-release.html has them.
system=
alike=
{
  while IFS='=' read -r key value; do
    value=${value#[\"\']}
    value=${value%[\"\']}
    case $key in
      ID) system=$value ;;
      ID_LIKE) alike=$value ;;
    esac
  done </etc/os-release
} 2>/dev/null
if [ -z "$system" ] && [ -x /bin/freebsd-version ]; then
  system=freebsd
fi

installed() {
  [ -e "$main_config" ] && [ -x "$program" ]
}

# What the system says of itself, where such an Apache is installed; then whatever is installed;
# then what would be installed on such a system.
choose_layout() {
  would=
  for word in $system $alike; do
    for candidate in $layouts; do
      "as_$candidate"
      case " $systems " in
        *" $word "*) ! installed || return 0 ;;
        *) continue ;;
      esac
      would=${would:-$candidate}
    done
  done
  for candidate in $layouts; do
    "as_$candidate"
    ! installed || return 0
  done
  layout=
  [ -z "$would" ] || "as_$would"
}
choose_layout
