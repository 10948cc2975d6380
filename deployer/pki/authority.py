"""
An authority, and the power to sign in its name.

The two are apart because almost everything needs only the first: planning, rendering and
checking work without a key.
"""

from dataclasses import dataclass, field

from cryptography import x509
from cryptography.x509.oid import NameOID

from deployer.pki import pem
from deployer.pki.keys import PrivateKey, signature_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """One generation of a named authority."""

    name: str
    generation: int
    certificate: x509.Certificate = field(repr=False)
    chain: tuple[x509.Certificate, ...] = field(repr=False)
    """Who issued this one, upwards, the root last; empty for a root."""

    @property
    def organization(self) -> str:
        """The name that its owner gave it."""
        (attribute,) = self.certificate.subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
        return str(attribute.value)

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
