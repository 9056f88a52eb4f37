"""Resources that fail, each in its own project: what does the real provider say?

So one apply provokes all of them, and rules can tell them apart by path.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google_stand_in.answers import Json

EVERY_API = (
    "apigateway",
    "apikeys",
    "cloudfunctions",
    "firebase",
    "firebaserules",
    "firestore",
    "iam",
    "identitytoolkit",
    "run",
    "secretmanager",
    "storage",
)


@dataclass(frozen=True)
class Case:
    """One failure: a resource, what is there before it, and what goes wrong.

    In `resource`, `calls` and `rule` the word PROJECT becomes the case's project.
    """

    resource: str
    rule: Mapping[str, Any] = field(default_factory=dict)
    calls: tuple[tuple[str, Json], ...] = ()
    apis: tuple[str, ...] = EVERY_API
    billing: bool = True
    org_policies: Mapping[str, Json] = field(default_factory=dict)
    slow: bool = False  # retried for minutes


def _block(kind: str, body: str) -> str:
    return f'resource "{kind}" "NAME" {{\n  project = "PROJECT"\n{body}\n}}\n'


ACCOUNT = _block("google_service_account", '  account_id = "anava-tvm-sa"')
SECRET = _block(
    "google_secret_manager_secret", '  secret_id = "key"\n  replication {\n    auto {}\n  }'
)
BUCKET = _block("google_storage_bucket", '  name = "PROJECT-src"\n  location = "us"')
POOL = _block("google_iam_workload_identity_pool", '  workload_identity_pool_id = "pool"')
API = _block("google_api_gateway_api", '  api_id = "api"')
DATABASE = _block(
    "google_firestore_database",
    '  name = "anava"\n  location_id = "nam5"\n  type = "FIRESTORE_NATIVE"',
)
KEY = _block("google_apikeys_key", '  name = "key"')
CONFIG = _block("google_identity_platform_config", "")
ENABLE = _block("google_project_service", '  service = "secretmanager.googleapis.com"')
ENABLE_TWO = ENABLE + _block("google_project_service", '  service = "run.googleapis.com"').replace(
    "NAME", "NAME_run"
)
RELEASE = _block(
    "google_firebaserules_release",
    '  name = "cloud.firestore/anava"\n  ruleset_name = "projects/PROJECT/rulesets/RULESET"',
)
MEMBER = _block(
    "google_project_iam_member",
    '  role = "roles/logging.logWriter"\n'
    '  member = "serviceAccount:gone@PROJECT.iam.gserviceaccount.com"',
)
FUNCTION = _block(
    "google_cloudfunctions2_function",
    '  name = "fn"\n  location = "us-central1"\n'
    '  build_config {\n    runtime = "python312"\n    entry_point = "main"\n'
    '    source {\n      storage_source {\n        bucket = "b"\n        object = "o"\n'
    "      }\n    }\n"
    "  }\n"
    '  service_config {\n    available_memory = "256M"\n  }',
)
GATEWAY = _block(
    "google_api_gateway_gateway",
    '  gateway_id = "gw"\n  region = "us-central1"\n'
    '  api_config = "projects/PROJECT/locations/global/apis/api/configs/none"',
)


def _post(path: str, body: Json | None = None) -> tuple[str, Json]:
    return f"POST /{path}", body or {}


_MAKE_ACCOUNT = _post("iam/v1/projects/PROJECT/serviceAccounts", {"accountId": "anava-tvm-sa"})
_MAKE_POOL = _post(
    "iam/v1/projects/PROJECT/locations/global/workloadIdentityPools?workloadIdentityPoolId=pool"
)
_DELETE_POOL: tuple[str, Json] = (
    "DELETE /iam/v1/projects/PROJECT/locations/global/workloadIdentityPools/pool",
    {},
)
_MAKE_KEY = _post("apikeys/v2/projects/PROJECT/locations/global/keys?keyId=key")
_DELETE_KEY: tuple[str, Json] = (
    "DELETE /apikeys/v2/projects/PROJECT/locations/global/keys/key",
    {},
)
_ACCOUNT = "anava-tvm-sa@PROJECT.iam.gserviceaccount.com"
_MAKE_BUCKET = "storage/v1/b?project="
_RELEASED = {
    "name": "projects/PROJECT/releases/cloud.firestore/anava",
    "rulesetName": "projects/PROJECT/rulesets/of-somebody-else",
}


def _rule(path: str, failure: str, **values: str) -> Json:
    return {"method": "POST", "path": path, "failure": failure, "values": values}


_ON_ACCOUNT = "/projects/PROJECT/serviceAccounts"
_ON_SECRET = r"/projects/PROJECT/secrets\?"  # noqa: S105 - a path
_ON_BUCKET = r"/b\?.*project=PROJECT(&|$)"
_ON_ENABLE = "/projects/PROJECT/services.*[eE]nable"
_ON_FUNCTION = "/projects/PROJECT/locations/us-central1/functions"

CASES: Mapping[str, Case] = {
    "api-disabled-account": Case(ACCOUNT, apis=()),
    "api-disabled-secret": Case(SECRET, apis=()),
    "api-disabled-bucket": Case(BUCKET, apis=()),
    "denied-account": Case(ACCOUNT, _rule(_ON_ACCOUNT, "permission_denied")),
    "denied-bucket": Case(BUCKET, _rule(_ON_BUCKET, "permission_denied_storage")),
    "denied-enable": Case(ENABLE, _rule(_ON_ENABLE, "permission_denied_enable"), apis=()),
    "act-as": Case(FUNCTION, _rule(_ON_FUNCTION, "act_as_missing", email=_ACCOUNT)),
    "exists-account": Case(ACCOUNT, calls=(_MAKE_ACCOUNT,)),
    "exists-secret": Case(
        SECRET, calls=(_post("secretmanager/v1/projects/PROJECT/secrets?secretId=key"),)
    ),
    "exists-function": Case(
        FUNCTION, _rule(_ON_FUNCTION, "exists", resource=f"{_ON_FUNCTION[1:]}/fn")
    ),
    "exists-pool": Case(POOL, calls=(_MAKE_POOL,)),
    "deleted-pool": Case(POOL, calls=(_MAKE_POOL, _DELETE_POOL)),
    "exists-key": Case(KEY, calls=(_MAKE_KEY,)),
    "deleted-key": Case(KEY, calls=(_MAKE_KEY, _DELETE_KEY)),
    "exists-api": Case(
        API, calls=(_post("apigateway/v1beta/projects/PROJECT/locations/global/apis?apiId=api"),)
    ),
    "exists-database": Case(
        DATABASE, calls=(_post("firestore/v1/projects/PROJECT/databases?databaseId=anava"),)
    ),
    "exists-config": Case(
        CONFIG,
        calls=(_post("identitytoolkit/v2/projects/PROJECT/identityPlatform:initializeAuth"),),
    ),
    "exists-release": Case(
        RELEASE,
        {"method": "GET", "path": "/projects/PROJECT/releases/", "status": 200, "body": _RELEASED},
    ),
    "bucket-taken": Case(
        BUCKET, calls=(_post(f"{_MAKE_BUCKET}demo-proj", {"name": "PROJECT-src"}),)
    ),
    "bucket-yours": Case(BUCKET, calls=(_post(f"{_MAKE_BUCKET}PROJECT", {"name": "PROJECT-src"}),)),
    "billing-bucket": Case(BUCKET, billing=False),
    "billing-enable": Case(ENABLE, apis=(), billing=False),
    "billing-enable-two": Case(ENABLE_TWO, apis=(), billing=False),
    "billing-secret": Case(SECRET, billing=False),
    "org-policy-account": Case(
        ACCOUNT,
        org_policies={"iam.disableServiceAccountCreation": {"rules": [{"enforce": True}]}},
    ),
    "org-policy-bucket": Case(
        BUCKET,
        org_policies={
            "gcp.resourceLocations": {"rules": [{"values": {"allowedValues": ["in:eu-locations"]}}]}
        },
    ),
    "token-account": Case(ACCOUNT, _rule(_ON_ACCOUNT, "token_expired")),
    "token-bucket": Case(BUCKET, _rule(_ON_BUCKET, "token_expired_storage")),
    "member-missing": Case(MEMBER),
    "build-failed": Case(FUNCTION, _rule(_ON_FUNCTION, "build_failed")),
    "config-missing": Case(GATEWAY),
    "project-unknown": Case(ACCOUNT.replace("PROJECT", "no-such-project")),
    "quota-account": Case(ACCOUNT, _rule(_ON_ACCOUNT, "rate_limited"), slow=True),
    "unavailable-account": Case(ACCOUNT, _rule(_ON_ACCOUNT, "unavailable"), slow=True),
    "quota-bucket": Case(BUCKET, _rule(_ON_BUCKET, "rate_limited_storage"), slow=True),
    "unavailable-bucket": Case(BUCKET, _rule(_ON_BUCKET, "unavailable_storage"), slow=True),
    "quota-secret": Case(SECRET, _rule(_ON_SECRET, "quota_exceeded"), slow=True),
    "unavailable-secret": Case(SECRET, _rule(_ON_SECRET, "unavailable"), slow=True),
    "quota-enable": Case(ENABLE_TWO, _rule(_ON_ENABLE, "quota_exceeded"), apis=(), slow=True),
    "timeout-secret": Case(
        SECRET.replace("replication", 'timeouts {\n    create = "20s"\n  }\n  replication'),
        _rule(_ON_SECRET, "quota_exceeded"),
        slow=True,
    ),
}
