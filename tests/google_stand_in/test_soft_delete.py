"""Pools, providers, keys and apps stay for 30 days after they are deleted."""

from tests.google_stand_in.caller import Google

P = "projects/demo-proj"
POOLS = f"iam/v1/{P}/locations/global/workloadIdentityPools"
KEYS = f"apikeys/v2/{P}/locations/global/keys"
THIRTY_DAYS = 30 * 24 * 3600


async def test_a_deleted_pool_keeps_its_id_until_it_is_brought_back(google: Google) -> None:
    await google.get(f"POST /{POOLS}?workloadIdentityPoolId=pool", {})
    await google.get(f"DELETE /{POOLS}/pool")

    assert (await google.get(f"GET /{POOLS}/pool"))["state"] == "DELETED"
    assert (await google.get(f"GET /{POOLS}"))["workloadIdentityPools"] == []
    shown = await google.get(f"GET /{POOLS}?showDeleted=true")
    assert [
        workload_identity_pool["state"] for workload_identity_pool in shown["workloadIdentityPools"]
    ] == ["DELETED"]
    assert (await google.refused(f"POST /{POOLS}?workloadIdentityPoolId=pool", {}))[0] == 409
    assert (await google.refused(f"DELETE /{POOLS}/pool"))[0] == 400

    await google.get(f"POST /{POOLS}/pool:undelete", {})
    assert (await google.get(f"GET /{POOLS}/pool"))["state"] == "ACTIVE"
    await google.settings(skip_seconds=THIRTY_DAYS + 1)
    google.token = str((await google.control("POST", "mint"))["access_token"])
    assert (await google.get(f"GET /{POOLS}/pool"))["state"] == "ACTIVE"


async def test_a_deleted_pool_is_gone_after_30_days_with_its_providers(google: Google) -> None:
    await google.get(f"POST /{POOLS}?workloadIdentityPoolId=pool", {})
    providers = f"{POOLS}/pool/providers"
    await google.get(f"POST /{providers}?workloadIdentityPoolProviderId=firebase", {})
    await google.get(f"DELETE /{POOLS}/pool")
    assert (await google.refused(f"POST /{providers}?workloadIdentityPoolProviderId=more", {}))[
        0
    ] == 400

    await google.settings(skip_seconds=THIRTY_DAYS + 1)
    google.token = str((await google.control("POST", "mint"))["access_token"])

    assert (await google.refused(f"GET /{POOLS}/pool"))[0] == 404
    assert (await google.refused(f"GET /{providers}/firebase"))[0] == 404
    await google.get(f"POST /{POOLS}?workloadIdentityPoolId=pool", {})


async def test_a_deleted_key_keeps_its_id_and_its_string(google: Google) -> None:
    await google.get(f"POST /{KEYS}?keyId=key", {})
    string = (await google.get(f"GET /{KEYS}/key/keyString"))["keyString"]
    await google.get(f"DELETE /{KEYS}/key")

    assert "deleteTime" in await google.get(f"GET /{KEYS}/key")
    assert (await google.get(f"GET /{KEYS}"))["keys"] == []
    assert (await google.refused(f"POST /{KEYS}?keyId=key", {}))[0] == 409
    await google.get(f"POST /{KEYS}/key:undelete", {})
    assert (await google.get(f"GET /{KEYS}/key/keyString"))["keyString"] == string


async def test_a_key_shows_its_string_in_its_own_call_only(google: Google) -> None:
    made = await google.get(f"POST /{KEYS}?keyId=key", {})

    assert "keyString" not in made["response"]
    assert "keyString" not in await google.get(f"GET /{KEYS}/key")


async def test_a_removed_app_can_be_brought_back_but_not_when_it_was_removed_at_once(
    google: Google,
) -> None:
    await google.get(f"POST /firebase/v1beta1/{P}:addFirebase", {})
    made = await google.get(f"POST /firebase/v1beta1/{P}/webApps", {})
    app = f"firebase/v1beta1/{made['response']['name']}"
    await google.get(f"POST /{app}:remove", {})
    assert (await google.get(f"GET /{app}"))["state"] == "DELETED"
    await google.get(f"POST /{app}:undelete", {})
    assert (await google.get(f"GET /{app}"))["state"] == "ACTIVE"

    await google.get(f"POST /{app}:remove", {"immediate": True})
    assert (await google.refused(f"GET /{app}"))[0] == 404
