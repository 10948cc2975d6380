"""
Distinguished names as mod_ssl writes them, for comparisons in `Require expr`.

mod_ssl prints `SSL_CLIENT_I_DN` by RFC 2253 with OpenSSL's own short names and raw UTF-8
(`XN_FLAG_RFC2253` without `ASN1_STRFLGS_ESC_MSB`). The whole name is compared and not its CN
alone: authorities of two organizations may well share that, and some have none.
"""

from cryptography import x509
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID

from deployer.errors import DeployerError

_SHORT_NAMES = {
    NameOID.BUSINESS_CATEGORY: "businessCategory",
    NameOID.COMMON_NAME: "CN",
    NameOID.COUNTRY_NAME: "C",
    NameOID.DN_QUALIFIER: "dnQualifier",
    NameOID.DOMAIN_COMPONENT: "DC",
    NameOID.EMAIL_ADDRESS: "emailAddress",
    NameOID.GENERATION_QUALIFIER: "generationQualifier",
    NameOID.GIVEN_NAME: "GN",
    NameOID.INITIALS: "initials",
    NameOID.JURISDICTION_COUNTRY_NAME: "jurisdictionC",
    NameOID.JURISDICTION_LOCALITY_NAME: "jurisdictionL",
    NameOID.JURISDICTION_STATE_OR_PROVINCE_NAME: "jurisdictionST",
    NameOID.LOCALITY_NAME: "L",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.ORGANIZATION_IDENTIFIER: "organizationIdentifier",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.POSTAL_CODE: "postalCode",
    NameOID.PSEUDONYM: "pseudonym",
    NameOID.SERIAL_NUMBER: "serialNumber",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.STREET_ADDRESS: "street",
    NameOID.SURNAME: "SN",
    NameOID.TITLE: "title",
    NameOID.USER_ID: "UID",
}
_ESCAPED = frozenset(',+"\\<>;')


class Unspeakable(DeployerError):
    """A name that cannot be compared with what Apache makes of it."""


def distinguished_name(name: x509.Name) -> str:
    """Write a name as `SSL_CLIENT_S_DN` and `SSL_CLIENT_I_DN` have it: the last part first."""
    return ",".join(
        "+".join(_attribute(attribute, name) for attribute in reversed(list(rdn)))
        for rdn in reversed(name.rdns)
    )


def _attribute(attribute: x509.NameAttribute[str | bytes], name: x509.Name) -> str:
    short = _SHORT_NAMES.get(attribute.oid)
    if short is None or not isinstance(attribute.value, str):
        raise Unspeakable(
            f"the name {name.rfc4514_string()} has the attribute {attribute.oid.dotted_string}, "
            "which Apache versions write differently",
            hint="trust an authority with a plainer name",
        )
    # T.61 has no meaning that all agree on: we read UTF-8, as it mostly is, and OpenSSL Latin-1.
    encoding = attribute._type  # noqa: SLF001 - there is no public way to it
    if encoding is _ASN1Type.T61String and not attribute.value.isascii():
        raise Unspeakable(
            f"the name {name.rfc4514_string()} has letters beyond ASCII in {short} as a T61String, "
            "which programs read differently",
            hint="have the authority reissued with its name as a UTF8String",
        )
    return f"{short}={_escaped(attribute.value)}"


def _escaped(value: str) -> str:
    """Escape what RFC 2253 section 2.4 asks for, and nothing else."""
    letters = [f"\\{letter}" if letter in _ESCAPED else letter for letter in value]
    if value[:1] in {"#", " "}:
        letters[0] = f"\\{value[0]}"
    if value[-1:] == " " and len(value) > 1:
        letters[-1] = "\\ "
    return "".join(letters)
