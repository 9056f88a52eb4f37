"""token-vending: a Google Cloud token for a device's Firebase token, and for nothing else."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.terraform.functions.google import STS, Google, Said
from tests.terraform.functions.refused_requests import Request, refused
from tests.terraform.functions.running import Function, running

ACCOUNT = "anava-vertex-ai-sa@demo-proj.iam.gserviceaccount.com"
IMPERSONATE = f"/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken"
FIREBASE = "eyJhbGciOiJSUzI1NiJ9.cGxhbnRlZA.c2lnbmF0dXJl"
FEDERATED, VENDED = "ya29.planted-federated", "ya29.planted-vended"
SCOPE = "https://www.googleapis.com/auth/cloud-platform"


@pytest.fixture(scope="module")
def token_vending(google: Google, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    environment = {
        "WIF_PROJECT_NUMBER": "123456789012",
        "WIF_POOL_ID": "devices-anava",
        "WIF_PROVIDER_ID": "firebase",
        "TARGET_SERVICE_ACCOUNT_EMAIL": ACCOUNT,
        "STS_ENDPOINT": google.address,
        "IAM_CREDENTIALS_ENDPOINT": google.address,
    }
    folder = tmp_path_factory.mktemp("token-vending")
    with running("token-vending", "vend", environment, folder) as function:
        yield function
    # Whatever the tests of this file made it do, no token was printed.
    for secret in (FIREBASE, FEDERATED, VENDED):
        assert secret not in function.printed.read_text()


def in_an_hour() -> str:
    return (datetime.now(UTC) + timedelta(hours=1)).isoformat().replace("+00:00", "Z")


@pytest.fixture(autouse=True)
def all_is_well(google: Google) -> None:
    google.start_anew(
        {
            STS: Said(body={"access_token": FEDERATED, "token_type": "Bearer"}),
            IMPERSONATE: Said(body={"accessToken": VENDED, "expireTime": in_an_hour()}),
        }
    )


def test_a_firebase_token_becomes_a_token_of_vertex_ai(
    google: Google, token_vending: Function
) -> None:
    answer = token_vending.post({"firebase_id_token": FIREBASE})

    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(answer.json()) == {"gcp_access_token", "expires_in"}
    assert answer.json()["gcp_access_token"] == VENDED
    assert 3500 < answer.json()["expires_in"] <= 3600
    exchange, impersonation = google.asked
    assert "authorization" not in exchange.headers
    assert exchange.json == {
        "grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": "//iam.googleapis.com/projects/123456789012/locations/global"
        "/workloadIdentityPools/devices-anava/providers/firebase",
        "scope": SCOPE,
        "requestedTokenType": "urn:ietf:params:oauth:token-type:access_token",
        "subjectToken": FIREBASE,
        "subjectTokenType": "urn:ietf:params:oauth:token-type:jwt",
    }
    assert impersonation.headers["authorization"] == f"Bearer {FEDERATED}"
    assert impersonation.json == {"scope": [SCOPE], "lifetime": "3600s"}


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a",
        "a.b",
        "a.b.",
        "a.b.c.d",
        "a.b.c\n",
        "a.b.c\0",
        "a.b.c=",
        "a.ä.c",
        f"Bearer {FIREBASE}",
        "a." + "b" * 4093 + ".c",
        None,
        True,
        1,
        [FIREBASE],
        {"token": FIREBASE},
    ],
)
def test_what_is_no_signed_token_is_refused_before_anything_is_asked(
    google: Google, token_vending: Function, token: Any
) -> None:
    answer = token_vending.post({"firebase_id_token": token})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_id_token")
    assert google.asked == []


def test_further_fields_are_taken(token_vending: Function) -> None:
    body = {"firebase_id_token": FIREBASE, "device_id": "cam-1", "lifetime": "43200s"}
    assert token_vending.post(body).status_code == 200


def test_the_longest_token_is_taken(token_vending: Function) -> None:
    assert token_vending.post({"firebase_id_token": "a." + "b" * 4092 + ".c"}).status_code == 200


@pytest.mark.parametrize("request_", refused("firebase_id_token", 8192))
def test_a_request_of_another_form_is_refused_before_anything_is_asked(
    google: Google, token_vending: Function, request_: Request
) -> None:
    method, content_type, content, status, code = request_

    answer = token_vending.send(content, content_type, method)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert (answer.headers.get("Allow") == "POST") is (status == 405)
    assert google.asked == []


@pytest.mark.parametrize("word", ["invalid_grant", "invalid_request", "unauthorized_client"])
def test_a_token_that_google_does_not_take_is_not_accepted(
    google: Google, token_vending: Function, word: str
) -> None:
    description = f"internal-detail {FIREBASE}"
    google.answers[STS] = Said(400, {"error": word, "error_description": description})

    answer = token_vending.post({"firebase_id_token": FIREBASE})

    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "not_accepted")
    assert "internal-detail" not in answer.text
    assert google.paths() == [STS]


@pytest.mark.parametrize("path", [STS, IMPERSONATE])
@pytest.mark.parametrize(
    "said",
    [
        Said(403, {"error": {"code": 403, "message": "internal-detail", "status": "X"}}),
        Said(400, {"error": "invalid_target", "error_description": "internal-detail"}),
        Said(400, {"error": ["invalid_grant"]}),
        Said(400, b"internal-detail"),
        Said(429, {"error": "internal-detail"}),
        Said(500, b"<html>internal-detail</html>"),
        Said(200, b"internal-detail"),
        Said(200, b"[" * 60_000),
        Said(200, []),
        Said(200, {}),
        Said(200, {"access_token": "", "accessToken": "", "expireTime": in_an_hour()}),
        Said(200, {"access_token": 1, "accessToken": VENDED, "expireTime": "soon"}),
        Said(200, {"access_token": [], "accessToken": VENDED, "expireTime": "2026-01-01T00:00:00"}),
    ],
)
def test_what_google_does_not_give_is_said_without_its_words(
    google: Google, token_vending: Function, path: str, said: Said
) -> None:
    google.answers[path] = said

    answer = token_vending.post({"firebase_id_token": FIREBASE})

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert "internal-detail" not in answer.text
    assert "internal-detail" not in token_vending.printed.read_text()


def test_only_the_exchange_finds_a_device_bad(google: Google, token_vending: Function) -> None:
    """A role of ours that has not arrived yet is no fault of the camera."""
    google.answers[IMPERSONATE] = Said(400, {"error": "invalid_grant"})

    assert token_vending.post({"firebase_id_token": FIREBASE}).status_code == 503


@pytest.mark.parametrize("path", [STS, IMPERSONATE])
def test_a_call_that_hangs_ends_with_its_limit(
    google: Google, token_vending: Function, path: str
) -> None:
    google.answers[path] = Said(held=True)

    answer = token_vending.post({"firebase_id_token": FIREBASE})

    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timeout")


def test_a_token_does_not_follow_a_redirect(google: Google, token_vending: Function) -> None:
    google.answers[STS] = Said(307, {}, {"Location": f"{google.address}/elsewhere"})

    assert token_vending.post({"firebase_id_token": FIREBASE}).status_code == 503
    assert google.paths() == [STS]


def test_each_answer_is_one_structured_line(token_vending: Function) -> None:
    seen = len(token_vending.log())

    token_vending.post({"firebase_id_token": "no"})
    (line,) = token_vending.log()[seen:]

    assert line == {
        "severity": "WARNING",
        "message": "refused",
        "code": "bad_id_token",
        "status": 400,
    }
