"""Ids of deployments that a test can read."""

import base64
import hashlib

__all__ = ["deployment_id"]

_CHARACTERS = 26


def deployment_id(name: str) -> str:
    """An id of the form that the API makes, always the same for a name."""
    digits = base64.b32encode(hashlib.sha256(name.encode()).digest()).decode().lower()
    return f"dep-{digits[:_CHARACTERS]}"
