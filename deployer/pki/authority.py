"""
An authority, and the power to sign in its name.

The two are apart because almost everything needs only the first: planning, rendering and
checking work without a key.
"""

from dataclasses import dataclass, field
from enum import StrEnum

from cryptography import x509
from cryptography.x509.oid import NameOID

from deployer.pki import pem
from deployer.pki.keys import PrivateKey, signature_hash
from deployer.pki.profiles import DIRECT, LeafProfile


class AuthorityState(StrEnum):
    """
    Where a generation of an authority is in its life.

    Hosts trust it, and have its lists, in every state but the last, so that whoever it certified
    is let in before it issues its first leaf and until its last one is gone.
    """

    PREPARED = "prepared"
    """Trusted already, and issuing nothing yet."""
    ACTIVE = "active"
    """The one of its name that issues."""
    RETIRING = "retiring"
    """Issues no more; what it issued still counts."""
    RETIRED = "retired"
    """Trusted nowhere."""

    @property
    def is_trusted(self) -> bool:
        """Say whether hosts should let in those whom it certified."""
        return self is not AuthorityState.RETIRED


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """One generation of a named authority."""

    name: str
    generation: int
    certificate: x509.Certificate = field(repr=False)
    chain: tuple[x509.Certificate, ...] = field(repr=False)
    """Who issued this one, upwards, the root last; empty for a root. Foreign above an import."""

    @property
    def organization(self) -> str:
        """The name that its owner gave it; an import may have its CN alone, or nothing."""
        subject = self.certificate.subject
        for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
            if attributes := subject.get_attributes_for_oid(kind):
                return str(attributes[0].value)
        return subject.rfc4514_string()

    @property
    def key_identifier(self) -> x509.AuthorityKeyIdentifier:
        """
        The key, as what it signs calls it.

        An import without an identifier of its own gets the usual one; verifiers that find
        nothing to compare it with let it pass.
        """
        try:
            extension = self.certificate.extensions.get_extension_for_class(
                x509.SubjectKeyIdentifier
            )
        except x509.ExtensionNotFound:
            key = self.certificate.public_key()
            # Keys that sign nothing are not in the stub's union, and no authority has one.
            return x509.AuthorityKeyIdentifier.from_issuer_public_key(key)  # type: ignore[arg-type]
        return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(extension.value)

    @property
    def constraints(self) -> x509.NameConstraints | None:
        """What its own certificate limits everything below it to."""
        extensions = self.certificate.extensions
        try:
            return extensions.get_extension_for_class(x509.NameConstraints).value
        except x509.ExtensionNotFound:
            return None

    @property
    def bundle(self) -> tuple[x509.Certificate, ...]:
        """
        What a host needs in order to trust this authority.

        The root belongs to it: Apache accepts no chain that ends below one.
        """
        return (self.certificate, *self.chain)

    @property
    def bundle_pem(self) -> bytes:
        """The bundle as the file that `SSLCACertificateFile` names."""
        return pem.write_certificates(self.bundle)

    def issues(self, profile: LeafProfile) -> bool:
        """Say whether leaves of a profile come from this authority."""
        if self.name not in {profile.authority, DIRECT}:
            return False
        try:
            usage = self.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
        except x509.ExtensionNotFound:
            return True
        return profile.purpose in usage.value

    def fullchain(self, leaf: x509.Certificate) -> tuple[x509.Certificate, ...]:
        """List what a leaf's owner presents: the leaf and its issuers, but not the root."""
        return (leaf, *self.bundle[:-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """
    An authority whose key is at hand.

    Builders go in, signed values come out; nothing else ever touches the key.
    """

    authority: Authority
    key: PrivateKey = field(repr=False)

    def sign_certificate(self, builder: x509.CertificateBuilder) -> x509.Certificate:
        """Sign a certificate."""
        return builder.sign(self.key, signature_hash(self.key))

    def sign_crl(
        self, builder: x509.CertificateRevocationListBuilder
    ) -> x509.CertificateRevocationList:
        """Sign a revocation list."""
        return builder.sign(self.key, signature_hash(self.key))
