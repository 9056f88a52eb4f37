"""Resources that a destroy leaves in the project, or that Google deletes days later."""

from dataclasses import dataclass

__all__ = ["DESTRUCTION", "confirmation"]


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


_RECORDS = RetainedResource(
    "logs, plans and records of this stack's deployments", "the history of all changes"
)

DESTRUCTION: dict[str, Destruction] = {
    "sandbox": Destruction(retained=(_RECORDS,)),
    "anava": Destruction(
        retained=(
            RetainedResource(
                "the APIs that were enabled",
                "other parts of the project may use them, and disabling an API can delete data",
            ),
            RetainedResource("Firebase in the project", "Google offers no way to remove Firebase"),
            RetainedResource(
                "the sign-in settings (Identity Platform)", "Google offers no way to remove them"
            ),
            RetainedResource(
                "the Firestore database and the Firebase storage bucket",
                "they hold the customer's data, which is deleted only when the stack was deployed "
                "with destroy_customer_data = true before",
            ),
            RetainedResource(
                "build results of functions: the repository gcf-artifacts and buckets gcf-v2-…",
                "Google created them, and other functions of the project share them",
            ),
            _RECORDS,
        ),
        soft_deleted=(
            # https://cloud.google.com/iam/docs/manage-workload-identity-pools-providers#delete-pool
            SoftDeletedResource(
                "workload identity pool and provider",
                30,
                "they issue no token; a deployment with the same prefix restores them",
            ),
            # https://cloud.google.com/docs/authentication/api-keys#deleting_an_api_key
            SoftDeletedResource(
                "API key", 30, "requests with it are refused; Google can restore it"
            ),
            # https://cloud.google.com/iam/docs/service-accounts-delete-undelete
            SoftDeletedResource(
                "service accounts", 30, "Google can restore them; new ones are other accounts"
            ),
            # https://firebase.google.com/docs/reference/firebase-management/rest/v1beta1/projects.webApps/remove
            SoftDeletedResource("web app", 30, "Firebase can restore it"),
            # https://cloud.google.com/service-infrastructure/docs/service-management/reference/rest/v1/services/delete
            SoftDeletedResource("the API's managed service", 30, "Google can restore it"),
        ),
    ),
}
