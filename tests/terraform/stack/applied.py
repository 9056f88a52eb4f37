"""A stack that terraform applied on the stand-in."""

import json
from dataclasses import dataclass
from typing import Any

from tests.support.real_provider import PROJECT, Template
from tests.support.stand_in.serving import ServedStandIn

# What a destroy leaves on purpose, and what Google cannot undo: the next deployment imports it.
KEPT = {
    "google_firestore_database.this": f"projects/{PROJECT}/databases/anava",
    "google_storage_bucket.firebase": f"{PROJECT}-anava-firebase",
    "google_firebase_storage_bucket.this": f"projects/{PROJECT}/buckets/{PROJECT}-anava-firebase",
    "google_identity_platform_config.this": f"projects/{PROJECT}/config",
}


@dataclass
class Stack:
    """The template, and Google as it is now."""

    template: Template
    google: ServedStandIn

    def world(self) -> dict[str, Any]:
        return self.google.control("GET", "state")

    def names(self, kind: str) -> set[str]:
        """The last parts of the names of what exists of a kind."""
        return {name.rpartition("/")[2] for name in self.world()["resources"].get(kind, {})}

    def roles(self, *resource: str) -> set[tuple[str, str]]:
        """Who (by the first part of the address) has which role on a resource."""
        policy = self.world()["policies"].get("/".join(resource), {"bindings": []})
        return {
            (member.partition(":")[2].partition("@")[0], binding["role"])
            for binding in policy["bindings"]
            for member in binding["members"]
        }

    def apply(self) -> dict[str, Any]:
        """Plan and apply, as the service does; the plan."""
        plan = self.template.plan()
        self.template.run("apply", "-no-color", "-input=false", "plan.tfplan")
        return plan

    def write_imports(self) -> None:
        """Write the import blocks that the service writes where a probe finds what is kept."""
        blocks = [
            f"import {{\n  to = {address}\n  id = {json.dumps(name)}\n}}\n"
            for address, name in KEPT.items()
        ]
        (self.template.work / "imports.tf").write_text("".join(blocks))

    def remove_imports(self) -> None:
        (self.template.work / "imports.tf").unlink()
