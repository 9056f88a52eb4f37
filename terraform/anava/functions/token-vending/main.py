"""Vend a token: `POST {"firebase_id_token"}` answers `{"gcp_access_token", "expires_in"}`.

The device's Firebase token is exchanged for the device's own federated identity, and as that
identity vertex-ai is impersonated. The function's own identity opens nothing: without a device's
token that Google takes there is none to vend.
"""

import json
import os
import re
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import functions_framework
from flask import Request, Response

# The form of a signed JWT; whose it is and whether it is good is for Google to say.
ID_TOKEN = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)
MOST_TOKEN_CHARACTERS = 4096  # Firebase's have about 1,000
MOST_REQUEST_BYTES = 8 * 1024
MOST_ANSWER_BYTES = 64 * 1024  # a token has some hundred bytes to two thousand
TOKEN_SECONDS = 3600  # the most that Google gives without an organisation's exception
SCOPE = "https://www.googleapis.com/auth/cloud-platform"  # the roles of vertex-ai are the limit
# https://cloud.google.com/iam/docs/reference/sts/rest/v1/TopLevel/token answers as OAuth does;
# these words are about the token that was sent, the last is the provider's condition.
NOT_ACCEPTED = {"invalid_grant", "invalid_request", "unauthorized_client"}


@dataclass(frozen=True)
class Settings:
    """Where things are; addresses are Google's and differ only in tests."""

    audience: str
    account: str
    sts: str
    credentials: str
    timeout_seconds: float

    @classmethod
    def read(cls) -> "Settings":
        pool = (
            f"projects/{os.environ['WIF_PROJECT_NUMBER']}/locations/global"
            f"/workloadIdentityPools/{os.environ['WIF_POOL_ID']}"
        )
        return cls(
            audience=f"//iam.googleapis.com/{pool}/providers/{os.environ['WIF_PROVIDER_ID']}",
            account=os.environ["TARGET_SERVICE_ACCOUNT_EMAIL"],
            sts=os.environ.get("STS_ENDPOINT", "https://sts.googleapis.com"),
            credentials=os.environ.get(
                "IAM_CREDENTIALS_ENDPOINT", "https://iamcredentials.googleapis.com"
            ),
            # Two calls fit into the function's 30 s.
            timeout_seconds=float(os.environ.get("CALL_TIMEOUT_SECONDS", "8")),
        )


class Refused(Exception):
    """An answer that is no token."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """A credential goes where it was sent and nowhere else."""

    def redirect_request(self, *_: Any) -> None:
        return None


@functions_framework.http
def vend(request: Request) -> Response:
    """The function's entry point."""
    try:
        settings = Settings.read()
        federated = _federated_token(settings, _id_token(request))
        token, expires_in = _vertex_ai_token(settings, federated)
    except Refused as refused:
        _log("WARNING", "refused", code=refused.code, status=refused.status)
        return _answer(
            refused.status, {"error": {"code": refused.code, "message": refused.message}}
        )
    _log("INFO", "token vended", expires_in=expires_in)
    return _answer(200, {"gcp_access_token": token, "expires_in": expires_in})


def _id_token(request: Request) -> str:
    if request.method != "POST":
        raise Refused(405, "method_not_allowed", "Only POST is answered.")
    if request.mimetype != "application/json":
        raise Refused(415, "not_json", "The content type must be application/json.")
    # The framework reads what is left of a body itself, so it is read whole here (Google lets
    # 32 MiB through at most) and only then measured.
    content = request.get_data()
    if len(content) > MOST_REQUEST_BYTES:
        raise Refused(413, "too_large", f"A request has {MOST_REQUEST_BYTES} bytes at most.")
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        raise Refused(400, "not_json", "The body is not JSON.") from None
    if not isinstance(body, dict) or "firebase_id_token" not in body:
        raise Refused(400, "bad_request", "The body is an object with the field firebase_id_token.")
    token = body["firebase_id_token"]
    if (
        not isinstance(token, str)
        or len(token) > MOST_TOKEN_CHARACTERS
        or not ID_TOKEN.fullmatch(token)
    ):
        raise Refused(400, "bad_id_token", "firebase_id_token is no signed token.")
    return token


def _federated_token(settings: Settings, id_token: str) -> str:
    exchange = {
        "grantType": "urn:ietf:params:oauth:grant-type:token-exchange",
        "audience": settings.audience,
        "scope": SCOPE,
        "requestedTokenType": "urn:ietf:params:oauth:token-type:access_token",
        "subjectToken": id_token,
        "subjectTokenType": "urn:ietf:params:oauth:token-type:jwt",
    }
    answer = _call(f"{settings.sts}/v1/token", exchange, settings, "exchange")
    return _text(answer, "access_token")


def _vertex_ai_token(settings: Settings, federated: str) -> tuple[str, int]:
    address = (
        f"{settings.credentials}/v1/projects/-/serviceAccounts/{settings.account}"
        ":generateAccessToken"
    )
    wanted = {"scope": [SCOPE], "lifetime": f"{TOKEN_SECONDS}s"}
    answer = _call(address, wanted, settings, "impersonate", bearer=federated)
    try:
        left = datetime.fromisoformat(_text(answer, "expireTime")) - datetime.now(UTC)
    except (ValueError, TypeError):
        _log("ERROR", "an answer without its time", step="impersonate")
        raise Refused(503, "unavailable", "The token could not be made; try again.") from None
    return _text(answer, "accessToken"), max(0, int(left.total_seconds()))


def _call(
    address: str, body: dict[str, Any], settings: Settings, step: str, *, bearer: str = ""
) -> dict[str, Any]:
    """What Google answers; a refusal says which step failed and nothing of what was sent."""
    headers = {"Content-Type": "application/json"}
    if bearer:
        headers["Authorization"] = f"Bearer {bearer}"
    request = urllib.request.Request(  # noqa: S310 - the address is ours
        address, data=json.dumps(body).encode(), headers=headers
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
    try:
        with opener.open(request, timeout=settings.timeout_seconds) as response:
            answer = json.loads(response.read(MOST_ANSWER_BYTES))
    except urllib.error.HTTPError as error:
        raise _refusal(error, step) from None
    except TimeoutError:
        raise Refused(504, "timeout", "Google did not answer in time; try again.") from None
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(getattr(error, "reason", None), TimeoutError):
            raise Refused(504, "timeout", "Google did not answer in time; try again.") from None
        _log("ERROR", "no usable answer", step=step, kind=type(error).__name__)
        raise Refused(503, "unavailable", "The token could not be made; try again.") from None
    return answer if isinstance(answer, dict) else {}


def _refusal(error: urllib.error.HTTPError, step: str) -> Refused:
    """Only the exchange can find the device's token bad; the rest is ours to repair."""
    try:
        word = json.loads(error.read(MOST_ANSWER_BYTES))["error"]
    except (OSError, ValueError, RecursionError, LookupError, TypeError):
        word = None
    # Other words and all descriptions may quote what was sent.
    known = word if isinstance(word, str) and word in NOT_ACCEPTED else ""
    _log("ERROR", "Google refused", step=step, upstream_status=error.code, upstream_error=known)
    if step == "exchange" and known:
        return Refused(401, "not_accepted", "The Firebase token is not accepted.")
    return Refused(503, "unavailable", "The token could not be made; try again.")


def _text(answer: dict[str, Any], field: str) -> str:
    value = answer.get(field)
    if not isinstance(value, str) or not value:
        _log("ERROR", "an answer without its token", field=field)
        raise Refused(503, "unavailable", "The token could not be made; try again.")
    return value


def _answer(status: int, body: dict[str, Any]) -> Response:
    response = Response(json.dumps(body), status=status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    if status == 405:
        response.headers["Allow"] = "POST"
    if status >= 500:
        response.headers["Retry-After"] = "5"  # seconds: as long as a new role takes, at best
    return response


def _log(severity: str, message: str, **fields: str | int) -> None:
    """One line as Cloud Logging reads it; a token is never among the fields."""
    sys.stdout.write(json.dumps({"severity": severity, "message": message, **fields}) + "\n")
    sys.stdout.flush()
