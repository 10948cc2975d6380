#!/bin/sh
# The first process of a test host. Its end is the host's end: processes, mounts and network.
#
# Started by fleet.py in new mount, uts, ipc, net and pid namespaces. Standard input is a pipe
# that only the test process holds: when that goes, even by SIGKILL, the last line reads the end.
# Arguments: SCRATCH NAME ADDRESS/PREFIX AUTHORIZED_KEYS PYTHON running|stopped|absent
set -eu
umask 022
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C

scratch=$1 name=$2 address=$3 authorized_keys=$4 python=$5 apache=$6
# /proc is still the machine's, so this is our pid as the machine knows it.
read -r pid _ </proc/self/stat
echo "$pid"

# A root of our own: the machine's, with every change kept in memory.
memory=$scratch/root
mount -t tmpfs -o mode=755 tmpfs "$memory"
mkdir "$memory/upper" "$memory/work" "$memory/root"
mount -t overlay -o "lowerdir=/,upperdir=$memory/upper,workdir=$memory/work,index=off" \
  overlay "$memory/root"
cd "$memory/root"
mkdir -p etc/fleet
cp "$authorized_keys" etc/fleet/authorized_keys
cp "$scratch/host_key" etc/fleet/host_key
# For tests that run the product on a host: its Python may be somewhere that we cover.
mkdir -p opt/python
mount --bind -o ro "$python" opt/python
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=700 tmpfs root
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm run/lock run/sshd
chmod 1777 dev/shm run/lock
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
mknod -m 666 dev/null c 1 3
mknod -m 666 dev/zero c 1 5
mknod -m 666 dev/full c 1 7
mknod -m 666 dev/random c 1 8
mknod -m 666 dev/urandom c 1 9
mknod -m 666 dev/tty c 5 0
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
pivot_root . mnt
umount -l /mnt

hostname "$name"
echo "$name" >/etc/hostname
printf '127.0.0.1 localhost\n%s %s\n' "${address%/*}" "$name" >/etc/hosts
tr -d - </proc/sys/kernel/random/uuid >/etc/machine-id
chmod 600 /etc/fleet/host_key
# Without PAM, sshd refuses an account whose password is locked, even with a key.
sed -i 's/^root:[^:]*:/root:*:/' /etc/shadow

# Debian's Apache as it is after installation, whatever this machine does with its own.
if [ "$apache" = absent ]; then
  rm -rf /etc/apache2 /usr/lib/apache2 /usr/sbin/apache2 /usr/sbin/apache2ctl /usr/sbin/apachectl
else
  rm -rf /etc/apache2/deployer /etc/apache2/sites-enabled/* /var/log/apache2/*
  rm -f /etc/apache2/mods-enabled/ssl.* /etc/apache2/mods-enabled/socache_shmcb.* \
    /etc/apache2/mods-enabled/headers.* /etc/apache2/mods-enabled/proxy*
  ln -s ../sites-available/000-default.conf /etc/apache2/sites-enabled/000-default.conf
fi
rm -rf /var/lib/deployer

cat >/etc/ssh/sshd_config <<'CONFIGURATION'
HostKey /etc/fleet/host_key
AuthorizedKeysFile /etc/fleet/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
PrintMotd no
PrintLastLog no
CONFIGURATION

echo ready
read -r _ # the network is connected, and faults are in place
ip link set lo up
ip address add "$address" dev eth0
ip link set eth0 up
/usr/sbin/sshd
[ "$apache" != running ] || apache2ctl start >&2
echo started

# A process whose parent ended becomes our child; ignoring SIGCHLD reaps it at once. Otherwise a
# dead Apache would stay a zombie, which `kill -0` takes for alive.
exec env --ignore-signal=CHLD cat >/dev/null
