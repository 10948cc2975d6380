#!/bin/sh
# A machine that systemd runs, with Debian's Apache as one of its services.
#
# Started in new mount, pid, uts, ipc, net and cgroup namespaces. Its root is this machine's, with
# every change kept in memory. It ends with its first process. Argument: an empty directory.
set -eu
umask 022

# /proc is still the machine's, so this is our pid as the machine knows it.
read -r pid _ </proc/self/stat
echo "$pid"

mount -t tmpfs tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work,index=off" overlay "$1/root"
cd "$1/root"
for fresh in run tmp dev; do mount -t tmpfs -o mode=755 tmpfs "$fresh"; done
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/urandom c 1 9
mkdir dev/shm dev/pts
pivot_root . mnt
umount -l /mnt

# As after installation, and no other service of this machine's.
rm -rf /etc/apache2/deployer /etc/apache2/sites-enabled/* /var/lib/deployer
rm -f /etc/apache2/mods-enabled/ssl.* /etc/apache2/mods-enabled/socache_shmcb.*
ln -s ../sites-available/000-default.conf /etc/apache2/sites-enabled/000-default.conf
ip link set lo up
exec env -i container=lxc PATH=/usr/sbin:/usr/bin:/sbin:/bin \
  /lib/systemd/systemd --unit=apache2.service --show-status=no --log-target=null
