import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from deployer.pki.keys import KeyType
from deployer.pki.pkcs12 import Flavour, NoPassword, to_pkcs12
from deployer.store.randomness import random_password
from tests.pki.examples import client_leaf, key_of, pki

PASSWORD = random_password()


def packed(flavour: Flavour, password: str = PASSWORD) -> bytes:
    clients = pki().clients
    return to_pkcs12(
        "alice",
        key=key_of(KeyType.P256, "client"),
        certificate=client_leaf(clients, "alice"),
        chain=clients.authority.bundle,
        password=password,
        flavour=flavour,
    )


def openssl(tmp_path: Path, content: bytes, password: str, *arguments: str) -> str:
    path = tmp_path / "alice.p12"
    path.write_bytes(content)
    command = ["openssl", "pkcs12", "-in", str(path), "-passin", "stdin", *arguments]
    done = subprocess.run(
        command, input=f"{password}\n", capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


@pytest.mark.parametrize(
    ("flavour", "cipher"),
    [(Flavour.MODERN, "AES-256-CBC"), (Flavour.COMPATIBLE, "pbeWithSHA1And3-KeyTripleDES-CBC")],
)
def test_openssl_opens_either_flavour(flavour: Flavour, cipher: str, tmp_path: Path) -> None:
    content = packed(flavour)

    shown = openssl(tmp_path, content, PASSWORD, "-info", "-nokeys", "-legacy")
    assert cipher in shown
    assert shown.count("BEGIN CERTIFICATE") == 3
    assert "friendlyName: alice" in shown
    assert "BEGIN PRIVATE KEY" in openssl(tmp_path, content, PASSWORD, "-nocerts", "-noenc")


def test_openssl_refuses_a_wrong_password(tmp_path: Path) -> None:
    assert "invalid password" in openssl(tmp_path, packed(Flavour.MODERN), "wrong", "-nokeys")


def test_the_issuer_comes_first_and_the_root_last() -> None:
    content = pkcs12.load_pkcs12(packed(Flavour.MODERN), PASSWORD.encode())
    shipped = [extra.certificate.public_bytes(Encoding.DER) for extra in content.additional_certs]

    assert shipped == [one.public_bytes(Encoding.DER) for one in pki().clients.authority.bundle]


def test_a_file_without_a_password_is_not_made() -> None:
    with pytest.raises(NoPassword):
        packed(Flavour.MODERN, password="")


def test_passwords_are_long_and_plain() -> None:
    assert len(PASSWORD) >= 20
    assert PASSWORD.isascii()
    assert PASSWORD.isalnum()
    assert random_password() != PASSWORD
