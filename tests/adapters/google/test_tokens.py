"""Tokens for runs, from a stand-in for Google: one's own, and of an account that one acts as."""

from pathlib import Path
from urllib.parse import unquote

import pytest

from adapters.google.tokens import GoogleTokenProvider
from adapters.settings import GoogleSettings
from deployments.credentials import SERVICE, Credential
from deployments.errors import SignInExpired, Unavailable
from tests.support.servers import free_port
from tests.support.stand_in.key_file import EMAIL, write_key
from tests.support.stand_in.serving import ServedStandIn

ACCOUNT = "anava-runs@demo-proj.iam.gserviceaccount.com"


@pytest.fixture
def google(served: ServedStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ServedStandIn:
    served.reset()
    served.project(enabled=["iam.googleapis.com", "iamcredentials.googleapis.com"])
    write_key(tmp_path / "key.json", served.endpoint)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    return served


def with_account(google: ServedStandIn) -> GoogleSettings:
    account = {"accountId": ACCOUNT.partition("@")[0], "serviceAccount": {}}
    google.preload(("/iam/v1/projects/demo-proj/serviceAccounts", account))
    return GoogleSettings(endpoint=google.endpoint, impersonate=ACCOUNT, token_seconds=20)


async def minted(settings: GoogleSettings, *references: str) -> list[Credential]:
    """What one mint gives, one after the other."""
    provider = GoogleTokenProvider.open(settings)
    try:
        return [await provider.credential(reference) for reference in references]
    finally:
        await provider.close()


async def test_without_an_account_the_token_is_the_services_own(google: ServedStandIn) -> None:
    first, second = await minted(GoogleSettings(endpoint=google.endpoint), SERVICE, SERVICE)
    assert first.token.startswith("ya29.stand-in-")
    assert (3000 < first.seconds <= 3600, first.email) == (True, EMAIL)
    # One that has long to live serves every run.
    assert second.token == first.token


async def test_a_token_of_seconds_is_never_given_twice(google: ServedStandIn) -> None:
    google.control("PUT", "settings", {"token_seconds": 20})
    found = await minted(GoogleSettings(endpoint=google.endpoint), SERVICE, SERVICE, SERVICE)
    assert len({entry.token for entry in found}) == 3
    assert all(15 < item.seconds <= 20 for item in found)


async def test_with_an_account_the_token_is_its_and_lives_as_long_as_was_asked(
    google: ServedStandIn,
) -> None:
    first, second = await minted(with_account(google), SERVICE, SERVICE)
    assert first.token != second.token
    assert (15 < first.seconds <= 20, first.email) == (True, ACCOUNT)


async def test_who_will_act_is_also_who_asks_before(google: ServedStandIn) -> None:
    """Preflight looked for the permissions of the worker itself, whoever was to deploy."""
    provider = GoogleTokenProvider.open(with_account(google))
    try:
        assert await provider.token() == await provider.token()
        asked = [item["path"] for item in google.asked() if "generateAccessToken" in item["path"]]
        assert len(asked) == 1
        assert ACCOUNT in unquote(asked[0])
    finally:
        await provider.close()


async def test_who_may_not_act_as_the_account_is_told_so(google: ServedStandIn) -> None:
    settings = with_account(google)
    google.control("PUT", "settings", {"permissions": []})
    with pytest.raises(SignInExpired, match=f"may not act as {ACCOUNT}") as refused:
        await minted(settings, SERVICE)
    assert "ya29" not in str(refused.value)


@pytest.mark.parametrize("reference", ["", "user:1", "SERVICE", "service\n", "../service"])
async def test_a_reference_that_means_nobody_gives_nothing(
    google: ServedStandIn, reference: str
) -> None:
    with pytest.raises(SignInExpired):
        await minted(GoogleSettings(endpoint=google.endpoint), reference)


async def test_a_revoked_key_is_a_sign_in_that_has_ended(google: ServedStandIn) -> None:
    google.control(
        "PUT",
        "rules",
        [
            {
                "method": "POST",
                "path": "/oauth2/token",
                "status": 400,
                "body": {"error": "invalid_grant"},
            }
        ],
    )
    with pytest.raises(SignInExpired):
        await minted(GoogleSettings(endpoint=google.endpoint), SERVICE)


async def test_a_google_that_is_not_there_is_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    write_key(tmp_path / "key.json", nowhere)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    with pytest.raises(Unavailable):
        await minted(GoogleSettings(endpoint=nowhere), SERVICE)


async def test_an_account_whose_api_is_not_there_is_unavailable(google: ServedStandIn) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(Unavailable):
        await minted(GoogleSettings(endpoint=nowhere, impersonate=ACCOUNT), SERVICE)


@pytest.mark.parametrize(
    "account",
    [
        "anava@example.com",
        "a/../../b@demo-proj.iam.gserviceaccount.com",
        "a@demo-proj.iam.gserviceaccount.com:generateAccessToken",
        "A@demo-proj.iam.gserviceaccount.com",
        "a@demo-proj.iam.gserviceaccount.com\n",
        "",
    ],
)
def test_only_a_service_account_can_be_acted_as(account: str) -> None:
    with pytest.raises(ValueError, match="impersonate"):
        GoogleSettings(impersonate=account)
