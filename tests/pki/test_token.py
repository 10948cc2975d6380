"""A key that stays where it is, as those of hardware tokens do, signs through `Signer`."""

from pathlib import Path
from typing import Any, NoReturn

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from deployer.pki.authority import Signer
from deployer.pki.crl import ladder
from tests.pki.examples import NOW, client_leaf, openssl_verify, pki


class Token(ec.EllipticCurvePrivateKey):
    """All that a token does: it says its public half, and it signs."""

    def __init__(self, inside: ec.EllipticCurvePrivateKey) -> None:
        self._inside = inside
        self.signatures = 0

    @property
    def curve(self) -> ec.EllipticCurve:
        return self._inside.curve

    @property
    def key_size(self) -> int:
        return self._inside.key_size

    def public_key(self) -> ec.EllipticCurvePublicKey:
        return self._inside.public_key()

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        assert not isinstance(signature_algorithm.algorithm, Prehashed)
        self.signatures += 1
        return self._inside.sign(data, signature_algorithm)

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise AssertionError("the key leaves its token")

    exchange = private_numbers = private_bytes = __copy__ = __deepcopy__ = _refuse


def test_a_token_signs_certificates_and_lists(tmp_path: Path) -> None:
    ours = pki()
    assert isinstance(ours.clients.key, ec.EllipticCurvePrivateKey)
    token = Token(ours.clients.key)
    signer = Signer(authority=ours.clients.authority, key=token)

    leaf = client_leaf(signer, "alice")
    crls = ladder(signer, (), first_number=1, now=NOW)

    assert token.signatures == 1 + len(crls)
    assert not openssl_verify(
        tmp_path,
        leaf,
        untrusted=[signer.authority.certificate],
        roots=[ours.root.authority.certificate],
        crls=[*crls, *ladder(ours.root, (), first_number=1, now=NOW)],
        purpose="sslclient",
    )
