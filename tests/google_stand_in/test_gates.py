"""Who may call: tokens, permissions, enabled APIs, billing, policies of both kinds."""

import httpx
import pytest

from tests.google_stand_in.caller import Google, reason

P = "projects/demo-proj"
SECRETS = f"/secretmanager/v1/{P}/secrets"
ACCOUNTS = f"/iam/v1/{P}/serviceAccounts"
BUCKETS = "/storage/v1/b?project=demo-proj"
SERVICES = f"/serviceusage/v1/{P}/services"


@pytest.mark.parametrize("token", ["", "never-minted", "expired", "revoked", "Basic"])
@pytest.mark.parametrize(
    ("path", "word"), [(SECRETS, "ACCESS_TOKEN_EXPIRED"), (BUCKETS, "authError")]
)
async def test_every_call_needs_a_token_that_lives(
    google: Google, token: str, path: str, word: str
) -> None:
    assert await google.get(f"GET {path}") is not None
    if token in {"expired", "revoked"}:
        minted = await google.control("POST", "mint", {"seconds": 60})
        google.token = str(minted["access_token"])
        assert await google.get(f"GET {path}") is not None
        if token == "revoked":  # noqa: S105 - a case
            await google.control("POST", "revoke", {"token": google.token})
        else:
            await google.settings(skip_seconds=61)
    else:
        google.token = token

    status, error = await google.refused(f"GET {path}")

    assert (status, reason(error)) == (401, word)


async def test_the_caller_may_do_what_its_permissions_say(google: Google) -> None:
    await google.settings(permissions=["iam.serviceAccounts.list", "secretmanager.secrets.create"])
    asked = {"permissions": ["iam.serviceAccounts.create", "iam.serviceAccounts.list"]}
    tested = await google.get(f"POST /cloudresourcemanager/v1/{P}:testIamPermissions", asked)
    status, error = await google.refused(f"POST {ACCOUNTS}", {"accountId": "anava-tvm-sa"})
    _, old = await google.refused(f"POST {BUCKETS}", {"name": "buck"})

    assert tested == {"permissions": ["iam.serviceAccounts.list"]}
    assert await google.get(f"GET {ACCOUNTS}") == {"accounts": []}
    assert (status, reason(error)) == (403, "IAM_PERMISSION_DENIED")
    assert error["details"][0]["metadata"]["permission"] == "iam.serviceAccounts.create"
    assert reason(old) == "forbidden"


async def test_a_token_can_have_permissions_of_its_own(google: Google) -> None:
    may = {"permissions": ["iam.serviceAccounts.list"]}
    google.token = str((await google.control("POST", "mint", may))["access_token"])

    assert await google.get(f"GET {ACCOUNTS}") == {"accounts": []}
    assert (await google.refused(f"GET {SECRETS}"))[0] == 403


async def test_a_caller_without_any_permission_gets_an_empty_object(google: Google) -> None:
    await google.settings(permissions=[])
    asked = {"permissions": ["iam.serviceAccounts.create"]}

    path = f"/cloudresourcemanager/v3/{P}:testIamPermissions"
    assert await google.get(f"POST {path}", asked) == {}


async def test_an_api_works_some_time_after_it_was_enabled(google: Google) -> None:
    await google.project(enabled=[])
    await google.settings(propagation_seconds=60)
    assert (await google.get(f"GET {SERVICES}/iam.googleapis.com"))["state"] == "DISABLED"
    assert reason((await google.refused(f"GET {ACCOUNTS}"))[1]) == "SERVICE_DISABLED"
    assert reason((await google.refused(f"GET {BUCKETS}"))[1]) == "accessNotConfigured"

    await google.get(f"POST {SERVICES}/iam.googleapis.com:enable", {})

    assert (await google.get(f"GET {SERVICES}/iam.googleapis.com"))["state"] == "ENABLED"
    status, error = await google.refused(f"GET {ACCOUNTS}")
    assert (status, reason(error)) == (403, "SERVICE_DISABLED")
    await google.settings(skip_seconds=61)
    assert await google.get(f"GET {ACCOUNTS}") == {"accounts": []}


async def test_services_are_enabled_in_batches_and_listed_by_state(google: Google) -> None:
    await google.project(enabled=[])
    wanted = ["iam.googleapis.com", "run.googleapis.com"]
    await google.get(f"POST {SERVICES}:batchEnable", {"serviceIds": wanted})
    listed = await google.get(f"GET {SERVICES}?filter=state:ENABLED")
    names = "&".join(f"names={P}/services/{item}" for item in [*wanted, "sts.googleapis.com"])
    batch = await google.get(f"GET {SERVICES}:batchGet?{names}")

    assert [service["config"]["name"] for service in listed["services"]] == wanted
    assert [entry["state"] for entry in batch["services"]] == ["ENABLED", "ENABLED", "DISABLED"]
    many = [f"s{number}.googleapis.com" for number in range(21)]
    assert (await google.refused(f"POST {SERVICES}:batchEnable", {"serviceIds": many}))[0] == 400
    nobodys = f"POST {SERVICES}/api.apigateway.demo-proj.cloud.goog:enable"
    assert (await google.refused(nobodys, {}))[0] == 403


async def test_without_billing_nothing_that_costs_is_made(google: Google) -> None:
    await google.project(billing=False)
    info = await google.get(f"GET /cloudbilling/v1/{P}/billingInfo")
    _, enable = await google.refused(f"POST {SERVICES}/run.googleapis.com:enable", {})
    _, secret = await google.refused(f"POST {SECRETS}?secretId=key", {})
    _, bucket = await google.refused(f"POST {BUCKETS}", {"name": "buck"})

    assert (info["billingEnabled"], info["billingAccountName"]) == (False, "")
    assert reason(enable) == "UREQ_PROJECT_BILLING_NOT_FOUND"
    assert reason(secret) == "BILLING_DISABLED"
    assert reason(bucket) == "accountDisabled"


async def test_the_organisations_policies_are_told_and_kept(google: Google) -> None:
    places = {"rules": [{"values": {"allowedValues": ["in:eu-locations"]}}]}
    policies = {
        "iam.disableServiceAccountCreation": {"rules": [{"enforce": True}]},
        "gcp.resourceLocations": places,
    }
    await google.project(org_policies=policies)
    root = f"/orgpolicy/v2/{P}/policies"
    told = await google.get(f"GET {root}/gcp.resourceLocations:getEffectivePolicy")
    unset = await google.get(f"GET {root}/iam.allowedPolicyMemberDomains:getEffectivePolicy")
    status, account = await google.refused(f"POST {ACCOUNTS}", {"accountId": "anava-tvm-sa"})
    other, bucket = await google.refused(f"POST {BUCKETS}", {"name": "buck", "location": "US"})

    assert told["spec"] == places
    assert unset["spec"] == {"rules": [{"enforce": False}]}
    violation = account["details"][0]["violations"][0]
    assert (status, violation["type"]) == (400, "constraints/iam.disableServiceAccountCreation")
    assert (other, reason(bucket)) == (412, "conditionNotMet")
    await google.get(f"POST {BUCKETS}", {"name": "buck", "location": "EU"})


async def test_a_policy_is_written_by_whoever_read_the_last_one(google: Google) -> None:
    path = f"/cloudresourcemanager/v1/{P}"
    first = await google.get(f"POST {path}:getIamPolicy", {})
    binding = {"role": "roles/viewer", "members": ["user:a@example.com"]}
    await google.get(f"POST {path}:setIamPolicy", {"policy": {**first, "bindings": [binding]}})

    status, error = await google.refused(f"POST {path}:setIamPolicy", {"policy": first})
    assert (status, error["status"]) == (409, "ABORTED")
    assert (await google.get(f"POST {path}:getIamPolicy", {}))["bindings"] == [binding]


async def test_a_policy_cannot_name_a_service_account_that_is_not_there(google: Google) -> None:
    mail = "gone@demo-proj.iam.gserviceaccount.com"
    binding = {"role": "roles/viewer", "members": [f"serviceAccount:{mail}"]}
    body = {"policy": {"bindings": [binding]}}
    status, error = await google.refused(f"POST /cloudresourcemanager/v1/{P}:setIamPolicy", body)

    assert (status, error["message"]) == (400, f"Service account {mail} does not exist.")


async def test_policies_of_other_resources_go_with_them(google: Google) -> None:
    await google.get(f"POST {SECRETS}?secretId=key", {})
    binding = {"role": "roles/viewer", "members": ["user:a@example.com"]}
    policy = {"policy": {"bindings": [binding]}}
    await google.get(f"POST {SECRETS}/key:setIamPolicy", policy)
    assert (await google.get(f"GET {SECRETS}/key:getIamPolicy"))["bindings"] == [binding]

    await google.get(f"DELETE {SECRETS}/key")
    await google.get(f"POST {SECRETS}?secretId=key", {})

    assert "bindings" not in await google.get(f"GET {SECRETS}/key:getIamPolicy")


async def test_an_account_gives_tokens_that_expire(google: Google) -> None:
    account = await google.get(f"POST {ACCOUNTS}", {"accountId": "anava-tvm-sa"})
    path = f"/iamcredentials/v1/projects/-/serviceAccounts/{account['email']}:generateAccessToken"
    scope = ["https://www.googleapis.com/auth/cloud-platform"]
    given = await google.get(f"POST {path}", {"scope": scope, "lifetime": "60s"})
    google.token = given["accessToken"]
    assert await google.get(f"GET {SECRETS}") == {"secrets": []}
    for lifetime in ("3601s", "0s", "1h", "", "-1s", "9" * 400 + "s"):
        assert (await google.refused(f"POST {path}", {"scope": scope, "lifetime": lifetime}))[
            0
        ] == 400

    await google.settings(skip_seconds=61)
    assert (await google.refused(f"GET {SECRETS}"))[0] == 401


async def test_a_metadata_server_gives_tokens_to_whoever_sends_its_header(google: Google) -> None:
    path = "/computeMetadata/v1/instance/service-accounts/default/token?scopes=a,b"
    await google.settings(token_seconds=30)
    without = await google.client.get(path)
    given = await google.client.get(path, headers={"Metadata-Flavor": "Google"})

    assert without.status_code == 403
    assert (given.json()["expires_in"], given.headers["metadata-flavor"]) == (30, "Google")
    google.token = given.json()["access_token"]
    assert await google.get(f"GET {SECRETS}") == {"secrets": []}


async def test_a_metadata_server_says_who_it_is(google: Google) -> None:
    path = "/computeMetadata/v1/instance/service-accounts/default/?recursive=true"
    without = await google.client.get(path)
    given = await google.client.get(path, headers={"Metadata-Flavor": "Google"})

    assert without.status_code == 403
    assert given.json()["email"] == "stand-in@developer.gserviceaccount.com"


async def test_a_refresh_token_is_good_until_it_is_revoked(google: Google) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "1//refresh"}
    given = await google.client.post("/oauth2/token", data=form)
    google.token = given.json()["access_token"]
    assert await google.get(f"GET {SECRETS}") == {"secrets": []}

    await google.control("POST", "revoke", {"token": "1//refresh"})
    refused = await google.client.post("/oauth2/token", data=form)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")


async def test_a_provider_exchanges_the_token_of_somebody_else(google: Google) -> None:
    pools = f"/iam/v1/{P}/locations/global/workloadIdentityPools"
    audience = "//iam.googleapis.com/projects/123456789012/locations/global/workloadIdentityPools"
    form = {"audience": f"{audience}/pool/providers/firebase", "subject_token": "header.body.sign"}

    async def exchange() -> httpx.Response:
        return await google.client.post("/sts/v1/token", data=form)

    assert (await exchange()).json()["error"] == "invalid_target"
    await google.get(f"POST {pools}?workloadIdentityPoolId=pool", {})
    provider = f"{pools}/pool/providers"
    await google.get(f"POST {provider}?workloadIdentityPoolProviderId=firebase", {})
    given = (await exchange()).json()
    assert given["issued_token_type"].endswith(":access_token")
    await google.get(f"DELETE {provider}/firebase")
    assert (await exchange()).status_code == 400
