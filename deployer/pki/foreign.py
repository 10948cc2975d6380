"""
Authorities as other programs keep them: PEM in one file or two, and PKCS#12.

openssl, easy-rsa, mkcert, minica and XCA agree on little but that. Which certificate is the
authority's own is told by the key.
"""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key, pkcs12
from cryptography.hazmat.primitives.serialization.pkcs12 import PKCS12KeyAndCertificates

from deployer.pki import pem
from deployer.pki.adoption import CannotAdopt
from deployer.pki.keys import PrivateKey, is_same_key

_KEY = re.compile(rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)
_ENCRYPTED = "give its password with --import-password-file"
_SEQUENCE = b"\x30"  # how every PKCS#12 file begins


class WrongPassword(CannotAdopt):
    """A password that is missing or does not fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignAuthority:
    """What the files of an authority hold, unchecked."""

    certificate: x509.Certificate
    above: tuple[x509.Certificate, ...]
    """The other certificates, in no order."""
    key: PrivateKey = field(repr=False)


def read_ca(text: bytes, key_text: bytes | None, password: str | None) -> ForeignAuthority:
    """Read an authority from one file, or from one for its certificates and one for its key."""
    texts = [text, *([] if key_text is None else [key_text])]
    certificates: list[x509.Certificate] = []
    keys: list[object] = []
    for one in texts:
        if (alone := _in_der(one)) is not None:
            certificates.append(alone)
        elif one.startswith(_SEQUENCE):
            opened = _open_pkcs12(one, password)
            owned = [] if opened.cert is None else [opened.cert]
            certificates += [found.certificate for found in (*owned, *opened.additional_certs)]
            keys += [] if opened.key is None else [opened.key]
        else:
            certificates += _certificates(one)
            keys += [_open_key(found[0], password) for found in _KEY.finditer(one)]
    if len(keys) != 1:
        many = "no private key" if not keys else f"{len(keys)} private keys"
        hint = "give the authority's key, and only that, with --import-key"
        raise CannotAdopt(f"{many} where one is expected", hint=hint)
    (key,) = keys
    if not isinstance(key, PrivateKey):
        raise CannotAdopt("the private key is of a kind that TLS does not use")
    return _sorted(tuple(dict.fromkeys(certificates)), key)


def _sorted(certificates: Sequence[x509.Certificate], key: PrivateKey) -> ForeignAuthority:
    if not certificates:
        raise CannotAdopt("there is no certificate in it", hint="give the authority's certificate")
    own = [one for one in certificates if is_same_key(one.public_key(), key.public_key())]
    if not own:
        hint = "give the certificate and the key of one authority"
        raise CannotAdopt("the private key belongs to none of the certificates", hint=hint)
    # A renewed certificate stands beside its former self.
    newest = max(own, key=lambda one: one.not_valid_after_utc)
    above = tuple(one for one in certificates if one != newest)
    return ForeignAuthority(certificate=newest, above=above, key=key)


def _in_der(content: bytes) -> x509.Certificate | None:
    """Read a single certificate in DER, which begins as a PKCS#12 file does."""
    if not content.startswith(_SEQUENCE):
        return None
    try:
        (certificate,) = _certificates(
            x509.load_der_x509_certificate(content).public_bytes(Encoding.PEM)
        )
    except ValueError:
        return None
    return certificate


def _certificates(text: bytes) -> tuple[x509.Certificate, ...]:
    found = pem.blocks(text)
    if any(block.label == "TRUSTED CERTIFICATE" for block in found):
        hint = "rewrite it: openssl x509 -in FILE -out FILE.pem"
        raise CannotAdopt("it holds a certificate in OpenSSL's own form", hint=hint)
    if not found:
        hint = "PEM begins with -----BEGIN, PKCS#12 is binary"
        raise CannotAdopt("it is neither PEM nor PKCS#12", hint=hint)
    bodies = [
        b"-----BEGIN CERTIFICATE-----\n" + block.body + b"\n-----END CERTIFICATE-----\n"
        for block in found
        if block.label == pem.CERTIFICATE
    ]
    if not bodies:
        return ()
    with warnings.catch_warnings():
        # What the library warns about it will refuse one day, and then the state with it.
        warnings.simplefilter("error")
        try:
            return pem.read_certificates(b"".join(bodies))
        except Warning as warning:
            reason = str(warning).partition(",")[0].partition(".")[0]
            raise CannotAdopt(
                f"a certificate is not as RFC 5280 wants it: {reason}",
                hint="an authority with it has no future; make one: deployer ca init",
            ) from warning


def _open_key(text: bytes, password: str | None) -> object:
    secret = None if password is None else password.encode()
    try:
        return load_pem_private_key(text, secret)
    except TypeError as error:
        if secret is not None:  # a password for a key that has none
            return _open_key(text, None)
        raise WrongPassword("the private key is encrypted", hint=_ENCRYPTED) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unreadable("the private key", password) from error


def _open_pkcs12(text: bytes, password: str | None) -> PKCS12KeyAndCertificates:
    secret = None if password is None else password.encode()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            return pkcs12.load_pkcs12(text, secret)
        except Warning as warning:
            raise CannotAdopt(f"the PKCS#12 file is not as it should be: {warning}") from warning
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise _unreadable("the PKCS#12 file", password) from error


def _unreadable(what: str, password: str | None) -> WrongPassword:
    if password is None:
        return WrongPassword(f"{what} cannot be read", hint=f"is it encrypted? {_ENCRYPTED}")
    return WrongPassword(f"{what} cannot be read", hint="is the password right?")
