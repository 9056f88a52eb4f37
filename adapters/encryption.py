"""Secrets on their way through Temporal: AES-256-GCM with a ring of keys."""

import base64
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.local import key_file
from deployments.errors import SecretsUnreadable

__all__ = ["AesGcmCipher"]

_FORMAT = "v1."
# What the standard recommends for GCM (NIST SP 800-38D, section 5.2.1.1).
_NONCE_BYTES = 12


class AesGcmCipher:
    """Port `SecretBox`: the first key encrypts, each may decrypt.

    The deployment's id is associated data, so an encrypted text of one means nothing to another.

    Args:
        keys: 32 bytes each.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._ring = [AESGCM(key) for key in keys]

    @classmethod
    def open(cls, keys: Sequence[bytes], data: Path) -> "AesGcmCipher":
        """With the keys of the settings, or with one that lies in the data folder.

        Raises:
            InvalidSettings: what lies there is no key.
        """
        return cls(keys or [key_file.read_or_make(data / "secrets.key")])

    def encrypt(self, text: str, deployment: str) -> str:
        """Port `SecretBox`."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ring[0].encrypt(nonce, text.encode(), deployment.encode())
        return _FORMAT + base64.urlsafe_b64encode(nonce + sealed).decode()

    def decrypt(self, encrypted: str, deployment: str) -> str:
        """Port `SecretBox`."""
        try:
            raw = base64.urlsafe_b64decode(encrypted.removeprefix(_FORMAT).encode("ascii"))
        except ValueError:
            raw = b""
        if not encrypted.startswith(_FORMAT) or len(raw) <= _NONCE_BYTES:
            raise SecretsUnreadable("The sensitive variables are no text of this version.")
        for key in self._ring:
            try:
                text = key.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], deployment.encode())
            except InvalidTag:
                continue
            return text.decode()
        raise SecretsUnreadable("No key of this host opens the sensitive variables.")
