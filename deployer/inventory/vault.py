"""
Ansible Vault: texts that are encrypted with a password, in values and in whole files.

The format is that of its versions 1.1 and 1.2 (manual: "Encrypting content with Ansible Vault",
"Format of files encrypted with Ansible Vault"). What opens it is in `vault_cipher`: an inventory
without secrets does not load.
"""

import binascii
import re
from dataclasses import dataclass, field

HEADER = "$ANSIBLE_VAULT;"
_ENVELOPE = re.compile(r"\$ANSIBLE_VAULT;1\.[12];AES256(?:;([^\s;]+))?\s*\n([0-9a-fA-F\s]+)\s*")


class SealedText(Exception):
    """Why a text cannot be opened: one sentence, without any of it."""


@dataclass(frozen=True, slots=True)
class VaultSecret:
    """A password, and the vault id that it is for."""

    label: str
    password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Vault:
    """Every password of a run, in the order in which they were given."""

    secrets: tuple[VaultSecret, ...] = ()

    def open(self, text: str) -> str:
        """Decrypt a text; raise `SealedText` where no password fits."""
        found = _ENVELOPE.fullmatch(text.strip() + "\n")
        if found is None:
            raise SealedText("it is no text of Ansible Vault 1.1 or 1.2 with AES256")
        if not self.secrets:
            raise SealedText(
                "it is encrypted with Ansible Vault: give --vault-password-file or --vault-id"
            )
        from deployer.inventory.vault_cipher import decrypt

        salt, digest, sealed = _parts(found[2])
        label = found[1] or ""
        # The one with its name first: deriving keys takes its time.
        for secret in sorted(self.secrets, key=lambda one: one.label != label):
            opened = decrypt(sealed, secret.password, salt=salt, digest=digest)
            if opened is not None:
                return _text(opened)
        named = f" for the vault id {label}" if label else ""
        raise SealedText(f"no password that was given opens it{named}")


def _parts(body: str) -> tuple[bytes, bytes, bytes]:
    try:
        inner = binascii.unhexlify("".join(body.split()))
        salt, digest, sealed = (binascii.unhexlify(part) for part in inner.split(b"\n", 2))
    except ValueError as error:
        raise SealedText("its vault text is damaged") from error
    return salt, digest, sealed


def _text(opened: bytes) -> str:
    try:
        return opened.decode("utf-8")
    except ValueError as error:
        raise SealedText("what is in it is not UTF-8 text") from error
