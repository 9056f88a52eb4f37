"""Preflight on a project made minutes ago, with Google's own lists of roles."""

from pathlib import Path

import pytest

from adapters.google.api import GoogleApi
from adapters.google.preflight import GooglePreflight, read_requirements
from deployments.deployment import DeploymentRequest, Stack
from deployments.reasons import Reason
from google_stand_in import access
from tests.support.servers import ROOT
from tests.support.stand_in.serving import ServedStandIn, Token

NEEDED = read_requirements(ROOT / "terraform", "anava")
REQUEST = DeploymentRequest(Stack("anava", "demo-proj", "anava"), "us-central1", "US")


@pytest.mark.parametrize("principal", ["user:caller@example.com", "user:nobody@example.com"])
async def test_an_owner_lacks_on_the_project_what_a_bucket_grants_alone(
    tmp_path: Path, principal: str
) -> None:
    stand_in = ServedStandIn(tmp_path, "brand-new-project")
    await stand_in.start()
    try:
        stand_in.project(enabled=[*NEEDED.apis])
        minted = stand_in.control("POST", "mint", {"principal": principal})
        api = GoogleApi(Token(minted["access_token"]), stand_in.endpoint)
        found = await GooglePreflight(api, ROOT / "terraform").check(REQUEST)
        await api.close()
    finally:
        stand_in.end()

    roles = access.predefined()
    inside = roles["roles/storage.legacyBucketOwner"] | roles["roles/storage.legacyObjectOwner"]
    lacking = {item.resource for item in found if item.cause is Reason.PERMISSION_DENIED}
    assert (lacking <= inside) is (principal == "user:caller@example.com")
