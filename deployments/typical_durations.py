"""How long a resource usually takes, and from when on it takes too long."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from statistics import median

from deployments.step import Resource, ResourceStatus

__all__ = ["TypicalDurations"]

# Against a server that answers at once: the provider's own pauses (10 s behind a service account,
# 3 s a batch of IAM members, 9 s of services). On top what Google's documentation and the first
# service's logs say: seconds for entries in a database, minutes for a build and for a gateway.
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

# The user shall read of a refusal within 2 minutes; terraform reports progress every 10 s.
_NEVER_BEFORE_SECONDS = 60
_TIMES_THE_USUAL = 2
# Fewer say nothing: one of them may have met a refusal.
_LEAST_SEEN = 3
# No apply lasts for longer.
_LONGEST_SECONDS = 24 * 3600
# `module.a["x"].google_storage_bucket.logs["y"]` is a google_storage_bucket.
_ADDRESS = re.compile(r"(?:module\.[\w-]+(?:\[[^]]*])?\.)*(?P<type>[a-z][\w-]*)\.[\w-]+(?:\[.*])?")
# A replacement is two actions whose times terraform tells one after the other.
_TIMED = frozenset({"create", "update", "delete"})


@dataclass(frozen=True)
class TypicalDurations:
    """What is known of how long resources take.

    Args:
        seen: seconds by type and action, as finished deployments have shown them.
    """

    seen: Mapping[tuple[str, str], int] = field(default_factory=dict)

    @classmethod
    def shown_by(cls, resources: Iterable[Resource]) -> "TypicalDurations":
        """The medians of what was done, where at least three were; the rest is left out."""
        durations: defaultdict[tuple[str, str], list[float]] = defaultdict(list)
        for resource in resources:
            address = _ADDRESS.fullmatch(resource.address)
            is_timed = resource.status is ResourceStatus.DONE and resource.action in _TIMED
            if address and is_timed and 0 <= resource.elapsed_seconds <= _LONGEST_SECONDS:
                durations[address["type"], resource.action].append(resource.elapsed_seconds)
        return cls(
            {
                # Terraform tells whole seconds, and 0 would mean that nobody knows.
                key: max(1, round(median(those)))
                for key, those in durations.items()
                if len(those) >= _LEAST_SEEN
            }
        )

    def typical_seconds(self, resource_type: str, action: str) -> int:
        """How long this usually takes; 0 where nobody knows."""
        return self.seen.get((resource_type, action)) or _USUAL_SECONDS.get(resource_type, 0)

    def is_overdue(self, resource_type: str, action: str, elapsed_seconds: float) -> bool:
        """Whether it takes so long that Google probably refuses it.

        Never for a type without a known value: what the sandbox's take is for its user to choose.
        """
        if resource_type not in _USUAL_SECONDS:
            return False
        usual = self.typical_seconds(resource_type, action)
        return elapsed_seconds >= max(_NEVER_BEFORE_SECONDS, _TIMES_THE_USUAL * usual)
