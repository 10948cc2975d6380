"""Sites as their administrators would write them, all on one Apache."""

from collections.abc import Mapping
from typing import Any

from deployer.workflows.passwords import hashed

PASSWORD = "correct horse"
HASH = hashed(PASSWORD, cost=10)
Site = dict[str, Any]
OPTIONAL_PATHS = [
    {"path": "/members", "auth": "certificate"},
    {"path": "/members/open", "auth": "public"},
    {"path": "/admins", "allow": [{"ou": "admins"}]},
    {"path": "/both", "auth": "certificate_and_password"},
    {"path": "/either", "auth": "certificate_or_password"},
    {"path": "/admins-or-password", "auth": "certificate_or_password", "allow": [{"ou": "admins"}]},
]


def named(name: str, **keys: Any) -> Site:
    return {"server_name": f"{name}.example.com", "http2": True, **keys}


STRICT = named(
    "strict",
    redirect_http=True,
    hsts=True,
    client_auth={"verify": "require", "identity": {"remote_user": "cn"}},
)
OPTIONAL = named(
    "optional",
    client_auth={"verify": "optional"},
    passwords={"users": {"alice": HASH}},
    paths=OPTIONAL_PATHS,
)
OPEN = named("open", client_auth={"verify": "none"})
PUBLIC = named("public", client_auth={"verify": "none"})
UNLISTED = named("unlisted", client_auth={"verify": "require", "revocation": "none"})
UNLISTED_OPTIONAL = named(
    "unlisted-optional",
    client_auth={"verify": "optional", "revocation": "none"},
    passwords={"users": {"alice": HASH}},
    paths=OPTIONAL_PATHS,
)
STAFF = named(
    "staff",
    client_auth={
        "verify": "require",
        "allow": [{"ou": "staff"}, {"cn": "batch-*", "o": "Example"}],
    },
    passwords={"users": {"alice": HASH}},
    paths=[
        {"path": "/admin", "allow": [{"ou": "admins"}]},
        {"path": "/admin/logs", "auth": "certificate"},
        {"path": "/mail", "allow": [{"email": "alice@example.com"}]},
        {"path": "/pay", "auth": "certificate_and_password"},
    ],
)
CLOSED = named(
    "closed",
    client_auth={"verify": "optional", "allow": [{"ou": "staff"}]},
    paths=[{"path": "/", "auth": "certificate"}, {"path": "/health", "auth": "public"}],
)
GATE = named(
    "gate",
    client_auth={"verify": "optional", "identity": {"headers": True}},
    proxy=[{"path": "/", "to": "BACKEND", "websocket": True}],
)
INNER = named(
    "inner",
    client_auth={"verify": "require", "identity": {"headers": {"X-User": "cn", "X-Unit": "ou"}}},
    proxy=[{"path": "/", "to": "BACKEND"}, {"path": "/static", "to": "!"}],
)
JAVA = named(
    "java",
    client_auth={"verify": "optional"},
    proxy=[{"path": "/", "to": "BACKEND"}],
    paths=[{"path": "/members"}, {"path": "/members/open", "auth": "public"}],
)
MODERN = named("modern", tls="modern", client_auth={"verify": "require"})
SITES: Mapping[str, Site] = {
    site["server_name"].partition(".")[0]: site
    for site in (
        STRICT,
        OPTIONAL,
        OPEN,
        PUBLIC,
        UNLISTED,
        UNLISTED_OPTIONAL,
        STAFF,
        CLOSED,
        GATE,
        INNER,
        JAVA,
        MODERN,
    )
}
