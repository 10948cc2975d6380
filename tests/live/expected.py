"""
What must come of a request, worked out from what an inventory says and from nothing else.

This is the promise of docs/sites.md in another form. It knows nothing of Apache's words: what it
shares with the program is the inventory.
"""

from tests.live.sites import Site
from tests.live.visitors import ALICE, NOBODY, Visitor

REFUSED = "refused"
"""The handshake ends."""
LISTED = frozenset({"clients", "root"})
"""The authorities whose revocation lists a site of ours has."""
TRUSTED = "root"
RIGHT, WRONG = "right", "wrong"


def outcome(site: Site, visitor: Visitor, path: str, password: str = "") -> str:
    """Say what a visitor gets for a path: `refused`, or an HTTP status."""
    if not comes_to_the_door(site, visitor):
        return REFUSED
    return str(status(site, visitor, path, password))


def comes_to_the_door(site: Site, visitor: Visitor) -> bool:
    """Say whether the handshake succeeds."""
    verify = site["client_auth"]["verify"]
    if verify == "none":
        return True
    if visitor is NOBODY:
        return bool(verify == "optional")
    if not (visitor.good and visitor.above[-1:] == (TRUSTED,)):
        return False
    if site["client_auth"].get("revocation") == "none":
        return True
    return not visitor.revoked and LISTED.issuperset(visitor.above)


def status(site: Site, visitor: Visitor, path: str, password: str) -> int:
    """Say what is answered to a visitor whose handshake has succeeded."""
    client_auth = site["client_auth"]
    asked = client_auth["verify"] != "none"
    certified = asked and visitor is not NOBODY and visitor.above[0] == "clients"
    covering = [rule for rule in site.get("paths", ()) if covers(rule["path"], path)]
    rule = max(covering, key=lambda one: len(one["path"]), default=None)
    auth = "public" if rule is None else rule.get("auth", "certificate")
    if client_auth["verify"] == "require" and auth == "public":
        auth = "certificate"
    allow = (rule or {}).get("allow", client_auth.get("allow", ()))
    welcome = certified and (not allow or any(fits(entry, visitor) for entry in allow))
    knows = password == RIGHT
    match auth:
        case "public":
            return 200
        case "certificate":
            return 200 if welcome else 403
        case "certificate_and_password":
            return (200 if knows else 401) if welcome else 403
        case _:
            return 200 if welcome or knows else 401


def covers(rule: str, path: str) -> bool:
    """Say whether a rule is for a path: for its own, and all below it."""
    return rule in ("/", path) or path.startswith(f"{rule}/")


def fits(entry: dict[str, str], visitor: Visitor) -> bool:
    """Say whether all that one entry asks for is true of a visitor."""
    return all(_is(key, value, visitor) for key, value in entry.items())


def _is(key: str, value: str, visitor: Visitor) -> bool:
    match key:
        case "ou":
            return value in visitor.units
        case "cn" if value.endswith("*"):
            return visitor.cn.startswith(value.removesuffix("*"))
        case "cn":
            return visitor.cn == value
        case "o":
            return value == "Example"
        case "email":
            return value.lower() in [one.lower() for one in visitor.emails]
    raise AssertionError(f"nobody has said what {key} is here; {ALICE.name} has none")
