"""Encrypts secrets that travel through Temporal, and signs inputs, with rotating keys."""

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.local import atomic_files
from deployments.errors import SecretsUnreadable

__all__ = ["AesGcmCipher", "InputSigner", "key_ring"]

_FORMAT = "v1."
# Recommended for GCM (NIST SP 800-38D, section 5.2.1.1).
_NONCE_BYTES = 12
_KEY_BYTES = 32
_SIGNING_LABEL = b"anava: input of a workflow, version 1"


class AesGcmCipher:
    """Encrypts with the first key of 32 bytes, decrypts with any key.

    The deployment's id is associated data, so a text decrypts only for the same deployment.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = [AESGCM(key) for key in keys]

    @classmethod
    def open(cls, keys: Sequence[bytes], data: Path) -> "AesGcmCipher":
        """Use the given keys, or that of the data folder; raises InvalidSettings if broken."""
        return cls(key_ring(keys, data))

    def encrypt(self, text: str, deployment: str) -> str:
        """Return the encrypted text, URL-safe base64 with a format prefix."""
        nonce = os.urandom(_NONCE_BYTES)
        ciphertext = self._keys[0].encrypt(nonce, text.encode(), deployment.encode())
        return _FORMAT + base64.urlsafe_b64encode(nonce + ciphertext).decode()

    def decrypt(self, encrypted: str, deployment: str) -> str:
        """Return the plain text; raises SecretsUnreadable when the format or all keys differ."""
        try:
            raw = base64.urlsafe_b64decode(encrypted.removeprefix(_FORMAT).encode("ascii"))
        except ValueError:
            raw = b""
        if not encrypted.startswith(_FORMAT) or len(raw) <= _NONCE_BYTES:
            raise SecretsUnreadable("The encrypted text has an unknown format.")
        for key in self._keys:
            try:
                text = key.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], deployment.encode())
            except InvalidTag:
                continue
            return text.decode()
        raise SecretsUnreadable("No key of this process decrypts the text.")


class InputSigner:
    """Signs the inputs of workflows with the first key, verifies with each: HMAC-SHA-256.

    The label derives a key from each key of the ring (RFC 5869 names this step expand). Without
    keys the signatures are valid in this process alone.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        ring = tuple(keys) or (os.urandom(_KEY_BYTES),)
        self._keys = [hmac.digest(key, _SIGNING_LABEL, hashlib.sha256) for key in ring]

    def sign(self, text: str) -> str:
        """Return the signature in hexadecimal digits."""
        return _signature(self._keys[0], text)

    def verify(self, text: str, signature: str) -> bool:
        """Whether any key of the ring made the signature."""
        # As bytes: compare_digest refuses text with other letters than ASCII.
        presented = signature.encode("utf-8", "surrogatepass")
        signatures = [_signature(key, text).encode() for key in self._keys]
        return any(hmac.compare_digest(each, presented) for each in signatures)


def _signature(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def key_ring(keys: Sequence[bytes], data: Path) -> Sequence[bytes]:
    """The keys of the settings, else that of the data folder; raises InvalidSettings if broken."""
    return keys or [atomic_files.read_or_create_key(data / "secrets.key")]
