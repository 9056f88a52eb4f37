"""Rules for the permissions that a template needs in a customer's project."""

from collections.abc import Iterator, Set
from dataclasses import dataclass, field

from deployments.findings import Finding, Severity, finding
from deployments.reasons import Reason

__all__ = [
    "BASIC_ROLE",
    "OF_BUCKET_POLICY",
    "Requirements",
    "TestedPermissions",
    "missing_permissions",
    "other_name",
]

# The roles Owner and Editor do not contain these. Google grants them to owners and editors in the
# policy of each new bucket: legacyBucketOwner and legacyObjectOwner.
# https://cloud.google.com/storage/docs/access-control/iam-roles#basic-roles-modifiable,
# skypilot-org/skypilot#5020
OF_BUCKET_POLICY = frozenset(
    {
        "storage.buckets.get",
        "storage.buckets.update",
        "storage.objects.create",
        "storage.objects.delete",
        "storage.objects.get",
        "storage.objects.list",
    }
)
# Of 2,460 predefined roles, only Owner, Editor and a service agent, which no person has, contain
# these three and `storage.buckets.create` without all permissions above (iann0036/iam-dataset,
# 2026-08-22).
BASIC_ROLE = frozenset(
    {"bigquery.datasets.create", "dataproc.clusters.create", "pubsub.topics.create"}
)

_LONG, _SHORT = "iam.googleapis.com/", "iam."


@dataclass(frozen=True)
class Requirements:
    """The needs of a template in a project; its `permissions.json` lists it.

    `later_permissions` are needed to change, to import or to destroy resources, and not for a
    first deployment.
    """

    permissions: tuple[str, ...] = ()
    apis: tuple[str, ...] = ()
    later_permissions: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()
    service_accounts: int = 0

    @property
    def all_permissions(self) -> tuple[str, ...]:
        """Every permission once."""
        return tuple(sorted({*self.permissions, *self.later_permissions}))


@dataclass(frozen=True)
class TestedPermissions:
    """Google's answers: granted permissions, and the names that cannot be tested on a project."""

    granted: Set[str] = field(default_factory=frozenset)
    untestable: Set[str] = field(default_factory=frozenset)


def other_name(permission: str) -> str:
    """The short name of a permission of workload identity; empty for all others.

    Roles contain `iam.googleapis.com/workloadIdentityPools.create`, errors of Google name
    `iam.workloadIdentityPools.create` (hashicorp/terraform-provider-google#11789).
    """
    return _SHORT + permission.removeprefix(_LONG) if permission.startswith(_LONG) else ""


def missing_permissions(
    project: str, needed: Requirements, tested: TestedPermissions
) -> Iterator[Finding]:
    """A finding for each needed permission that is not granted, or that cannot be tested.

    Blocking only where a first deployment cannot succeed without the permission.
    """
    has_basic_role = tested.granted >= BASIC_ROLE
    for permission in needed.all_permissions:
        if permission in tested.granted or other_name(permission) in tested.granted:
            continue
        if permission in tested.untestable:
            yield _untestable(project, permission)
        elif permission in OF_BUCKET_POLICY:
            if not has_basic_role:
                yield _missing(project, permission, Severity.WARNING, _ON_A_BUCKET)
        elif permission in needed.permissions:
            yield _missing(project, permission, Severity.BLOCKING, "")
        else:
            yield _missing(project, permission, Severity.WARNING, _LATER)


_ON_A_BUCKET = " The deployment fails unless it is granted on the buckets of the stack."
_LATER = " It is needed to change, to import or to destroy resources that exist."


def _missing(project: str, permission: str, severity: Severity, effect: str) -> Finding:
    return finding(
        Reason.PERMISSION_DENIED,
        f"The permission {permission} is missing in {project}.{effect}",
        severity,
        f"https://console.cloud.google.com/iam-admin/iam?project={project}",
        permission,
    )


def _untestable(project: str, permission: str) -> Finding:
    return finding(
        Reason.NOT_CHECKED,
        f"Whether the permission {permission} is granted in {project} could not be checked.",
        Severity.NOTE,
        resource=permission,
    )
