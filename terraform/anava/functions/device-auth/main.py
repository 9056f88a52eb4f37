"""Sign in a device: `POST {"device_id"}` answers `{"firebase_custom_token"}`.

Whoever may call the gateway may name any device: the token opens that device's own data and nothing
else. The token is signed by Google with this function's own service account; there is no key here.
"""

import json
import os
import re
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import functions_framework
from flask import Request, Response

# It becomes a Firebase uid and a folder's name: no slash, and no way to write `.` or `..`.
DEVICE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", re.ASCII)
MOST_REQUEST_BYTES = 1024  # a device id, its field's name and room for spaces
MOST_ANSWER_BYTES = 64 * 1024  # a signed token has about one
TOKEN_SECONDS = 3600  # Firebase takes no custom token that lives longer
# https://firebase.google.com/docs/auth/admin/create-custom-tokens
AUDIENCE = (
    "https://identitytoolkit.googleapis.com/google.identity.identitytoolkit.v1.IdentityToolkit"
)


@dataclass(frozen=True)
class Settings:
    """Where things are; all but the account is Google's and differs only in tests."""

    account: str
    metadata: str
    credentials: str
    timeout_seconds: float

    @classmethod
    def read(cls) -> "Settings":
        return cls(
            account=os.environ["SERVICE_ACCOUNT_EMAIL"],
            metadata=os.environ.get("METADATA_ENDPOINT", "http://metadata.google.internal"),
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
def initiate(request: Request) -> Response:
    """The function's entry point."""
    try:
        device = _device(request)
        token = _custom_token(Settings.read(), device)
    except Refused as refused:
        _log("WARNING", "refused", code=refused.code, status=refused.status)
        return _answer(
            refused.status, {"error": {"code": refused.code, "message": refused.message}}
        )
    _log("INFO", "device signed in", device_id=device)
    return _answer(200, {"firebase_custom_token": token})


def _device(request: Request) -> str:
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
    # Cameras send fields of their own beside it, as the first service accepted.
    if not isinstance(body, dict) or "device_id" not in body:
        raise Refused(400, "bad_request", "The body is an object with the field device_id.")
    device = body["device_id"]
    if isinstance(device, int) and not isinstance(device, bool):
        device = str(device)  # at most as many digits as a request has bytes
    if not isinstance(device, str) or not DEVICE_ID.fullmatch(device):
        raise Refused(
            400,
            "bad_device_id",
            "device_id has 1 to 64 letters, digits or . _ : - and begins with a letter or a digit.",
        )
    return device


def _custom_token(settings: Settings, device: str) -> str:
    now = int(time.time())
    claims = {
        "iss": settings.account,
        "sub": settings.account,
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + TOKEN_SECONDS,
        "uid": device,
        # The pool's condition and Firebase's rules admit nobody without it.
        "claims": {"anava_device": True},
    }
    address = f"{settings.credentials}/v1/projects/-/serviceAccounts/{settings.account}:signJwt"
    signing = urllib.request.Request(  # noqa: S310 - the address is ours
        address,
        data=json.dumps({"payload": json.dumps(claims)}).encode(),
        headers={
            "Authorization": f"Bearer {_own_token(settings)}",
            "Content-Type": "application/json",
        },
    )
    return _text(_call(signing, settings, "sign"), "signedJwt")


def _own_token(settings: Settings) -> str:
    path = "/computeMetadata/v1/instance/service-accounts/default/token"
    asking = urllib.request.Request(  # noqa: S310 - the address is ours
        settings.metadata + path, headers={"Metadata-Flavor": "Google"}
    )
    return _text(_call(asking, settings, "identity"), "access_token")


def _call(request: urllib.request.Request, settings: Settings, what: str) -> dict[str, Any]:
    """What Google answers; a refusal says which step failed and nothing of what was sent."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _NoRedirect)
    try:
        with opener.open(request, timeout=settings.timeout_seconds) as response:
            answer = json.loads(response.read(MOST_ANSWER_BYTES))
    except urllib.error.HTTPError as error:
        _log("ERROR", "Google refused", step=what, upstream_status=error.code)
        raise Refused(503, "unavailable", "The token could not be made; try again.") from None
    except TimeoutError:
        raise Refused(504, "timeout", "Google did not answer in time; try again.") from None
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(getattr(error, "reason", None), TimeoutError):
            raise Refused(504, "timeout", "Google did not answer in time; try again.") from None
        _log("ERROR", "no usable answer", step=what, kind=type(error).__name__)
        raise Refused(503, "unavailable", "The token could not be made; try again.") from None
    return answer if isinstance(answer, dict) else {}


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
