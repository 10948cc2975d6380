"""The questions: a site, a visitor, a path and a password."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.live.expected import RIGHT, WRONG, outcome
from tests.live.sites import PASSWORD, SITES
from tests.live.visitors import (
    ADA,
    ALICE,
    AUTHORITY,
    BATCH,
    NOBODY,
    REVOKED,
    SIBLING,
    VISITORS,
    Visitor,
)

DOORS = ("strict", "optional", "open")
SECRETS = {"": "", RIGHT: PASSWORD, WRONG: "wrong horse"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One question, to be asked over every version of TLS and of HTTP that the site speaks."""

    site: str
    visitor: Visitor
    path: str = "/"
    password: str = ""

    @property
    def expected(self) -> str:
        """What the inventory says must come of it."""
        return outcome(SITES[self.site], self.visitor, self.path, self.password)

    @property
    def secret(self) -> str:
        return SECRETS[self.password]

    @property
    def versions(self) -> tuple[str, ...]:
        """The versions of TLS that the site speaks."""
        return ("1.3",) if SITES[self.site].get("tls") == "modern" else ("1.2", "1.3")

    def __str__(self) -> str:
        password = f" {self.password} password" if self.password else ""
        return f"{self.visitor.name}{password} at {self.site} {self.path}"


def at(site: str, *visitors: Visitor, paths: Sequence[str] = ("/",)) -> Iterator[Case]:
    """Send visitors to paths, where a password is asked for with and without one."""
    rules = {f"{rule['path'].rstrip('/')}/": rule for rule in SITES[site].get("paths", ())}
    for path in paths:
        asks = "password" in rules.get(path, {}).get("auth", "")
        for visitor in visitors:
            for password in SECRETS if asks else ("",):
                yield Case(site=site, visitor=visitor, path=path, password=password)


CASES: tuple[Case, ...] = (
    *(case for site in DOORS for case in at(site, *VISITORS)),
    *at("unlisted", REVOKED, SIBLING, AUTHORITY),
    *at(
        "unlisted-optional", SIBLING, AUTHORITY,
        paths=("/", "/members/", "/admins/", "/both/", "/either/"),
    ),
    *at(
        "optional", NOBODY, ALICE, ADA,
        paths=("/members/", "/members/open/", "/admins/", "/both/", "/either/",
               "/admins-or-password/"),
    ),
    *at("staff", ALICE, ADA, BATCH, AUTHORITY,
        paths=("/", "/admin/", "/admin/logs/", "/mail/", "/pay/")),
    *at("closed", NOBODY, ALICE, BATCH, AUTHORITY, paths=("/", "/health/")),
    *at("modern", NOBODY, ALICE),
)  # fmt: skip
