#!/bin/sh
# Give a Debian host the Apache of the RHEL family: its tree, its accounts and its commands.
#
# The server and its modules are Debian's, under RHEL's names. systemd does not run on such a host,
# so its command is replaced by one that starts httpd as the unit would.
set -eu

groupadd --system apache
useradd --system --gid apache --home-dir /usr/share/httpd --shell /sbin/nologin apache
mkdir -p /etc/httpd/conf /etc/httpd/conf.d /etc/httpd/conf.modules.d /etc/pki/tls/certs \
  /etc/pki/tls/private /run/httpd /var/log/httpd /var/lib/httpd
mv /usr/sbin/apache2 /usr/libexec/httpd
mkdir -p /usr/lib64/httpd
mv /usr/lib/apache2/modules /usr/lib64/httpd/modules
rm -rf /etc/apache2 /usr/lib/apache2 /usr/sbin/apache2ctl /usr/sbin/apachectl /usr/sbin/a2*
ln -s /usr/lib64/httpd/modules /etc/httpd/modules
ln -s /run/httpd /etc/httpd/run
ln -s /var/log/httpd /etc/httpd/logs

cat >/etc/os-release <<'TEXT'
NAME="Rocky Linux"
ID="rocky"
ID_LIKE="rhel centos fedora"
VERSION_ID="9.6"
TEXT

# Where httpd looks is built into it.
cat >/usr/sbin/httpd <<'TEXT'
#!/bin/sh
exec /usr/libexec/httpd -d /etc/httpd -f conf/httpd.conf "$@"
TEXT
cat >/usr/bin/systemctl <<'TEXT'
#!/bin/sh
case "$*" in
  "start httpd") exec /usr/sbin/httpd ;;
  *) echo "not on this host: systemctl $*" >&2; exit 1 ;;
esac
TEXT
chmod 755 /usr/sbin/httpd /usr/bin/systemctl

cat >/etc/httpd/conf/httpd.conf <<'TEXT'
ServerRoot "/etc/httpd"
Listen 80
DefaultRuntimeDir run
PidFile run/httpd.pid
Include conf.modules.d/*.conf
User apache
Group apache
ServerName localhost
<Directory />
    AllowOverride none
    Require all denied
</Directory>
DocumentRoot "/var/www/html"
<Directory "/var/www">
    Require all granted
</Directory>
<IfModule dir_module>
    DirectoryIndex index.html
</IfModule>
ErrorLog "logs/error_log"
LogLevel warn
<IfModule mime_module>
    TypesConfig /etc/mime.types
</IfModule>
IncludeOptional conf.d/*.conf
TEXT
for module in access_compat alias allowmethods auth_basic authn_core authn_file authz_core \
  authz_host authz_user autoindex dir env expires filter headers mime negotiation rewrite \
  setenvif socache_shmcb; do
  echo "LoadModule ${module}_module modules/mod_$module.so"
done >/etc/httpd/conf.modules.d/00-base.conf
echo "LoadModule mpm_event_module modules/mod_mpm_event.so" >/etc/httpd/conf.modules.d/00-mpm.conf
echo "LoadModule proxy_module modules/mod_proxy.so
LoadModule proxy_http_module modules/mod_proxy_http.so" >/etc/httpd/conf.modules.d/00-proxy.conf
echo "LoadModule http2_module modules/mod_http2.so" >/etc/httpd/conf.modules.d/10-h2.conf
echo "LoadModule ssl_module modules/mod_ssl.so" >/etc/httpd/conf.modules.d/00-ssl.conf

# What mod_ssl brings, and what its unit makes before the first start.
cat >/etc/httpd/conf.d/ssl.conf <<'TEXT'
Listen 443 https
SSLSessionCache         shmcb:/run/httpd/sslcache(512000)
SSLSessionCacheTimeout  300
<VirtualHost _default_:443>
#DocumentRoot "/var/www/html"
#ServerName www.example.com:443
ErrorLog logs/ssl_error_log
TransferLog logs/ssl_access_log
LogLevel warn
SSLEngine on
SSLHonorCipherOrder on
SSLCertificateFile /etc/pki/tls/certs/localhost.crt
SSLCertificateKeyFile /etc/pki/tls/private/localhost.key
</VirtualHost>
TEXT
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 \
  -subj "/CN=localhost" -keyout /etc/pki/tls/private/localhost.key \
  -out /etc/pki/tls/certs/localhost.crt 2>/dev/null
chmod 600 /etc/pki/tls/private/localhost.key
