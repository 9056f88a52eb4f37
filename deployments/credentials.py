"""Whose name a run uses at Google: a reference everywhere, a token only at the moment of use."""

from dataclasses import dataclass, field
from typing import Protocol

from deployments.templates import Template

__all__ = ["SERVICE", "Credential", "CredentialProvider", "credential_reference"]

# The service's own identity, or the account that it acts as by its settings.
SERVICE = "service"


@dataclass(frozen=True)
class Credential:
    """A short-lived access token, good for so many seconds from now; `email` names its owner."""

    token: str = field(repr=False)
    seconds: float
    email: str = ""


class CredentialProvider(Protocol):
    """Makes tokens of references."""

    async def provider(self, reference: str) -> Credential:
        """A token with as much time left as can be had.

        Raises:
            SignInExpired: the reference means nobody, or nobody any more.
            Unavailable: Google does not answer.
        """
        ...


def credential_reference(template: Template) -> str:
    """Whose name a deployment of the template uses; empty where it needs none."""
    return SERVICE if template.needs_google else ""
