"""Encryption of sensitive variables between the API and the host.

They travel in Temporal's history, which is retained for months and which operators read.
"""

import json
from dataclasses import replace
from typing import Protocol

from deployments.deployment import DeploymentRequest
from deployments.templates import TEMPLATES

__all__ = ["Cipher", "decrypt_variables", "encrypt_variables"]


class Cipher(Protocol):
    """Encrypts short texts, each bound to a deployment."""

    def encrypt(self, text: str, deployment: str) -> str:
        """Encrypt a text; equal texts give different results."""

    def decrypt(self, encrypted: str, deployment: str) -> str:
        """Decrypt a text.

        Raises:
            SecretsUnreadable: the key or the deployment differs, or the text was changed.
        """


def encrypt_variables(
    request: DeploymentRequest, deployment: str, cipher: Cipher
) -> DeploymentRequest:
    """Move the sensitive variables of a request into `encrypted_variables`."""
    values: dict[str, object] = json.loads(request.variables_json)
    names = TEMPLATES[request.stack.template].sensitive & values.keys()
    if not names:
        return request
    secret = json.dumps({name: values.pop(name) for name in sorted(names)})
    return replace(
        request,
        variables_json=json.dumps(values, sort_keys=True),
        encrypted_variables=cipher.encrypt(secret, deployment),
    )


def decrypt_variables(
    request: DeploymentRequest, deployment: str, cipher: Cipher
) -> DeploymentRequest:
    """Undo `encrypt_variables`.

    Raises:
        SecretsUnreadable: the API that encrypted them has other keys.
    """
    if not request.encrypted_variables:
        return request
    values: dict[str, object] = json.loads(request.variables_json)
    values |= json.loads(cipher.decrypt(request.encrypted_variables, deployment))
    return replace(
        request, variables_json=json.dumps(values, sort_keys=True), encrypted_variables=""
    )
