"""What is made is there, shown, listed, counted, and gone when it is deleted."""

import base64
import json
from typing import Any

import pytest

from google_stand_in.answers import Json
from tests.google_stand_in.caller import Google

P = "projects/demo-proj"
N = "projects/123456789012"
DOCUMENT = {"document": {"path": "openapi.json", "contents": "e30="}}
RULES = {"source": {"files": [{"name": "f", "content": "service cloud.firestore {}"}]}}

# What has to be there before, the call that makes it, where it then is, its kind in the state.
Row = tuple[list[tuple[str, Json]], str, Json, str, str]
POOLS = f"iam/v1/{P}/locations/global/workloadIdentityPools"
APIS = f"apigateway/v1beta/{P}/locations/global/apis"
MADE: dict[str, Row] = {
    "account": (
        [],
        f"iam/v1/{P}/serviceAccounts",
        {"accountId": "anava-tvm-sa"},
        f"iam/v1/{P}/serviceAccounts/anava-tvm-sa@demo-proj.iam.gserviceaccount.com",
        "serviceAccounts",
    ),
    "pool": ([], f"{POOLS}?workloadIdentityPoolId=pool", {}, f"{POOLS}/pool", ""),
    "secret": (
        [],
        f"secretmanager/v1/{P}/secrets?secretId=key",
        {"replication": {"automatic": {}}},
        f"secretmanager/v1/{P}/secrets/key",
        "secrets",
    ),
    "bucket": (
        [],
        "storage/v1/b?project=demo-proj",
        {"name": "buck"},
        "storage/v1/b/buck",
        "buckets",
    ),
    "database": (
        [],
        f"firestore/v1/{P}/databases?databaseId=anava",
        {"locationId": "nam5"},
        f"firestore/v1/{P}/databases/anava",
        "databases",
    ),
    "default database": (
        [],
        f"firestore/v1/{P}/databases?databaseId=(default)",
        {"locationId": "nam5"},
        f"firestore/v1/{P}/databases/(default)",
        "databases",
    ),
    "api": ([], f"{APIS}?apiId=api", {}, f"{APIS}/api", "apis"),
    "config": (
        [(f"{APIS}?apiId=api", {})],
        f"{APIS}/api/configs?apiConfigId=c1",
        {"openapiDocuments": [DOCUMENT]},
        f"{APIS}/api/configs/c1",
        "configs",
    ),
    "function": (
        [],
        f"cloudfunctions/v2/{P}/locations/us-central1/functions?functionId=fn",
        {},
        f"cloudfunctions/v2/{P}/locations/us-central1/functions/fn",
        "functions",
    ),
    "repository": (
        [],
        f"artifactregistry/v1/{P}/locations/us-central1/repositories?repositoryId=r",
        {"format": "DOCKER"},
        f"artifactregistry/v1/{P}/locations/us-central1/repositories/r",
        "repositories",
    ),
}


@pytest.mark.parametrize("what", MADE)
async def test_a_resource_is_made_once_and_stays_until_it_is_deleted(
    google: Google, what: str
) -> None:
    before, make, body, where, kind = MADE[what]
    for path, needed in before:
        await google.get(f"POST /{path}", needed)
    assert (await google.refused(f"GET /{where}"))[0] == 404

    await google.get(f"POST /{make}", body)
    found = await google.get(f"GET /{where}")
    assert found["name"].endswith(where.rpartition("/")[2])
    if kind:
        assert (await google.control("GET", "state"))["counts"][kind] == 1

    status, error = await google.refused(f"POST /{make}", body)
    assert status == 409
    assert error.get("status", "ALREADY_EXISTS") == "ALREADY_EXISTS"

    if kind:
        await google.get(f"DELETE /{where}")
        assert (await google.refused(f"GET /{where}"))[0] == 404
        assert (await google.control("GET", "state"))["counts"][kind] == 0


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (
            "account",
            "Service account anava-tvm-sa already exists within project projects/demo-proj.",
        ),
        ("secret", f"Secret [{N}/secrets/key] already exists."),
        ("pool", "Requested entity already exists."),
        ("database", "Database already exists. Please use another database_id"),
        ("api", f"Resource '{P}/locations/global/apis/api' already exists"),
        ("function", f"Resource '{P}/locations/us-central1/functions/fn' already exists."),
    ],
)
async def test_a_second_one_is_refused_in_the_words_of_its_api(
    google: Google, what: str, message: str
) -> None:
    _, make, body, _, _ = MADE[what]
    await google.get(f"POST /{make}", body)

    assert (await google.refused(f"POST /{make}", body))[1]["message"] == message


async def test_a_bucket_is_taken_by_somebody_else_or_is_yours(google: Google) -> None:
    await google.control("POST", "project", {"project_id": "other-proj", "number": "42"})
    await google.get("POST /storage/v1/b?project=demo-proj", {"name": "buck"})

    _, yours = await google.refused("POST /storage/v1/b?project=demo-proj", {"name": "buck"})
    _, taken = await google.refused("POST /storage/v1/b?project=other-proj", {"name": "buck"})

    assert "you already own it" in yours["message"]
    assert "is not available" in taken["message"]
    assert {item["errors"][0]["reason"] for item in (yours, taken)} == {"conflict"}


@pytest.mark.parametrize("project", ["demo-proj", "123456789012"])
async def test_a_project_goes_by_id_and_by_number(google: Google, project: str) -> None:
    path = f"projects/{project}"
    found = await google.get(f"GET /cloudresourcemanager/v1/{path}")
    newer = await google.get(f"GET /cloudresourcemanager/v3/{path}")
    await google.get(f"POST /secretmanager/v1/{path}/secrets?secretId=key", {})

    assert (found["projectId"], found["projectNumber"]) == ("demo-proj", "123456789012")
    assert (newer["name"], newer["projectId"]) == (N, "demo-proj")
    secret = await google.get(f"GET /secretmanager/v1/{P}/secrets/key")
    assert secret["name"] == f"{N}/secrets/key"


async def test_an_unknown_project_is_denied_not_missing(google: Google) -> None:
    status, error = await google.refused("GET /cloudresourcemanager/v1/projects/nobodys")
    other, info = await google.refused("GET /iam/v1/projects/nobodys/serviceAccounts")

    assert (status, error["message"]) == (403, "The caller does not have permission")
    assert (other, info["details"][0]["reason"]) == (403, "CONSUMER_INVALID")


async def test_lists_come_in_pages(google: Google) -> None:
    for name in ("aaa", "bbb", "ccc"):
        await google.get(f"POST /secretmanager/v1/{P}/secrets?secretId={name}", {})
    first = await google.get(f"GET /secretmanager/v1/{P}/secrets?pageSize=2")
    rest = f"pageSize=2&pageToken={first['nextPageToken']}"
    second = await google.get(f"GET /secretmanager/v1/{P}/secrets?{rest}")

    names = [secret["name"].rpartition("/")[2] for secret in first["secrets"] + second["secrets"]]
    assert names == ["aaa", "bbb", "ccc"]
    assert "nextPageToken" not in second


async def test_a_secret_has_versions(google: Google) -> None:
    secret = f"secretmanager/v1/{P}/secrets/key"
    await google.get(f"POST /secretmanager/v1/{P}/secrets?secretId=key", {})
    for text in (b"one", b"two"):
        payload = {"payload": {"data": base64.b64encode(text).decode()}}
        await google.get(f"POST /{secret}:addVersion", payload)
    latest = await google.get(f"GET /{secret}/versions/latest:access")
    await google.get(f"POST /{secret}/versions/2:destroy", {})

    assert base64.b64decode(latest["payload"]["data"]) == b"two"
    assert latest["name"] == f"{N}/secrets/key/versions/2"
    assert (await google.refused(f"GET /{secret}/versions/2:access"))[0] == 400
    assert "two" not in json.dumps(await google.control("GET", "state"))


async def test_a_release_has_a_name_with_slashes_and_a_ruleset_that_exists(google: Google) -> None:
    root = f"firebaserules/v1/{P}"
    name = f"{P}/releases/firebase.storage/buck"
    missing = {"name": name, "rulesetName": f"{P}/rulesets/none"}
    assert (await google.refused(f"POST /{root}/releases", missing))[0] == 404
    ruleset = (await google.get(f"POST /{root}/rulesets", RULES))["name"]
    await google.get(f"POST /{root}/releases", {"name": name, "rulesetName": ruleset})

    assert (await google.get(f"GET /firebaserules/v1/{name}"))["rulesetName"] == ruleset
    assert (await google.refused(f"DELETE /firebaserules/v1/{ruleset}"))[0] == 400
    await google.get(f"DELETE /firebaserules/v1/{name}")
    await google.get(f"DELETE /firebaserules/v1/{ruleset}")


async def test_firebase_doubles_an_app_and_gives_it_a_configuration(google: Google) -> None:
    assert (await google.refused(f"GET /firebase/v1beta1/{P}"))[0] == 404
    await google.get(f"POST /firebase/v1beta1/{P}:addFirebase", {})
    app: Json = {}
    for _ in range(2):
        made = await google.get(f"POST /firebase/v1beta1/{P}/webApps", {"displayName": "Anava"})
        app = made["response"]
    config = await google.get(f"GET /firebase/v1beta1/{app['name']}/config")

    assert len((await google.get(f"GET /firebase/v1beta1/{P}/webApps"))["apps"]) == 2
    assert (config["appId"], config["projectId"]) == (app["appId"], "demo-proj")
    assert config["messagingSenderId"] == "123456789012"


async def test_a_function_needs_its_source_and_makes_a_service(google: Google) -> None:
    functions = f"cloudfunctions/v2/{P}/locations/us-central1/functions"
    source = {"storageSource": {"bucket": "buck", "object": "dir/fn.zip"}}
    body = {"buildConfig": {"source": source}}
    assert (await google.refused(f"POST /{functions}?functionId=fn", body))[0] == 404
    await google.get("POST /storage/v1/b?project=demo-proj", {"name": "buck"})
    await google.get("POST /upload/storage/v1/b/buck/o?uploadType=media&name=dir/fn.zip", {})
    made = await google.get(f"POST /{functions}?functionId=fn", body)

    service = made["response"]["serviceConfig"]["service"]
    assert (await google.get(f"GET /run/v2/{service}"))["name"] == service
    await google.get(f"DELETE /{functions}/fn")
    assert (await google.refused(f"GET /run/v2/{service}"))[0] == 404


async def test_what_is_in_use_is_not_deleted(google: Google) -> None:
    await google.get(f"POST /{APIS}?apiId=api", {})
    documents: dict[str, Any] = {"openapiDocuments": [DOCUMENT]}
    await google.get(f"POST /{APIS}/api/configs?apiConfigId=c", documents)
    gateway = {"apiConfig": f"{N}/locations/global/apis/api/configs/c"}
    gateways = f"apigateway/v1beta/{P}/locations/us-central1/gateways"
    await google.get(f"POST /{gateways}?gatewayId=gw", gateway)

    assert (await google.refused(f"DELETE /{APIS}/api"))[0] == 400
    assert (await google.refused(f"DELETE /{APIS}/api/configs/c"))[0] == 400
    for path in (f"{gateways}/gw", f"{APIS}/api/configs/c", f"{APIS}/api"):
        await google.get(f"DELETE /{path}")


async def test_an_operation_takes_its_time(google: Google) -> None:
    await google.settings(operation_seconds=60)
    started = await google.get(f"POST /{APIS}?apiId=api", {})
    assert "done" not in started
    assert (await google.get(f"GET /{APIS}/api"))["state"] == "CREATING"

    await google.settings(skip_seconds=61)

    ended = await google.get(f"GET /apigateway/v1beta/{started['name']}")
    assert (ended["done"], ended["response"]["state"]) == (True, "ACTIVE")
    assert (await google.get(f"GET /{APIS}/api"))["state"] == "ACTIVE"


async def test_a_gateway_has_no_host_name_before_it_is_ready(google: Google) -> None:
    await google.get(f"POST /{APIS}?apiId=api", {})
    documents: dict[str, Any] = {"openapiDocuments": [DOCUMENT]}
    await google.get(f"POST /{APIS}/api/configs?apiConfigId=c", documents)
    await google.settings(operation_seconds=60)
    gateways = f"apigateway/v1beta/{P}/locations/us-central1/gateways"
    gateway = {"apiConfig": f"{P}/locations/global/apis/api/configs/c"}
    await google.get(f"POST /{gateways}?gatewayId=gw", gateway)

    assert "defaultHostname" not in await google.get(f"GET /{gateways}/gw")
    await google.settings(skip_seconds=61)
    assert (await google.get(f"GET /{gateways}/gw"))["defaultHostname"].endswith(".gateway.dev")


@pytest.mark.parametrize("kind", ["api", "config", "function"])
async def test_a_deletion_takes_its_time_and_is_refused_a_second_time(
    google: Google, kind: str
) -> None:
    """As Google does: firebase/firebase-tools#10731."""
    needed, make, body, place, _ = MADE[kind]
    for path, content in needed:
        await google.get(f"POST /{path}", content)
    await google.get(f"POST /{make}", body)
    await google.settings(operation_seconds=60)
    await google.get(f"DELETE /{place}")

    assert (await google.get(f"GET /{place}"))["state"] == "DELETING"
    assert (await google.refused(f"DELETE /{place}"))[0] == 409
    await google.settings(skip_seconds=61)
    assert (await google.refused(f"GET /{place}"))[0] == 404
