"""Advice on raw Apache lines: each example fires, and its neighbour that is harmless does not."""

import pytest

from deployer.spec.vhost import VhostSpec
from tests.advice.examples import context, of, site

OPTIONAL = {"verify": "optional"}
ADMIN = [{"path": "/admin", "allow": [{"ou": "admins"}]}]
BCRYPT = "$2y$12$" + "a" * 53


def location(path: str, *lines: str) -> str:
    return "\n".join([f'<Location "{path}">', *lines, "</Location>"])


def optional(extra: str, **fields: object) -> VhostSpec:
    """A site that everybody may visit, and admins below `/admin`."""
    return site(extra=extra, client_auth=OPTIONAL, paths=ADMIN, **fields)


def told(extra: str, **identity: object) -> VhostSpec:
    return site(
        extra=extra,
        proxy=[{"path": "/", "to": "http://127.0.0.1:8080"}],
        client_auth={"identity": identity},
    )


FIRES: list[tuple[str, VhostSpec]] = [
    ("MTLS-101", site(extra=location("/a", "SSLVerifyClient require"))),
    ("MTLS-101", site(extra='<Directory "/srv">\n sslverifydepth 3\n</Directory>')),
    ("MTLS-101", site(extra="<IfModule ssl_module>\n<If true>\nSSLCipherSuite HIGH\n</If>\n"
                            "</IfModule>")),
    ("MTLS-102", site(extra="SSLVerifyClient optional")),
    ("MTLS-102", site(extra='"SSLVerifyDepth" 9')),
    ("MTLS-102", site(extra="SSLVerify\\\nClient none")),
    ("MTLS-103", site(extra="SSLVerifyClient optional_no_ca")),
    ("MTLS-104", site(extra="SSLCACertificatePath /etc/ssl/certs")),
    ("MTLS-104", site(extra="SSLCADNRequestFile /etc/ssl/dn.pem")),
    ("MTLS-105", site(extra="SSLCARevocationCheck none")),
    ("MTLS-106", site(extra="SSLOCSPEnable on")),
    ("MTLS-107", site(extra="SSLProtocol all -TLSv1.3")),
    ("MTLS-107", site(extra="SSLOpenSSLConfCmd Curves X448")),
    ("MTLS-108", site(extra="SSLProtocol -all")),
    ("MTLS-108", site(extra="SSLProtocol +TLSv1.2 TLSv1")),
    ("MTLS-109", site(extra="SSLEngine off")),
    ("MTLS-110", site(extra="SSLCertificateFile /etc/ssl/a.pem")),
    ("MTLS-111", site(extra="SSLStrictSNIVHostCheck Off")),
    ("MTLS-111", site(extra="SSLVHostSNIPolicy insecure")),
    ("MTLS-112", site(extra="SSLInsecureRenegotiation on")),
    ("MTLS-113", site(extra="SSLSessionTicketKeyFile /etc/ssl/tickets")),
    ("MTLS-114", site(extra="SSLUseStapling on")),
    ("MTLS-115", site(extra='Header set X "abc')),
    ("MTLS-116", site(extra="IncludeOptional /etc/apache2/more.conf")),
    ("MTLS-117", site(extra="ServerAlias b.lab")),
    ("MTLS-117", site(extra="Listen 8443")),
    ("MTLS-118", site(extra="SSLProxyVerify none")),
    ("MTLS-118", site(extra="SSLProxyCheckPeerName off")),
    ("MTLS-119", site(extra="SSLProxyMachineCertificateFile /etc/ssl/me.pem")),
    ("MTLS-120", site(extra='ProxyPass "/b" "https://b.lab/"')),
    ("MTLS-121", site(extra="ProxyRequests On")),
    ("MTLS-122", site(extra="Alias /a ${HOME}/a")),
    ("MTLS-123", site(extra="SSLProxyCACertificateFile /etc/ssl/backend.pem")),
    ("MTLS-123", site(extra="SSLProxyCARevocationPath /etc/ssl/crl")),
    ("MTLS-125", site(extra="TraceEnable on")),
    ("MTLS-125", site(extra="TraceEnable Extended")),
    ("MTLS-201", site(extra=location("/a", "Require all granted"))),
    ("MTLS-201", optional(location("/", "Require all granted"))),
    ("MTLS-201", optional(location("/admin/x/", "Require all granted"))),
    ("MTLS-201", optional('<LocationMatch "^/a">\nRequire all granted\n</LocationMatch>')),
    ("MTLS-201", optional('<If "true">\n<RequireAny>\nRequire all granted\n</RequireAny>\n</If>')),
    ("MTLS-202", optional(location("/admin", "Require ip 10.0.0.0/8"))),
    ("MTLS-203", optional(location("/b", "Satisfy Any"))),
    ("MTLS-204", optional(location("/admin", "AuthMerging Or"))),
    ("MTLS-205", site(extra=location("/a", "Require ssl-verify-client"))),
    ("MTLS-206", site(extra="SSLOptions +StdEnvVars +FakeBasicAuth")),
    ("MTLS-206", site(extra=location("/a", 'AuthBasicFake "%{SSL_CLIENT_S_DN_CN}" secret'))),
    ("MTLS-207", site(extra=location("/a", "AuthType Basic", "SSLUserName SSL_CLIENT_S_DN_CN"))),
    ("MTLS-207", site(extra=location("/a", "AuthType Basic"),
                      client_auth={"identity": {"remote_user": "cn"}})),
    ("MTLS-207", site(extra="SSLUserName SSL_CLIENT_S_DN_CN", passwords={"users": {"a": BCRYPT}},
                      paths=[{"path": "/a", "auth": "certificate_and_password"}])),
    ("MTLS-208", optional(location("/b", 'Require expr %{SSL_CLIENT_S_DN_CN} != "evil"'))),
    ("MTLS-208", optional(location("/b", "<RequireAll>", "Require all granted",
                                   "Require not expr %{SSL_CLIENT_S_DN_CN} == 'evil'",
                                   "</RequireAll>"))),
    ("MTLS-209", optional(location("/b", "<Limit POST>", "Require valid-user", "</Limit>"))),
    ("MTLS-210", optional(location("/b", "Require expr %{SSL_CLIENT_VERIFY} == 'SUCCESS'",
                                   "Require valid-user"))),
    ("MTLS-301", site(extra='RequestHeader edit* X ".*" ""')),
    ("MTLS-301", site(extra=r'RequestHeader edit* X "\s*" ""')),
    ("MTLS-301", site(extra='Header always edit* Set-Cookie "(a|)" "b"')),
    ("MTLS-302", site(extra='RequestHeader set X "expr=%{unescape:%{req:Y}}"')),
    ("MTLS-303", site(extra='RequestHeader set X "expr=%{SSL_CLIENT_S_DN}" env=CERTIFIED')),
    ("MTLS-303", site(extra='RequestHeader setifempty X "expr=%{SSL_CLIENT_S_DN}"')),
    ("MTLS-303", site(extra=location("/a", 'RequestHeader set X "%{REMOTE_USER}e"'))),
    ("MTLS-303", site(extra=location("/a", "RequestHeader unset X",
                                     'RequestHeader set X "expr=%{SSL_CLIENT_S_DN}"'))),
    ("MTLS-304", site(extra='RequestHeader set X-User "expr=%{SSL_CLIENT_S_DN_CN}"')),
    ("MTLS-305", site(extra='RequestHeader set X "%{SSL_CLIENT_S_DN}s"')),
    ("MTLS-306", site(extra=r'RequestHeader set X "a\nY: 1"')),
    ("MTLS-306", site(extra=r'RequestHeader set X "a\\nY: 1"')),
    ("MTLS-307", site(extra='RewriteRule "^(.*)$" "https://%{HTTP_HOST}$1" [R=301]')),
    ("MTLS-307", site(extra='Header set Location "expr=https://%{req:Host}/"')),
    ("MTLS-308", told("RequestHeader unset mtls-name", headers=True)),
]  # fmt: skip
MISSES: list[tuple[str, VhostSpec]] = [
    ("MTLS-101", site(extra=location("/a", "# SSLVerifyClient require", "SSLOptions +StdEnvVars"))),
    ("MTLS-101", site(extra="<IfModule ssl_module>\nSSLVerifyClient none\n</IfModule>")),
    ("MTLS-102", site(extra="# SSLVerifyClient none")),
    ("MTLS-102", site(extra="Header set X SSLVerifyClient")),
    ("MTLS-103", site(extra="SSLVerifyClient optional")),
    ("MTLS-104", site(extra="SSLProxyCACertificateFile /etc/ssl/backend.pem")),
    ("MTLS-105", site(extra="SSLProxyCARevocationCheck chain")),
    ("MTLS-106", site(extra="SSLOCSPEnable off")),
    ("MTLS-106", site(extra="SSLOCSPEnable on",
                      client_auth={"authorities": [{"file": "ca.pem", "crl": "ca.crl"}]})),
    ("MTLS-107", site(extra="SSLOptions +StrictRequire")),
    ("MTLS-108", site(extra="SSLProtocol all -SSLv3 -TLSv1 -TLSv1.1")),
    ("MTLS-108", site(extra="SSLProtocol TLSv1 +TLSv1.2")),
    ("MTLS-109", site(extra="SSLProxyEngine on")),
    ("MTLS-110", site(extra="SSLProxyMachineCertificateFile /etc/ssl/me.pem")),
    ("MTLS-111", site(extra="SSLStrictSNIVHostCheck on")),
    ("MTLS-112", site(extra="SSLInsecureRenegotiation off")),
    ("MTLS-113", site(extra="SSLSessionTickets off")),
    ("MTLS-114", site(extra="SSLUseStapling off")),
    ("MTLS-115", site(extra='Header set X "abc" "expr=true"\nHeader set Y it\'s')),
    ("MTLS-115", site(extra='ErrorDocument 403 "no')),
    ("MTLS-116", site(extra="# Include /etc/apache2/more.conf")),
    ("MTLS-117", site(extra="ServerAdmin me@a.lab")),
    ("MTLS-118", site(extra="SSLProxyVerify require")),
    ("MTLS-119", site(extra="SSLProxyCheckPeerName on")),
    ("MTLS-120", site(extra='ProxyPass "/b" "http://127.0.0.1/"')),
    ("MTLS-120", site(extra='ProxyPass "/b" "https://b.lab/"',
                      proxy=[{"path": "/", "to": "https://c.lab"}])),
    ("MTLS-120", site(extra='ProxyPass "/b" "https://b.lab/"\nSSLProxyVerify require')),
    ("MTLS-121", site(extra="ProxyRequests Off")),
    ("MTLS-122", site(extra="ErrorLog ${APACHE_LOG_DIR}/a.log")),
    ("MTLS-123", site(extra="SSLProxyVerify require")),
    ("MTLS-201", site(extra='<Directory "/srv/b">\nRequire all granted\n</Directory>')),
    ("MTLS-201", site(extra=location("/a", "AuthMerging And", "Require all granted"))),
    ("MTLS-201", optional(location("/adminx", "Require all granted"))),
    ("MTLS-201", site(extra=location("/a", "Require all granted"), client_auth={"verify": "none"})),
    ("MTLS-125", site(extra="TraceEnable off")),
    ("MTLS-201", site(extra=location("/pub/x", "Require all granted"), client_auth=OPTIONAL,
                      paths=[{"path": "/"}, {"path": "/pub", "auth": "public"}])),
    ("MTLS-202", optional(location("/admin", "AuthMerging And", "Require ip 10.0.0.0/8"))),
    ("MTLS-202", optional(location("/admin", "Require all denied"))),
    ("MTLS-202", optional(location("/public", "Require ip 10.0.0.0/8"))),
    ("MTLS-203", optional(location("/b", "Satisfy All"))),
    ("MTLS-204", optional(location("/admin", "AuthMerging And"))),
    ("MTLS-204", optional('<Directory "/srv">\nAuthMerging Or\n</Directory>')),
    ("MTLS-205", site(extra=location("/a", "Require expr %{SSL_CLIENT_VERIFY} == 'SUCCESS'"))),
    ("MTLS-206", site(extra="SSLOptions -FakeBasicAuth")),
    ("MTLS-207", site(extra="SSLUserName SSL_CLIENT_S_DN_CN")),
    ("MTLS-207", site(extra=location("/a", "AuthType None", "SSLUserName SSL_CLIENT_S_DN_CN"))),
    ("MTLS-208", optional(location("/b", "Require expr %{SSL_CLIENT_VERIFY} == 'SUCCESS' && "
                                   '%{SSL_CLIENT_S_DN_CN} != "evil"'))),
    ("MTLS-208", optional(location("/b", "<RequireAll>",
                                   "Require expr \"%{SSL_CLIENT_VERIFY} == 'SUCCESS'\"",
                                   'Require expr %{SSL_CLIENT_S_DN_CN} != "evil"',
                                   "</RequireAll>"))),
    ("MTLS-208", site(extra=location("/b", 'Require expr %{SSL_CLIENT_S_DN_CN} != "evil"'))),
    ("MTLS-208", optional(location("/admin", "AuthMerging And",
                                   'Require expr %{SSL_CLIENT_S_DN_CN} != "evil"'))),
    ("MTLS-209", optional(location("/b", "<LimitExcept GET>", "Require all denied",
                                   "</LimitExcept>"))),
    ("MTLS-210", optional(location("/b", "<RequireAll>",
                                   "Require expr %{SSL_CLIENT_VERIFY} == 'SUCCESS'",
                                   "Require valid-user", "</RequireAll>"))),
    ("MTLS-301", site(extra='RequestHeader edit* X ".+" ""')),
    ("MTLS-301", site(extra='RequestHeader edit X ".*" ""')),
    ("MTLS-301", site(extra=r'RequestHeader edit* X "(-----(BEGIN|END) CERTIFICATE-----|\s)" ""')),
    ("MTLS-302", site(extra='RequestHeader set X "expr=%{escape:%{req:Y}}"')),
    ("MTLS-303", site(extra='RequestHeader set X "expr=%{SSL_CLIENT_S_DN}"')),
    ("MTLS-303", site(extra="RequestHeader unset X early\n" + location(
        "/a", 'RequestHeader set X "expr=%{SSL_CLIENT_S_DN}"'))),
    ("MTLS-303", site(extra='RequestHeader set X-Colour "red" env=SUMMER')),
    ("MTLS-304", site(extra="RequestHeader unset X_User early\n"
                            'RequestHeader set X-User "expr=%{SSL_CLIENT_S_DN_CN}"')),
    ("MTLS-304", site(extra='RequestHeader set XUser "expr=%{SSL_CLIENT_S_DN_CN}"')),
    ("MTLS-305", site(extra='RequestHeader set X "expr=%{SSL_CLIENT_S_DN}"')),
    ("MTLS-306", site(extra=r'RequestHeader edit X "\s+" ""')),
    ("MTLS-307", site(extra='RewriteCond "%{HTTP_HOST}" "^a"\n'
                            'RewriteRule "^(.*)$" "https://a.lab$1" [R=301]')),
    ("MTLS-308", told("RequestHeader unset mtls-name", headers={"X-User": "cn"})),
]  # fmt: skip


@pytest.mark.parametrize(("number", "about"), FIRES)
def test_a_line_that_is_dangerous_is_pointed_out(number: str, about: VhostSpec) -> None:
    found = of(number, context(about))

    assert found
    assert found[0].subject.startswith("a.lab: extra, line ")


@pytest.mark.parametrize(("number", "about"), MISSES)
def test_a_line_that_only_looks_like_it_is_not(number: str, about: VhostSpec) -> None:
    assert not of(number, context(about))


def test_a_line_is_named_by_its_number_in_extra() -> None:
    extra = "# a comment\n\nHeader set X \\\n  y\nSSLEngine off"

    (found,) = of("MTLS-109", context(site(extra=extra)))

    assert found.subject == "a.lab: extra, line 5"
    assert found.message == "SSLEngine off overrides us"
