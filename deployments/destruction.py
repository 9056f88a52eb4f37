"""Resources that a destroy leaves in the project, or that Google deletes days later."""

from dataclasses import dataclass

__all__ = ["RECORDS", "Destruction", "RetainedResource", "SoftDeletedResource", "confirmation"]


@dataclass(frozen=True)
class RetainedResource:
    """A resource that a destroy leaves, with the reason."""

    what: str
    why: str


@dataclass(frozen=True)
class SoftDeletedResource:
    """A resource that Google deletes after `days`; `meaning` is the effect until then."""

    what: str
    days: int
    meaning: str


@dataclass(frozen=True)
class Destruction:
    """Shown before a destroy is confirmed."""

    retained: tuple[RetainedResource, ...]
    soft_deleted: tuple[SoftDeletedResource, ...] = ()


def confirmation(project_id: str, prefix: str) -> str:
    """The text that a request for a destroy must carry in `confirm`."""
    return f"{project_id}/{prefix}"


RECORDS = RetainedResource(
    "logs, plans and records of this stack's deployments", "the history of all changes"
)
