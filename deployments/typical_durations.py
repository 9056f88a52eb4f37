"""Typical durations of resources, and when a resource is overdue."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

from deployments.step import Resource, ResourceStatus

__all__ = ["TypicalDurations"]

# The provider's own pauses, measured against a server that answers at once (10 s after a service
# account, 3 s per batch of IAM members, 9 s for services), plus the durations in Google's
# documentation and the first service's logs: seconds for entries in a database, minutes for a build
# and for a gateway.
_USUAL_SECONDS = {
    "google_project_service": 15,
    "google_service_account": 12,
    "google_project_iam_member": 10,
    "google_service_account_iam_member": 10,
    "google_storage_bucket_iam_member": 10,
    "google_secret_manager_secret_iam_member": 10,
    "google_cloud_run_service_iam_member": 10,
    "google_cloud_run_v2_service_iam_member": 10,
    "google_cloudfunctions2_function_iam_member": 10,
    "google_storage_bucket": 5,
    "google_storage_bucket_object": 5,
    "google_secret_manager_secret": 5,
    "google_secret_manager_secret_version": 5,
    "google_iam_workload_identity_pool": 15,
    "google_iam_workload_identity_pool_provider": 15,
    "google_apikeys_key": 15,
    "google_firestore_database": 30,
    "google_firebaserules_ruleset": 5,
    "google_firebaserules_release": 5,
    "google_identity_platform_config": 10,
    "google_firebase_project": 30,
    "google_firebase_web_app": 15,
    "google_firebase_storage_bucket": 15,
    "google_cloudfunctions2_function": 150,
    "google_api_gateway_api": 60,
    "google_api_gateway_api_config": 120,
    "google_api_gateway_gateway": 240,
}

# A refusal must be shown within 2 minutes; terraform reports progress every 10 s.
_MIN_OVERDUE_SECONDS = 60
_OVERDUE_FACTOR = 2
# With fewer samples a single refusal would move the median.
_MIN_SAMPLES = 3
# No apply lasts for longer.
_MAX_SECONDS = 24 * 3600
# `module.a["x"].google_storage_bucket.logs["y"]` is a google_storage_bucket.
_ADDRESS = re.compile(r"(?:module\.[\w-]+(?:\[[^]]*])?\.)*(?P<type>[a-z][\w-]*)\.[\w-]+(?:\[.*])?")
# Terraform reports the two actions of a replacement separately, so neither is the whole duration.
_TIMED = frozenset({"create", "update", "delete"})


@dataclass(frozen=True)
class TypicalDurations:
    """Durations by type and action: `seen` medians of finished deployments, else the table's."""

    seen: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @classmethod
    def from_resources(cls, resources: Iterable[Resource]) -> "TypicalDurations":
        """The median per type and action, where at least 3 finished."""
        durations: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        for resource in resources:
            address = _ADDRESS.fullmatch(resource.address)
            is_timed = resource.status is ResourceStatus.DONE and resource.action in _TIMED
            if address and is_timed and 0 <= resource.elapsed_seconds <= _MAX_SECONDS:
                durations[address["type"], resource.action].append(resource.elapsed_seconds)
        return cls(
            {
                # Terraform reports whole seconds, and 0 means unknown here.
                key: max(1, round(median(samples)))
                for key, samples in durations.items()
                if len(samples) >= _MIN_SAMPLES
            }
        )

    def typical_seconds(self, resource_type: str, action: str) -> int:
        """The usual duration; 0 when unknown."""
        return self.seen.get((resource_type, action)) or _USUAL_SECONDS.get(resource_type, 0)

    def is_overdue(self, resource_type: str, action: str, elapsed_seconds: float) -> bool:
        """Whether an action takes so long that Google is probably refusing requests.

        False for types that are not in the table: the user chooses the sandbox's durations.
        """
        if resource_type not in _USUAL_SECONDS:
            return False
        usual = self.typical_seconds(resource_type, action)
        return elapsed_seconds >= max(_MIN_OVERDUE_SECONDS, _OVERDUE_FACTOR * usual)
