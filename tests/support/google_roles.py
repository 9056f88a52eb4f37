"""The permissions of Google's roles, as far as preflight asks for them, from a public dump.

After a change of permissions.json, with a clone of https://github.com/iann0036/iam-dataset:
`python -m tests.support.google_roles CLONE > tests/support/google_roles.json`.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from adapters.google.preflight import read_requirements
from deployments.permissions import BASIC_ROLE, OF_BUCKET_POLICY
from tests.support.servers import ROOT

__all__ = ["BASIC_ROLES", "EDITOR_AND", "role_permissions"]

_FILE = Path(__file__).parent / "google_roles.json"
BASIC_ROLES = ("roles/owner", "roles/editor")
# The roles that docs/users.md names beside Editor.
EDITOR_AND = (
    "roles/datastore.owner",
    "roles/iam.roleAdmin",
    "roles/iam.serviceAccountAdmin",
    "roles/iam.workloadIdentityPoolAdmin",
    "roles/resourcemanager.projectIamAdmin",
    "roles/run.admin",
)
_OF_BUCKETS = ("roles/storage.legacyBucketOwner", "roles/storage.legacyObjectOwner")
_OTHERS = ("roles/viewer", "roles/storage.admin", "roles/storage.objectViewer")


def role_permissions(*roles: str) -> set[str]:
    """The permissions of the roles together, as far as preflight asks for them."""
    stored: dict[str, list[str]] = stored_roles()["roles"]
    return {name for role in roles for name in stored[role]}


def stored_roles() -> dict[str, Any]:
    """The whole file: source, commit, date, roles, and the roles that look like a basic role."""
    content: dict[str, Any] = json.loads(_FILE.read_bytes())
    return content


def _git(clone: str, *arguments: str) -> str:
    return subprocess.run(  # noqa: S603 - our own command
        ["git", "-C", clone, *arguments],  # noqa: S607 - git of the PATH
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def _role(clone: str, name: str) -> set[str]:
    path = f"HEAD:gcp/roles/{name.removeprefix('roles/')}.json"
    return {*json.loads(_git(clone, "show", path)).get("includedPermissions", ())}


def _dump(clone: str) -> dict[str, object]:
    asked = {*read_requirements(ROOT / "terraform", "anava").all_permissions}
    content = json.loads((ROOT / "terraform" / "anava" / "permissions.json").read_bytes())
    asked |= {*content["read_permissions"]["preflight"], *BASIC_ROLE, *OF_BUCKET_POLICY}
    files = _git(clone, "ls-tree", "--name-only", "HEAD", "gcp/roles/").split()
    markers = BASIC_ROLE | {"storage.buckets.create"}
    looking_basic = [
        name
        for name in (f"roles/{Path(file).stem}" for file in files)
        if (permissions := _role(clone, name)) >= markers and not permissions >= OF_BUCKET_POLICY
    ]
    return {
        "source": "https://github.com/iann0036/iam-dataset",
        "commit": _git(clone, "rev-parse", "HEAD"),
        "date": _git(clone, "log", "-1", "--format=%cs"),
        "looking_basic": looking_basic,
        "roles": {
            name: sorted(_role(clone, name) & asked)
            for name in (*BASIC_ROLES, *EDITOR_AND, *_OF_BUCKETS, *_OTHERS)
        },
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_dump(sys.argv[1]), indent=1) + "\n")
