"""Sensitive variables on their way to the host: nobody in between can read them.

They travel in Temporal's history, which lasts for months and which operators read.
"""

import json
from dataclasses import replace
from typing import Protocol

from deployments.deployment import DeploymentRequest
from deployments.templates import TEMPLATES

__all__ = ["Cipher", "decrypt_variables", "encrypt_variables"]


class Cipher(Protocol):
    """Encrypts short texts, each for one deployment only."""

    def encrypt(self, text: str, deployment: str) -> str:
        """The text as nobody without the key can read it; another result each time."""
        ...

    def decrypt(self, encrypted: str, deployment: str) -> str:
        """The text again.

        Raises:
            SecretsUnreadable: made with another key, for another deployment, or changed.
        """
        ...


def encrypt_variables(
    request: DeploymentRequest, deployment: str, cipher: Cipher
) -> DeploymentRequest:
    """The request with its sensitive variables encrypted."""
    values: dict[str, object] = json.loads(request.variables_json)
    hidden = TEMPLATES[request.stack.template].sensitive & values.keys()
    if not hidden:
        return request
    secret = json.dumps({name: values.pop(name) for name in sorted(hidden)})
    return replace(
        request,
        variables_json=json.dumps(values, sort_keys=True),
        encrypted_variables=cipher.encrypt(secret, deployment),
    )


def decrypt_variables(
    request: DeploymentRequest, deployment: str, cipher: Cipher
) -> DeploymentRequest:
    """The request as it was asked.

    Raises:
        SecretsUnreadable: the API that took it has other keys.
    """
    if not request.encrypted_variables:
        return request
    values: dict[str, object] = json.loads(request.variables_json)
    values |= json.loads(cipher.decrypt(request.encrypted_variables, deployment))
    return replace(
        request, variables_json=json.dumps(values, sort_keys=True), encrypted_variables=""
    )
