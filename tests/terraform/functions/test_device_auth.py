"""device-auth: a Firebase custom token for a device id, and nothing else for anything else."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.terraform.functions.google import METADATA, Google, Said
from tests.terraform.functions.refused_requests import Request, refused
from tests.terraform.functions.running import Function, running

ACCOUNT = "anava-device-auth-sa@demo-proj.iam.gserviceaccount.com"
SIGN = f"/v1/projects/-/serviceAccounts/{ACCOUNT}:signJwt"
OWN_TOKEN, SIGNED = "ya29.planted-own-token", "eyJhbGciOiJSUzI1NiJ9.planted.signature"


@pytest.fixture(scope="module")
def device_auth(google: Google, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    environment = {
        "SERVICE_ACCOUNT_EMAIL": ACCOUNT,
        "METADATA_ENDPOINT": google.address,
        "IAM_CREDENTIALS_ENDPOINT": google.address,
    }
    folder = tmp_path_factory.mktemp("device-auth")
    with running("device-auth", "initiate", environment, folder) as function:
        yield function
    # Whatever the tests of this file made it do, no token was printed.
    for secret in (OWN_TOKEN, SIGNED):
        assert secret not in function.printed.read_text()


@pytest.fixture(autouse=True)
def all_is_well(google: Google) -> None:
    google.start_anew(
        {
            METADATA: Said(body={"access_token": OWN_TOKEN, "expires_in": 3599}),
            SIGN: Said(body={"keyId": "1", "signedJwt": SIGNED}),
        }
    )


def test_a_device_gets_a_custom_token_signed_as_the_function(
    google: Google, device_auth: Function
) -> None:
    before = int(time.time())

    answer = device_auth.post({"device_id": "ACCC8E-123456"})

    assert (answer.status_code, answer.json()) == (200, {"firebase_custom_token": SIGNED})
    assert answer.headers["Cache-Control"] == "no-store"
    asking, signing = google.asked
    assert asking.headers["metadata-flavor"] == "Google"
    assert signing.headers["authorization"] == f"Bearer {OWN_TOKEN}"
    claims = json.loads(signing.json["payload"])
    assert before <= claims["iat"] <= time.time()
    assert claims == {
        "iss": ACCOUNT,
        "sub": ACCOUNT,
        "aud": "https://identitytoolkit.googleapis.com/"
        "google.identity.identitytoolkit.v1.IdentityToolkit",
        "iat": claims["iat"],
        "exp": claims["iat"] + 3600,
        "uid": "ACCC8E-123456",
        "claims": {"anava_device": True},
    }


@pytest.mark.parametrize(
    ("body", "uid"),
    [
        ({"device_id": 408112}, "408112"),
        ({"device_id": 0}, "0"),
        ({"device_id": 10**63}, f"{10**63}"),
        (
            {"device_id": "cam-1", "model": "P3265", "uid": "other", "claims": {"admin": True}},
            "cam-1",
        ),
    ],
)
def test_a_number_and_further_fields_are_taken(
    google: Google, device_auth: Function, body: dict[str, object], uid: str
) -> None:
    """The original took both; no further field gets into the token."""
    assert device_auth.post(body).status_code == 200
    claims = json.loads(google.asked[-1].json["payload"])
    assert (claims["uid"], claims["claims"]) == (uid, {"anava_device": True})


@pytest.mark.parametrize("device", ["a", "0", "A" * 64, "00:40:8c:cd:00:00", "cam_1.lobby-2"])
def test_ids_that_cameras_have_are_taken(device_auth: Function, device: str) -> None:
    assert device_auth.post({"device_id": device}).status_code == 200


@pytest.mark.parametrize(
    "device",
    [
        "",
        ".",
        "..",
        "../devices/other",
        "a/b",
        "a\\b",
        "-a",
        "a" * 65,
        "a b",
        "a\n",
        "a\0",
        "ä",
        "\u0661",  # a digit, but not of ASCII
        "\ud800",
        "a%2Fb",
        '"},"uid":"other',
        "{{7*7}}",
        None,
        True,
        False,
        -1,
        1.5,
        1e308,
        10**64,
        ["a"],
        {"a": "b"},
    ],
)
def test_any_other_id_is_refused_before_anything_is_asked(
    google: Google, device_auth: Function, device: object
) -> None:
    answer = device_auth.post({"device_id": device})

    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "bad_device_id")
    assert google.asked == []


@pytest.mark.parametrize("request_", refused("device_id", 1024))
def test_a_request_of_another_form_is_refused_before_anything_is_asked(
    google: Google, device_auth: Function, request_: Request
) -> None:
    method, content_type, content, status, code = request_

    answer = device_auth.send(content, content_type, method)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert (answer.headers.get("Allow") == "POST") is (status == 405)
    assert google.asked == []


@pytest.mark.parametrize("path", [METADATA, SIGN])
@pytest.mark.parametrize(
    "said",
    [
        Said(403, {"error": {"code": 403, "message": "internal-detail", "status": "X"}}),
        Said(429, {"error": "internal-detail"}),
        Said(500, b"<html>internal-detail</html>"),
        Said(200, b"internal-detail"),
        Said(200, b"\xff\xfe"),
        Said(200, b"[" * 60_000),
        Said(200, []),
        Said(200, {}),
        Said(200, {"access_token": "", "signedJwt": ""}),
        Said(200, {"access_token": None, "signedJwt": 1}),
    ],
)
def test_what_google_does_not_give_is_said_without_its_words(
    google: Google, device_auth: Function, path: str, said: Said
) -> None:
    google.answers[path] = said

    answer = device_auth.post({"device_id": "a"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert "internal-detail" not in answer.text
    assert "internal-detail" not in device_auth.printed.read_text()
    assert answer.headers["Retry-After"] == "5"


@pytest.mark.parametrize("path", [METADATA, SIGN])
def test_a_call_that_hangs_ends_with_its_limit(
    google: Google, device_auth: Function, path: str
) -> None:
    google.answers[path] = Said(held=True)

    answer = device_auth.post({"device_id": "a"})

    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "timeout")


def test_a_credential_does_not_follow_a_redirect(google: Google, device_auth: Function) -> None:
    google.answers[SIGN] = Said(302, {}, {"Location": f"{google.address}/elsewhere"})

    assert device_auth.post({"device_id": "a"}).status_code == 503
    assert "/elsewhere" not in google.paths()


def test_each_answer_is_one_structured_line(device_auth: Function) -> None:
    seen = len(device_auth.log())

    device_auth.post({"device_id": "cam-1"})
    device_auth.post({"device_id": "/"})

    assert device_auth.log()[seen:] == [
        {"severity": "INFO", "message": "device signed in", "device_id": "cam-1"},
        {"severity": "WARNING", "message": "refused", "code": "bad_device_id", "status": 400},
    ]
