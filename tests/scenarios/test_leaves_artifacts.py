"""A deployment leaves its plan, outputs, record and logs for download, and no secret in them."""

import gzip

import pytest

from tests.support.artifacts import (
    ALWAYS,
    FIRST,
    SECOND,
    STEPS,
    assert_hidden,
    assert_whole,
    prefix,
)
from tests.support.front import Front
from tests.support.invariants import Views, check_invariants
from tests.support.servers import eventually
from tests.support.service import House


async def test_all_that_is_promised_can_be_downloaded_and_hides_the_secret(
    house: House, front: Front
) -> None:
    house.worker()
    stack = prefix()
    first = await front.deploy(stack, resource_seconds=0.1, secret=FIRST)
    # A second secret shows the first one in the plan, as what was there before.
    second = await front.deploy(stack, resource_seconds=0.1, secret=SECOND)
    for path, text in ((first, "12 to add"), (second, "to change")):
        seen = await front.json(path)
        assert seen["status"] == "completed", seen
        files = await front.downloads(path)
        assert set(files) == ALWAYS | STEPS | {"outputs.json"}
        assert text in files["plan.txt"].decode()
        for name, data in files.items():
            assert_hidden(gzip.decompress(data) if name.endswith(".gz") else data, name)
        for what in ("", "/plan", "/resources", "/logs", "/artifacts"):
            answer = await front.session.get(path + what)
            assert answer.status_code == 200
            assert_hidden(answer.content, what)
        assert_whole(files, seen)


async def test_a_plan_tells_what_it_makes_and_what_it_replaces(house: House, front: Front) -> None:
    house.worker()
    stack = prefix()
    first = await front.json(await front.deploy(stack, resource_seconds=0) + "/plan")
    assert first["counts"] == {"create": 12}
    assert (first["destroyed"], first["replaced"]) == ([], [])
    edge = 'terraform_data.edge["edge-4"]'
    made = next(change for change in first["changes"] if change["address"] == edge)
    assert made["after"]["input"]["api_key"] == "(sensitive)"
    assert made["after"]["id"] == "(known after apply)"
    fewer = await front.json(await front.deploy(stack, resource_seconds=0, resources=3) + "/plan")
    assert sorted(fewer["destroyed"]) == [
        'terraform_data.edge["edge-4"]',
        'terraform_data.foundation["foundation-4"]',
        'terraform_data.services["services-4"]',
    ]
    gone = next(item for item in fewer["changes"] if item["address"] == edge)
    assert (gone["action"], gone["reason"]) == ("delete", "delete_because_each_key")


async def test_a_failed_deployment_leaves_its_logs_and_no_outputs(
    house: House, front: Front
) -> None:
    house.worker()
    path = await front.deploy(prefix(), resource_seconds=0.1, fail="services-2", secret=FIRST)
    assert (await front.json(path))["status"] == "failed"
    files = await front.downloads(path)
    assert set(files) == ALWAYS | STEPS
    assert b"as the variable fail asks" in files["log.txt"]
    for name, data in files.items():
        assert_hidden(gzip.decompress(data) if name.endswith(".gz") else data, name)


async def test_no_plan_file_outlives_its_deployment_and_the_state_is_never_served(
    house: House, front: Front
) -> None:
    """A copy of each plan file, with every secret in clear, stayed in the data folder for ever."""
    house.worker()
    path = await front.deploy(prefix(), resource_seconds=0, secret=FIRST)
    deployment = path.rpartition("/")[2]
    assert not list(house.data.rglob("*.tfplan"))
    artifacts = house.data / "artifacts"
    assert {item.parent.name for item in artifacts.rglob("*.*")} == {deployment}
    assert not list(artifacts.rglob("*.tf*"))
    for name in ("plan.tfplan", "terraform.tfstate", "..%2f..%2fplans%2f" + deployment):
        answer = await front.session.get(f"{path}/artifacts/{name}")
        assert answer.status_code == 404


@pytest.mark.long
async def test_a_worker_killed_while_it_archives_leaves_nothing_half(
    house: House, front: Front
) -> None:
    worker = house.worker()
    body = {
        "template": "sandbox",
        "project_id": "demo-project-1",
        "prefix": prefix(),
        "variables": {"resource_seconds": 0, "resources": 1, "lines": 30_000},
    }
    path = str((await front.session.post("/api/deploy", json=body)).json()["links"]["self"])
    folder = house.data / "artifacts" / path.rpartition("/")[2]
    await eventually(lambda: list(folder.glob(".log.txt.*")), "a half log.txt", 60)
    worker.kill()
    halfway = await front.downloads(path)
    house.worker()
    seen = await front.ended(path)
    whole = await front.downloads(path)
    assert halfway.items() <= whole.items(), "what could be seen was whole"
    assert_whole(whole, seen)
    assert not list(folder.glob(".*")), "the half one is gone"
    deployment = house.known(seen["id"], seen["stack"])
    await check_invariants(house, deployment, Views(api=front.session))
