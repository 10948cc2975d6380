"""pkilint as a library: RFC 5280 as several hundred checks, each with a name."""

from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pkilint import document, loader, pkix  # type: ignore[import-untyped]
from pkilint.bin import (  # type: ignore[import-untyped]
    lint_pkix_signer_signee_cert_chain as chain,
)
from pkilint.pkix import (  # type: ignore[import-untyped]
    certificate,
    crl,
    extension,
    name,
)
from pkilint.validation import (  # type: ignore[import-untyped]
    ValidationResult,
    ValidatorContainer,
)

from deployer.pki.crl import CRL


class Finding(NamedTuple):
    """What pkilint says: how bad it is, and the name of the check."""

    severity: str
    code: str


def certificate_findings(linted: x509.Certificate) -> tuple[Finding, ...]:
    """Lint one certificate."""
    loaded = loader.load_certificate(linted.public_bytes(Encoding.DER), "certificate")
    return _findings(_certificate_checks().validate(loaded.root))


def chain_findings(issuer: x509.Certificate, subject: x509.Certificate) -> tuple[Finding, ...]:
    """Lint how a certificate fits its issuer's: names, key identifiers, the signature."""
    documents: dict[str, document.Document] = {}
    for role, linted in (("issuer", issuer), ("subject", subject)):
        der = linted.public_bytes(Encoding.DER)
        documents[role] = loader.load_certificate(der, role, role, documents)
    decoder = chain.create_decoder_validation_container()
    above, below = documents["issuer"], documents["subject"]
    results = decoder.validate(above.root) + decoder.validate(below.root)
    results += chain.create_issuer_validation_container().validate(above.root)
    results += chain.create_subject_validation_container().validate(below.root)
    return _findings(results)


def crl_findings(linted: CRL) -> tuple[Finding, ...]:
    """Lint one list."""
    loaded = loader.load_crl(linted.public_bytes(Encoding.DER), "list")
    return _findings(_crl_checks().validate(loaded.root))


def _findings(results: Iterable[ValidationResult]) -> tuple[Finding, ...]:
    return tuple(
        Finding(described.finding.severity.name.lower(), described.finding.code)
        for result in results
        for described in result.finding_descriptions
    )


@cache
def _certificate_checks() -> ValidatorContainer:
    return certificate.create_pkix_certificate_validator_container(
        certificate.create_decoding_validators(
            name.ATTRIBUTE_TYPE_MAPPINGS, extension.EXTENSION_MAPPINGS
        ),
        [
            certificate.create_issuer_validator_container([]),
            certificate.create_validity_validator_container(),
            certificate.create_subject_validator_container([]),
            certificate.create_extensions_validator_container([]),
            certificate.create_spki_validator_container([]),
        ],
    )


@cache
def _crl_checks() -> ValidatorContainer:
    return crl.create_pkix_crl_validator_container(
        [
            pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
            pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
        ],
        [
            crl.create_issuer_validator_container([]),
            crl.create_validity_validator_container([]),
            crl.create_extensions_validator_container([]),
        ],
    )
