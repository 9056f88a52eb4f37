"""The host that has admitted a deployment."""

from dataclasses import dataclass

__all__ = ["PreparedHost"]


@dataclass(frozen=True)
class PreparedHost:
    """The id of the host, and the versions that the deployment runs with there.

    `template_version` is the first 12 hex digits of a SHA-256 over the template's files.
    """

    host: str
    terraform_version: str
    template_version: str = ""
