"""What is usual is what deployments before have shown."""

import json

from deployments.deployment import Status
from tests.support.service import House

APPLY = 3


async def test_a_deployment_is_told_what_the_one_before_took(house: House) -> None:
    house.worker()
    first = await house.deploy(resource_seconds=1)
    assert (await first.result()).status is Status.COMPLETED
    second = await house.deploy(resource_seconds=0)
    assert (await second.result()).status is Status.COMPLETED

    usual = [
        {resource["typical_seconds"] for resource in json.loads(document.read_text())["resources"]}
        for document in (item.file(APPLY, "progress.json") for item in (first, second))
    ]

    assert usual[0] == {0}, "nobody knew"
    assert usual[1] <= {1, 2, 3}
