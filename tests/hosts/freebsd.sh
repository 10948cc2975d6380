#!/bin/sh
# Give a Debian host the Apache of FreeBSD: its tree, its accounts and its commands.
#
# The server and its modules are Debian's, under FreeBSD's names. What an administrator there does
# after `pkg install apache24` is done: mod_ssl and its session cache are loaded, and mod_http2.
set -eu

groupadd --system www
useradd --system --gid www --home-dir /nonexistent --shell /usr/sbin/nologin www
etc=/usr/local/etc/apache24
mkdir -p $etc/Includes $etc/modules.d $etc/extra /usr/local/libexec /usr/local/sbin
mv /usr/sbin/apache2 /usr/local/libexec/httpd
mv /usr/lib/apache2/modules /usr/local/libexec/apache24
rm -rf /etc/apache2 /usr/lib/apache2 /usr/sbin/apache2ctl /usr/sbin/apachectl /usr/sbin/a2*
# It has jails, and no namespaces.
rm /usr/bin/unshare

cat >/etc/os-release <<'TEXT'
NAME=FreeBSD
VERSION="14.3-RELEASE"
VERSION_ID="14.3"
ID=freebsd
PRETTY_NAME="FreeBSD 14.3-RELEASE"
TEXT

cat >$etc/Includes/no-accf.conf <<'TEXT'
<IfDefine NOHTTPACCEPT>
   AcceptFilter http none
   AcceptFilter https none
</IfDefine>
TEXT

# Where httpd looks is built into it.
cat >/usr/local/sbin/httpd <<TEXT
#!/bin/sh
exec /usr/local/libexec/httpd -d /usr/local -f $etc/httpd.conf "\$@"
TEXT
# service(8) finds it here on Debian, and in /usr/local/etc/rc.d on FreeBSD.
cat >/etc/init.d/apache24 <<'TEXT'
#!/bin/sh
case "$1" in
  onestart) exec /usr/local/sbin/httpd ;;
  *) echo "not on this host: service apache24 $1" >&2; exit 1 ;;
esac
TEXT
chmod 755 /usr/local/sbin/httpd /etc/init.d/apache24

{
  echo 'ServerRoot "/usr/local"
Listen 80'
  for module in mpm_event authn_file authn_core authz_host authz_user authz_core access_compat \
    auth_basic socache_shmcb filter mime env headers setenvif ssl http2 alias dir; do
    echo "LoadModule ${module}_module libexec/apache24/mod_$module.so"
  done
  echo '#LoadModule proxy_module libexec/apache24/mod_proxy.so
DefaultRuntimeDir /var/run
PidFile /var/run/httpd.pid
<IfModule unixd_module>
User www
Group www
</IfModule>
ServerName localhost
<Directory />
    AllowOverride none
    Require all denied
</Directory>
DocumentRoot "/var/www/html"
<Directory "/var/www/html">
    Require all granted
</Directory>
<IfModule dir_module>
    DirectoryIndex index.html
</IfModule>
ErrorLog "/var/log/httpd-error.log"
LogLevel warn
<IfModule mime_module>
    TypesConfig /etc/mime.types
</IfModule>
#Include etc/apache24/extra/httpd-ssl.conf
Include etc/apache24/Includes/*.conf'
} >$etc/httpd.conf
