"""
The limits that an authority, and every one above it, sets to what is issued below.

They are read from certificates, so that an imported authority's are known as well as our own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from cryptography import x509
from cryptography.x509.oid import ExtensionOID, NameOID

from deployer.pki.authority import Authority
from deployer.pki.constraints import allows, host_in, permitted
from deployer.pki.general_names import shown
from deployer.pki.material import title
from deployer.pki.profiles import AuthorityProfile, LeafProfile

Finding = tuple[str, str]
"""A message and a hint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a chain of authorities demands of a certificate that the first of them signs."""

    certificate: x509.Certificate = field(repr=False)
    name: bytes
    """The issuer's subject, as it is encoded."""
    key_identifier: bytes | None
    depth: int | None
    """How many authorities there may be below; negative where not even a leaf may be."""
    purposes: frozenset[x509.ObjectIdentifier] | None
    """What a leaf may be for; None for anything."""
    constraints: tuple[x509.NameConstraints, ...]

    def findings(
        self,
        certificate: x509.Certificate,
        values: Mapping[x509.ObjectIdentifier, x509.ExtensionType],
        profile: AuthorityProfile | LeafProfile,
    ) -> Iterator[Finding]:
        """List what in a certificate is beyond the limits."""
        whose = title(self.certificate)
        if self.depth is not None and self.depth < isinstance(profile, AuthorityProfile):
            yield f"{whose} may have no such certificate below it: its path length", ""
        if self.purposes is not None and profile.purpose not in self.purposes:
            yield f"{whose} is not for this purpose", ""
        for constraints in self.constraints:
            yield from self._refused_names(certificate, values, constraints)

    def _refused_names(
        self,
        certificate: x509.Certificate,
        values: Mapping[x509.ObjectIdentifier, x509.ExtensionType],
        constraints: x509.NameConstraints,
    ) -> Iterator[Finding]:
        hint = f"permitted: {', '.join(permitted(constraints)) or 'all but a few'}"
        whose = title(self.certificate)
        extension = values.get(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
        names = list(extension) if isinstance(extension, x509.SubjectAlternativeName) else []
        for name in names:
            if not allows(constraints, name):
                yield f"name constraints of {whose} refuse {shown(name)}", hint
        subject = certificate.subject
        if subject.rdns and not allows(constraints, x509.DirectoryName(subject)):
            yield f"name constraints of {whose} refuse {subject.rfc4514_string()}", hint
        if any(isinstance(name, x509.DNSName) for name in names):
            return
        for attribute in subject.get_attributes_for_oid(NameOID.COMMON_NAME):
            host = host_in(str(attribute.value))
            if host is not None and not allows(constraints, host):
                # As `check_name_constraints` in OpenSSL's x509_vfy.c: no DNS name, so the CN is.
                text = f"OpenSSL takes {host.value!r} for a host, and {whose} permits no such"
                advice = "add --dns with a permitted host, or choose a name without dots"
                yield text, f"{advice}; {hint}"


@lru_cache(maxsize=32)
def limits_of(authority: Authority) -> Limits:
    """Read the limits once for all that an authority issues."""
    lengths, purposes, constraints = [], None, []
    for below, certificate in enumerate(authority.bundle):
        for extension in certificate.extensions:
            match extension.value:
                case x509.BasicConstraints(path_length=int(length)):
                    lengths.append(length - below)
                case x509.ExtendedKeyUsage() as usage:
                    allowed = frozenset(usage)
                    purposes = allowed if purposes is None else purposes & allowed
                case x509.NameConstraints() as value:
                    constraints.append(value)
                case _:
                    pass
    return Limits(
        certificate=authority.certificate,
        name=authority.certificate.subject.public_bytes(),
        key_identifier=authority.key_identifier.key_identifier,
        depth=min(lengths, default=None),
        purposes=purposes,
        constraints=tuple(dict.fromkeys(constraints)),
    )
