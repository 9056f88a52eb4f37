"""Sources of tokens: iamcredentials, sts, oauth2, the metadata server."""

import re
from urllib.parse import parse_qs

from google_stand_in.answers import Answer, Json, Refused, invalid
from google_stand_in.apis.iam import account_name
from google_stand_in.routing import Call, Routes
from google_stand_in.world import NUMBER, PROJECT

CREDENTIALS = Routes("iamcredentials")
STS = Routes("sts")
OAUTH = Routes("oauth2")
METADATA = Routes("computeMetadata")
ROOT = Routes("")
ROUTES = (CREDENTIALS, STS, OAUTH, METADATA, ROOT)

ACCOUNT = "stand-in@developer.gserviceaccount.com"  # identity of the metadata server
SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
MAX_SECONDS = 3600  # documented for generateAccessToken without an organisation's exception
_METADATA_HEADERS = {"Metadata-Flavor": "Google", "Content-Type": "application/text"}


@CREDENTIALS.post("projects/{project}/serviceAccounts/{account}:generateAccessToken")
def generate(call: Call) -> Json:
    """A token of a service account; `lifetime` like `300s`, by default an hour."""
    permission = "iam.serviceAccounts.getAccessToken"
    if not call.may(permission):
        raise call.failing("permission_denied", permission=permission)
    account = call.world.get("serviceAccounts", account_name(call))
    found = re.fullmatch(r"(\d{1,6})s", str(call.body.get("lifetime", f"{MAX_SECONDS}s")))
    if not call.body.get("scope"):
        raise invalid("The request was missing the required field scope.")
    if not found or not 0 < int(found[1]) <= MAX_SECONDS:
        raise invalid(f"Lifetime must be between 1s and {MAX_SECONDS}s.")
    seconds = int(found[1])
    token = call.world.issue_token(seconds, f"serviceAccount:{account['email']}", call.permissions)
    return {"accessToken": token, "expireTime": call.world.stamp(seconds)}


def _form(call: Call) -> dict[str, str]:
    """The request body, a form or JSON."""
    if call.headers.get("content-type", "").startswith("application/json"):
        return {key: str(value) for key, value in call.body.items()}
    text = call.content.decode("utf-8", "replace")
    return {key: values[0] for key, values in parse_qs(text).items()}


def _granted(call: Call, principal: str) -> Json:
    seconds = call.world.token_seconds
    token = call.world.issue_token(seconds, principal)
    return {"access_token": token, "expires_in": int(seconds), "token_type": "Bearer"}


def _oauth_refusal(error: str, description: str) -> Refused:
    return Refused(Answer(400, {"error": error, "error_description": description}))


@STS.post("token")
def exchange(call: Call) -> Json:
    """Exchange an external issuer's token through an existing provider."""
    form = _form(call)
    subject = form.get("subject_token") or form.get("subjectToken", "")
    audience = form.get("audience", "")
    name = call.world.canonical(audience.removeprefix("//iam.googleapis.com/"))
    provider = call.world.kind("providers").get(name)
    if provider is None or provider["state"] != "ACTIVE":
        raise _oauth_refusal("invalid_target", f"The target service {audience!r} is invalid.")
    if not subject or subject in call.world.revoked:
        raise _oauth_refusal("invalid_grant", "The subject token is invalid or expired.")
    issued = "urn:ietf:params:oauth:token-type:access_token"
    return {**_granted(call, f"principal:{audience}"), "issued_token_type": issued}


@OAUTH.post("")
@OAUTH.post("token")
def grant(call: Call) -> Json:
    """Exchange a refresh token or a signed assertion; a revoked token is refused."""
    form = _form(call)
    proof = form.get("refresh_token") or form.get("assertion", "")
    if not proof or proof in call.world.revoked:
        raise _oauth_refusal("invalid_grant", "Token has been expired or revoked.")
    return _granted(call, "user:caller@example.com")


def _flavoured(call: Call, content: str) -> Answer:
    if call.headers.get("metadata-flavor") != "Google":
        raise Refused(Answer(403, b"Missing Metadata-Flavor:Google header."))
    return Answer(200, content.encode(), _METADATA_HEADERS)


@ROOT.get("")
def ping(call: Call) -> Answer:
    """The first request of libraries, to detect a metadata server."""
    return _flavoured(call, "computeMetadata/\n")


@METADATA.get("{path=**}")
def metadata(call: Call) -> Json | Answer:
    """The metadata that Google's libraries request."""
    facts = {
        "project/project-id": PROJECT,
        "project/numeric-project-id": NUMBER,
        "universe/universe-domain": "googleapis.com",
        "universe/universe_domain": "googleapis.com",
        "instance/service-accounts/default/email": ACCOUNT,
    }
    if call.path in facts:
        return _flavoured(call, facts[call.path])
    if call.path.rstrip("/") == "instance/service-accounts/default":
        # Python's library requests the account as a whole, Go's each value.
        _flavoured(call, "")
        about = {"aliases": ["default"], "email": ACCOUNT, "scopes": list(SCOPES)}
        return Answer(200, about, {"Metadata-Flavor": "Google"})
    if call.path.rstrip("/") == "instance/service-accounts/default/token":
        _flavoured(call, "")
        token = _granted(call, f"serviceAccount:{ACCOUNT}")
        headers = {"Metadata-Flavor": "Google"}
        return Answer(200, token, headers)
    raise Refused(Answer(404, b"not found", _METADATA_HEADERS))
