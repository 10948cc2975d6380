#!/bin/sh
# Take Apache from a Debian host, and leave its packages in a repository of the host's own.
#
# They are packed anew from what is installed here, so that nothing comes from the network.
set -eu

packages="apache2 apache2-bin apache2-data apache2-utils"
repository=/srv/repository
mkdir -p $repository
: >$repository/Packages
for package in $packages; do
  tree=/tmp/$package
  mkdir -p "$tree/DEBIAN"
  dpkg -L "$package" | while read -r path; do
    # Links to directories are other packages' (/lib), and manuals take their time.
    case $path in /usr/share/man/* | /usr/share/doc/*) continue ;; esac
    [ ! -e "$path" ] || { [ -L "$path" ] && [ -d "$path" ]; } || echo "$path"
  done | tar -cf - --no-recursion -T - 2>/dev/null | tar -xf - -C "$tree"
  for script in preinst postinst prerm postrm conffiles; do
    info=/var/lib/dpkg/info/$package.$script
    [ ! -e "$info" ] || cp "$info" "$tree/DEBIAN/$script"
  done
  dpkg -s "$package" | sed -e '/^Status:/d' -e '/^Conffiles:/,/^[^ ]/{/^Conffiles:/d;/^ /d;}' >"$tree/DEBIAN/control"
  # A conffile that is gone cannot be packed.
  if [ -e "$tree/DEBIAN/conffiles" ]; then
    while read -r path; do [ ! -e "$tree$path" ] || echo "$path"; done \
      <"$tree/DEBIAN/conffiles" >"$tree/DEBIAN/kept"
    mv "$tree/DEBIAN/kept" "$tree/DEBIAN/conffiles"
  fi
  file=$repository/$package.deb
  dpkg-deb --root-owner-group -Znone --build "$tree" "$file" >/dev/null
  {
    cat "$tree/DEBIAN/control"
    echo "Filename: ./$package.deb"
    echo "Size: $(wc -c <"$file")"
    echo "SHA256: $(sha256sum <"$file" | cut -d' ' -f1)"
    echo
  } >>$repository/Packages
  rm -rf "$tree"
done

# shellcheck disable=SC2086 # a list of packages
dpkg --purge --no-triggers --force-depends $packages >/dev/null 2>&1
rm -rf /etc/apache2 /etc/apt/sources.list /etc/apt/sources.list.d/* /var/lib/apt/lists/*
echo "deb [trusted=yes] file:$repository ./" >/etc/apt/sources.list
