"""The stack of the template `anava` on a stand-in for Google, deployed through the API."""

from pathlib import Path
from typing import Any

import pytest

from deployments.deployment import Stack as StackId
from google_stand_in.answers import Json
from tests.support.front import Front
from tests.support.real_provider import NO_MIRROR, mirror
from tests.support.service import Deployment, House
from tests.support.stand_in.serving import ServedStandIn

__all__ = ["APPLY_SECONDS", "Stack", "settings"]

PROJECT = "demo-proj"
PREFIX = "anava"
# Under a minute on a machine of its own; the tests share theirs.
APPLY_SECONDS = 400
# What each apply makes anew, and what Google counts by itself.
_MADE_ANEW = {"versions", "services", "builds", "objects"}

_PROJECT = f"projects/{PROJECT}"
_GATEWAYS = f"/apigateway/v1beta/{_PROJECT}/locations"
_HALF = (
    f"{_GATEWAYS}/us-central1/gateways/anava-gateway",
    f"/secretmanager/v1/{_PROJECT}/secrets/anava-firebase-config",
    f"/cloudfunctions/v2/{_PROJECT}/locations/us-central1/functions/anava-tvm-fn",
    f"/iam/v1/{_PROJECT}/serviceAccounts/anava-vertex-ai-sa@{PROJECT}.iam.gserviceaccount.com",
)


def settings(google: ServedStandIn) -> dict[str, str]:
    """What a worker is told: the provider's mirror, and the stand-in for every host of Google's."""
    place = mirror()
    if place is None:
        pytest.skip(NO_MIRROR)
    host = google.endpoint.removeprefix("http://")
    return {
        "ANAVA_TERRAFORM__MIRROR": str(place),
        "ANAVA_GOOGLE__ENDPOINT": google.endpoint,
        # The service's own sign-in: Google's library pings the address before it asks the host.
        "GCE_METADATA_HOST": host,
        "GCE_METADATA_IP": host,
    }


class Stack:
    """One stack, its house and its project."""

    def __init__(self, house: House, front: Front, google: ServedStandIn) -> None:
        self.house = house
        self.front = front
        self.google = google

    async def start(self, **fields: object) -> str:
        """The path of a deployment that has been accepted."""
        body = {
            "template": "anava",
            "project_id": PROJECT,
            "prefix": PREFIX,
            "variables": {"propagation_seconds": 0},
            **fields,
        }
        return await self.front.start(**body)

    def seen(self, path: str) -> Deployment:
        """The same deployment, as it lies on its host."""
        id = path.rpartition("/")[2]
        handle = self.house.client.get_workflow_handle(id)
        return Deployment(id, handle, self.house.data / "runs" / id, self.folder.name)

    async def ended(self, path: str) -> dict[str, Any]:
        # By Temporal, which answers once: minutes of questions to the API would be minutes of work.
        await self.seen(path).result(APPLY_SECONDS)
        return await self.front.ended(path)

    async def deploy(self) -> dict[str, Any]:
        """A deployment that has ended well."""
        return await self._completed()

    async def destroy(self) -> dict[str, Any]:
        return await self._completed(operation="destroy", confirm=f"{PROJECT}/{PREFIX}")

    async def _completed(self, **fields: object) -> dict[str, Any]:
        found = await self.ended(await self.start(**fields))
        assert found["status"] == "completed", found
        return found

    @property
    def folder(self) -> Path:
        return self.house.data / "stacks" / StackId("anava", PROJECT, PREFIX).id

    async def lose_state(self) -> None:
        """Lose the state; an operator has ended the stack's record, which refuses another state."""
        files = list(self.folder.glob("terraform.tfstate*"))
        assert files
        for file in files:
            file.unlink()
        await self.house.forget_states()

    def lose_half(self) -> None:
        """Delete a part of the project, of each kind: at once, and for a while only."""
        names = self._resources()
        pools = [f"/iam/v1/{name}" for name in names["workloadIdentityPools"]]
        keys = [f"/apikeys/v2/{name}" for name in names["keys"]]
        calls: list[tuple[str, Json]] = [(path, {}) for path in (*_HALF, *pools, *keys)]
        self.google.preload(*calls, method="DELETE")

    def there(self) -> dict[str, list[str]]:
        """What the project holds, by kind."""
        found = self._resources()
        return {
            kind: sorted(names) for kind, names in found.items() if names and kind not in _MADE_ANEW
        }

    def members(self) -> dict[str, list[tuple[str, list[str]]]]:
        """Who may do what, with each resource."""
        found: dict[str, Any] = self.google.control("GET", "state")["policies"]
        return {
            name: sorted(
                (binding["role"], sorted(binding["members"])) for binding in policy["bindings"]
            )
            for name, policy in found.items()
        }

    def is_deleted(self, kind: str) -> bool:
        """Whether all of them are, for a while."""
        found = self._resources()[kind].values()
        return all(
            item.get("state") == "DELETED" or "deleteTime" in item or item.get("deleted")
            for item in found
        )

    def _resources(self) -> dict[str, Any]:
        found: dict[str, Any] = self.google.control("GET", "state")["resources"]
        return found
