"""
Access: whom a site or a path of it lets in, beyond "whoever our authority certified".

Everything here becomes authorization (`Require`), never another TLS handshake: a handshake for
one path alone does not exist in HTTP/2, and under TLS 1.3 hardly any client takes part in it.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from deployer.spec.model import Spec
from deployer.spec.supplied import ControllerPath
from deployer.spec.text import inexpressible

_URL_PATH = re.compile(r"/[A-Za-z0-9/._~@:+,;=-]*")
_SERIAL = re.compile(r"(?:[0-9A-F]{2}){1,20}")
_BCRYPT = re.compile(r"\$2[aby]\$(0[4-9]|1[0-7])\$[./A-Za-z0-9]{53}")
_USER = re.compile(r"[A-Za-z0-9._@+-]{1,64}")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:-[A-Za-z0-9]+){1,3}")
_AWKWARD_IN_GLOBS = "[]\\"


def url_path(text: str) -> str:
    """Check the path of a URL; what it cannot hold needs no quoting anywhere."""
    if not _URL_PATH.fullmatch(text) or "//" in text or {".", ".."} & set(text.split("/")):
        raise ValueError("is not a path of a URL: /, letters, digits and ._~@:+,;=-")
    return text


def _area(text: str) -> str:
    """Take the slash off: `<Location "/admin/">` would leave `/admin` itself open."""
    return url_path(text).rstrip("/") or "/"


def _pattern(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("must be a text: put it in quotes")  # noqa: TRY004 - pydantic's protocol
    text = str(value)
    why = inexpressible(text)
    if not why and any(letter in _AWKWARD_IN_GLOBS for letter in text):
        why = "has [, ] or a backslash: globs know * and ?"
    if not why and not text.strip("*?"):
        why = "matches everything: leave it out"
    if why:
        raise ValueError(why)
    return text


def _serial(value: object) -> str:
    """Write a serial number as `SSL_CLIENT_M_SERIAL` has it: upper-case hex, whole bytes."""
    if not isinstance(value, str):
        # YAML reads 0123 and 1e5 as other numbers than they are.
        raise ValueError("must be a text: put it in quotes")  # noqa: TRY004 - pydantic's protocol
    digits = re.sub(r"[:\s]", "", value).upper().removeprefix("0X")
    digits = digits.lstrip("0")
    digits = f"0{digits}" if len(digits) % 2 else digits
    if not _SERIAL.fullmatch(digits):
        raise ValueError("is not a serial number: at most 40 hex digits")
    return digits


Pattern = Annotated[str, BeforeValidator(_pattern)]
Serial = Annotated[str, BeforeValidator(_serial)]


class AllowRule(Spec):
    """A kind of client: everything that is said here must be true of its certificate."""

    cn: Pattern | None = None
    ou: Pattern | None = None
    o: Pattern | None = None
    email: Pattern | None = None
    dns: Pattern | None = None
    upn: Pattern | None = None
    serial: Serial | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.given:
            raise ValueError(f"says nothing: name one of {', '.join(type(self).model_fields)}")
        return self

    @property
    def given(self) -> Mapping[str, str]:
        """What must be true, by attribute."""
        return {
            name: value
            for name in type(self).model_fields
            if (value := getattr(self, name)) is not None
        }


Auth = Literal["public", "certificate", "certificate_and_password", "certificate_or_password"]
WITH_PASSWORD = frozenset({"certificate_and_password", "certificate_or_password"})


class PathRule(Spec):
    """A part of a site with rules of its own, or the whole of it: `/`."""

    path: Annotated[str, AfterValidator(_area)]
    auth: Auth = "certificate"
    allow: tuple[AllowRule, ...] = ()
    """Any of these; empty means: whom the site itself allows."""

    @model_validator(mode="after")
    def _public_is_public(self) -> Self:
        if self.auth == "public" and self.allow:
            raise ValueError("allow has no meaning where everybody may come in")
        if self.path == "/" and self.allow:
            raise ValueError("allow for the whole site is client_auth.allow")
        return self

    def covers(self, path: str) -> bool:
        """Say whether a path is below this one."""
        return self.path != path and path.startswith(self.path.rstrip("/") + "/")


def _user(name: str) -> str:
    if not _USER.fullmatch(name):
        raise ValueError("is not a user name: letters, digits and ._@+-")
    return name


def _hashed(text: str) -> str:
    if not _BCRYPT.fullmatch(text):
        raise ValueError("is not a bcrypt hash: deployer password USER makes one")
    return text


class Passwords(Spec):
    """The second factor beside a certificate: users and their bcrypt hashes."""

    users: Mapping[
        Annotated[str, AfterValidator(_user)],
        Annotated[str, AfterValidator(_hashed), Field(repr=False)],
    ] = Field(default_factory=dict, repr=False)
    file: ControllerPath | None = None
    """A file of the project as `htpasswd` writes it."""

    @model_validator(mode="after")
    def _come_from_one_place(self) -> Self:
        if bool(self.users) == (self.file is not None):
            raise ValueError("must have users or a file, and not both")
        return self


Said = Literal[
    "cn",
    "ou",
    "o",
    "email",
    "dns",
    "upn",
    "serial",
    "subject",
    "issuer",
    "verify",
    "certificate",
]
"""What may be told about a client. `certificate` is the whole of it, as RFC 9440 writes it."""

HEADERS: Mapping[str, Said] = {
    "Mtls-Verify": "verify",
    "Mtls-Subject": "subject",
    "Mtls-Name": "cn",
    "Mtls-Serial": "serial",
    "Client-Cert": "certificate",
}
"""What `headers: true` means. One dash in each name, and so one spelling beside it to scrub."""

_OTHERS_HEADERS = frozenset(
    {"content-length", "content-type", "transfer-encoding", "x-forwarded-for", "x-forwarded-host",
     "x-forwarded-proto", "x-forwarded-server", "if-match", "if-none-match", "keep-alive",
     "proxy-connection", "accept-encoding", "accept-language", "user-agent", "cache-control"}
)  # fmt: skip


def _header(name: str) -> str:
    if not _HEADER.fullmatch(name):
        raise ValueError("is not a name for it: words of letters and digits, one to three dashes")
    if name.lower() in _OTHERS_HEADERS:
        raise ValueError("is a header that HTTP has a meaning for already")
    return name


def _headers(value: object) -> object:
    if value is None or value is False:
        return {}
    return HEADERS if value is True else value


def _no_two_spellings(headers: Mapping[str, Said]) -> Mapping[str, Said]:
    if len({name.lower() for name in headers}) != len(headers):
        raise ValueError("has one header twice: names do not differ by their case")
    return headers


class Telling(Spec):
    """To whom a site tells who the client was."""

    environment: bool = False
    """CGI programs and PHP find it in their environment (`SSLOptions +StdEnvVars`)."""
    headers: Annotated[
        Mapping[Annotated[str, AfterValidator(_header)], Said],
        BeforeValidator(_headers),
        AfterValidator(_no_two_spellings),
        Field(json_schema_extra={"anyOf": [{"type": "boolean"}, {"type": "object"}]}),
    ] = Field(default_factory=dict)
    """What the backend is told, by the name of the header."""
    remote_user: Literal["cn", "ou", "o", "email", "dns", "upn", "serial", "subject"] | None = None
    """What the log and applications see as the user (`SSLUserName`)."""
