"""Google credentials: a reference in the workflow, a token only at the moment of use."""

from dataclasses import dataclass, field

from deployments.templates import Template

__all__ = ["SERVICE", "Credential", "credential_reference"]

# The service's own identity, or the service account that the settings name for impersonation.
SERVICE = "service"


@dataclass(frozen=True)
class Credential:
    """An access token of the account `email`, valid for `seconds` from now."""

    token: str = field(repr=False)
    seconds: float
    email: str = ""


def credential_reference(template: Template) -> str:
    """The reference for deployments of a template; empty where the template needs no Google."""
    return SERVICE if template.needs_google else ""
