"""A service account's key whose tokens come from the stand-in."""

import json
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

__all__ = ["EMAIL", "write_key"]

EMAIL = "deployer@demo-proj.iam.gserviceaccount.com"


def write_key(path: Path, endpoint: str) -> None:
    """Make a key file as Google gives it, but for where its tokens are asked for."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    content = {
        "type": "service_account",
        "project_id": "demo-proj",
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": EMAIL,
        "client_id": "1",
        "token_uri": f"{endpoint}/oauth2/token",
    }
    path.write_text(json.dumps(content))
