"""The template of release 0.1.0, and what an upgrade of its stacks removes."""

from pathlib import Path

__all__ = ["EARLIER", "REMOVED"]

# HCL and rules of the tag v0.1.0, since a clone may have no tags.
EARLIER = Path(__file__).parent / "release_0_1_0"
# The roles that a device's token no longer has, by decision (ADR 41).
REMOVED = {
    'google_project_iam_member.this["vertex-ai aiplatform.user"]',
    "google_project_iam_member.firestore",
    "google_storage_bucket_iam_member.reads_firebase_bucket",
}
