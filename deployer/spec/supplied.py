"""
What an operator brings along: certificates, and authorities of clients, that others issued.

Files on the controller are named relative to the project's directory, those on a host from its
root.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, BeforeValidator, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from deployer.errors import nearest
from deployer.spec.model import Spec
from deployer.spec.text import absolute_path, checked

ISSUED = "issued"
CLIENTS = "clients"
ON_CONTROLLER = "{files: {certificate: …, private_key: …}}"
ON_HOST = "{on_host: {certificate: …, private_key: …}}"
SOURCES = f"{ISSUED}, {ON_CONTROLLER} or {ON_HOST}"

ANOTHER = "or {file: …, crl: …} for another CA"

ControllerPath = Annotated[str, AfterValidator(checked)]
HostPath = Annotated[str, AfterValidator(absolute_path)]


def _says_something(*keys: str, instead: str) -> Callable[[object], object]:
    """
    Refuse a mapping in which nothing is said.

    A path that came out empty must not mean ours, which has a word of its own.
    """

    def check(value: object) -> object:
        if isinstance(value, Mapping) and set(value) <= set(keys):
            empty = [key for key in keys if key in value and value[key] is None]
            if len(empty) == len(value):
                raise ValueError(f"{' and '.join(empty) or 'it'} is empty: must be {instead}")
        return value

    return check


def other_word(value: str, word: str, instead: str) -> ValueError:
    """Say what else a text may be, and which word may have been meant."""
    meant = nearest(value, [word])
    return ValueError(f"must be {instead}{f', {meant}' if meant else ''}")


class CertificateFiles(Spec):
    """A certificate and its key in files of the project, which become part of the release."""

    certificate: ControllerPath
    chain: ControllerPath | None = None
    """None: the issuers are in the certificate's own file."""
    private_key: ControllerPath


class CertificateOnHost(Spec):
    """A certificate that somebody else keeps on the host: watched, and never moved or copied."""

    certificate: HostPath
    chain: HostPath | None = None
    """None: the issuers follow in the certificate's own file, as in certbot's fullchain.pem."""
    private_key: HostPath

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file of it."""
        return tuple(path for path in (self.certificate, self.chain, self.private_key) if path)


class CertificateSource(Spec):
    """Where a site's certificate comes from: neither of these means that we issue it."""

    files: CertificateFiles | None = None
    on_host: CertificateOnHost | None = None

    @model_validator(mode="before")
    @classmethod
    def _issued_is_neither(cls, value: object) -> object:
        if isinstance(value, str):
            if value != ISSUED:
                raise other_word(value, ISSUED, SOURCES)
            return {}
        return value

    @model_validator(mode="after")
    def _comes_from_one_place(self) -> Self:
        if self.files is not None and self.on_host is not None:
            raise ValueError("has both files and on_host: a site has one certificate")
        return self

    @property
    def is_issued(self) -> bool:
        """Say whether it is ours to issue and to renew."""
        return self.files is None and self.on_host is None

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"const": ISSUED}, handler(schema)]}


class TrustedAuthority(Spec):
    """An authority of ours by its name, or one in a file."""

    OURS: ClassVar[str]
    file: ControllerPath | None = None
    """The authority and everything above it, up to its root. None: our own."""
    crl: ControllerPath | None = None

    @model_validator(mode="before")
    @classmethod
    def _ours_has_a_name(cls, value: object) -> object:
        if isinstance(value, str):
            if value != cls.OURS:
                raise other_word(value, cls.OURS, f"{cls.OURS}, {ANOTHER}")
            return {}
        return value

    @model_validator(mode="after")
    def _lists_have_an_authority(self) -> Self:
        if self.crl is not None and self.file is None:
            raise ValueError("file is missing: whose CRL is it?")
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"anyOf": [{"const": cls.OURS}, handler(schema)]}


class ClientAuthority(TrustedAuthority):
    """Whose clients may come in."""

    OURS = CLIENTS


GivenSource = Annotated[
    CertificateSource, BeforeValidator(_says_something("files", "on_host", instead=SOURCES))
]
GivenAuthority = Annotated[
    ClientAuthority,
    BeforeValidator(_says_something("file", "crl", instead=f"{CLIENTS}, {ANOTHER}")),
]
