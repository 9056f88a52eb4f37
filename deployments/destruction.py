"""What becomes of a stack that is destroyed: what stays and why, what Google keeps for a while."""

from dataclasses import dataclass

__all__ = ["DESTRUCTION", "Destruction", "RetainedResource", "SoftDeletedResource", "confirmation"]


@dataclass(frozen=True)
class RetainedResource:
    """Something that stays."""

    what: str
    why: str


@dataclass(frozen=True)
class SoftDeletedResource:
    """Something that Google removes in the end only; `meaning` says what that does meanwhile."""

    what: str
    days: int
    meaning: str


@dataclass(frozen=True)
class Destruction:
    """All that should be known before it is confirmed."""

    kept: tuple[RetainedResource, ...]
    held: tuple[SoftDeletedResource, ...] = ()


def confirmation(project_id: str, prefix: str) -> str:
    """What must be sent as `confirm`: it names what is lost."""
    return f"{project_id}/{prefix}"


_RECORDS = RetainedResource(
    "logs, plans and records of this stack's deployments",
    "they say who made and destroyed what",
)

DESTRUCTION: dict[str, Destruction] = {
    "sandbox": Destruction(kept=(_RECORDS,)),
    "anava": Destruction(
        kept=(
            RetainedResource(
                "the APIs that were switched on",
                "something else in the project may use them, and switching one off can delete data",
            ),
            RetainedResource("Firebase in the project", "Google offers no way to take it out"),
            RetainedResource(
                "the sign-in settings (Identity Platform)", "Google offers no way back"
            ),
            RetainedResource(
                "the Firestore database and the Firebase storage bucket",
                "they hold the customer's data; it is deleted for good only when the stack was "
                "deployed with destroy_customer_data = true before",
            ),
            RetainedResource(
                "what builds of functions left: the repository gcf-artifacts and buckets gcf-v2-…",
                "Google made them, they are not of this stack alone",
            ),
            _RECORDS,
        ),
        held=(
            # https://cloud.google.com/iam/docs/manage-workload-identity-pools-providers#delete-pool
            SoftDeletedResource(
                "workload identity pool and provider",
                30,
                "no token is given for them; the same prefix takes them back when it is deployed",
            ),
            # https://cloud.google.com/docs/authentication/api-keys#deleting_an_api_key
            SoftDeletedResource("API key", 30, "it is refused; Google can bring it back"),
            # https://cloud.google.com/iam/docs/service-accounts-delete-undelete
            SoftDeletedResource(
                "service accounts", 30, "Google can bring them back; new ones are other accounts"
            ),
            # https://firebase.google.com/docs/reference/firebase-management/rest/v1beta1/projects.webApps/remove
            SoftDeletedResource("web app", 30, "Firebase can bring it back"),
            # https://cloud.google.com/service-infrastructure/docs/service-management/reference/rest/v1/services/delete
            SoftDeletedResource("the API's managed service", 30, "Google can bring it back"),
        ),
    ),
}
