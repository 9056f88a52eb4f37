"""The calls of provider 7.45.0 for each type of the template, and Google's permission of each.

A line is `<when> <method> <API> <path>`, with the paths of the stand-in's routes. *when* is `first`
for calls of a first deployment, `later` for calls that only a change, an import or a destroy makes.
The calls follow Google's reference of each method; `tests/terraform/stack` compares them with the
calls of the real provider at apply and destroy.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from google_stand_in.answers import Json
from google_stand_in.apis import ROUTES
from google_stand_in.app import _parts
from google_stand_in.routing import Route, find

__all__ = ["CALLS", "ProviderCall", "permissions_of", "provider_calls", "unlisted"]

_POOL = "projects/{project}/locations/global/workloadIdentityPools/{pool}"
_VAULTED = "projects/{project}/secrets/{secret}"
_KEY = "projects/{project}/locations/global/keys/{key}"
_DATABASE = "projects/{project}/databases/{database}"
_API = "projects/{project}/locations/global/apis/{api}"
_GATEWAYS = "projects/{project}/locations/{location}/gateways"
_FUNCTIONS = "projects/{project}/locations/{location}/functions"
_WEB_APPS = "projects/{project}/webApps"
_RELEASE = "projects/{project}/releases/{release=**}"
_ACCOUNTS = "projects/{project}/serviceAccounts"
_ROLE = "projects/{project}/roles/{role}"
_LINKED = "projects/{project}/buckets/{linked}"

CALLS: Mapping[str, str] = {
    "google_project_service": """
        first GET serviceusage projects/{project}/services
        first GET serviceusage projects/{project}/services/{service}
        first POST serviceusage projects/{project}/services/{service}:enable
        first POST serviceusage projects/{project}/services:batchEnable
        first GET serviceusage operations/{operation=**}
        first GET cloudresourcemanager projects/{project}""",
    "google_project_iam_member": """
        first POST cloudresourcemanager projects/{project}:getIamPolicy
        first POST cloudresourcemanager projects/{project}:setIamPolicy""",
    "google_project_iam_custom_role": f"""
        first GET iam {_ROLE}
        first POST iam projects/{{project}}/roles
        later PATCH iam {_ROLE}
        later DELETE iam {_ROLE}
        later POST iam {_ROLE}:undelete""",
    "google_service_account": f"""
        first POST iam {_ACCOUNTS}
        first GET iam {_ACCOUNTS}/{{account}}
        later PATCH iam {_ACCOUNTS}/{{account}}
        later DELETE iam {_ACCOUNTS}/{{account}}""",
    "google_service_account_iam_member": """
        first POST iam {resource=**}:getIamPolicy
        first POST iam {resource=**}:setIamPolicy""",
    "google_iam_workload_identity_pool": f"""
        first POST iam projects/{{project}}/locations/global/workloadIdentityPools
        first GET iam {_POOL}
        first GET iam {_POOL}:listAttestationRules
        later PATCH iam {_POOL}
        later DELETE iam {_POOL}
        later POST iam {_POOL}:undelete""",
    "google_iam_workload_identity_pool_provider": f"""
        first POST iam {_POOL}/providers
        first GET iam {_POOL}/providers/{{provider}}
        later PATCH iam {_POOL}/providers/{{provider}}
        later DELETE iam {_POOL}/providers/{{provider}}
        later POST iam {_POOL}/providers/{{provider}}:undelete""",
    "google_storage_bucket": """
        first POST storage b
        first GET storage b/{bucket}
        later PATCH storage b/{bucket}
        later PUT storage b/{bucket}
        later DELETE storage b/{bucket}
        later GET storage b/{bucket}/o
        later DELETE storage b/{bucket}/o/{object=**}
        later GET storage b/{bucket}/anywhereCaches/
        later GET compute projects/{project}""",
    "google_storage_bucket_object": """
        first POST storage upload/b/{bucket}/o
        first GET storage b/{bucket}/o/{object=**}
        later DELETE storage b/{bucket}/o/{object=**}""",
    "google_cloudfunctions2_function": f"""
        first POST cloudfunctions {_FUNCTIONS}
        first GET cloudfunctions {_FUNCTIONS}/{{function}}
        first GET cloudfunctions {{parent=**}}/operations/{{operation}}
        later PATCH cloudfunctions {_FUNCTIONS}/{{function}}
        later DELETE cloudfunctions {_FUNCTIONS}/{{function}}""",
    "google_cloud_run_service_iam_member": """
        first GET run {resource=**}:getIamPolicy
        first POST run {resource=**}:setIamPolicy""",
    "google_secret_manager_secret": f"""
        first POST secretmanager projects/{{project}}/secrets
        first GET secretmanager {_VAULTED}
        later PATCH secretmanager {_VAULTED}
        later DELETE secretmanager {_VAULTED}""",
    "google_secret_manager_secret_version": f"""
        first POST secretmanager {_VAULTED}:addVersion
        first POST secretmanager {_VAULTED}/versions/{{version}}:enable
        first GET secretmanager {_VAULTED}/versions/{{version}}
        later POST secretmanager {_VAULTED}/versions/{{version}}:destroy""",
    "google_apikeys_key": f"""
        first POST apikeys projects/{{project}}/locations/global/keys
        first GET apikeys {_KEY}
        first GET apikeys {_KEY}/keyString
        first GET apikeys operations/{{operation=**}}
        later PATCH apikeys {_KEY}
        later DELETE apikeys {_KEY}
        later POST apikeys {_KEY}:undelete""",
    "google_firestore_database": f"""
        first POST firestore projects/{{project}}/databases
        first GET firestore {_DATABASE}
        first GET firestore {{parent=**}}/operations/{{operation}}
        later PATCH firestore {_DATABASE}
        later DELETE firestore {_DATABASE}""",
    "google_firebaserules_ruleset": """
        first POST firebaserules projects/{project}/rulesets
        first GET firebaserules projects/{project}/rulesets/{ruleset}
        later DELETE firebaserules projects/{project}/rulesets/{ruleset}""",
    "google_firebaserules_release": f"""
        first POST firebaserules projects/{{project}}/releases
        first GET firebaserules {_RELEASE}
        later PATCH firebaserules {_RELEASE}
        later DELETE firebaserules {_RELEASE}""",
    "google_identity_platform_config": """
        first POST identitytoolkit projects/{project}/identityPlatform:initializeAuth
        first GET identitytoolkit projects/{project}/config
        first PATCH identitytoolkit projects/{project}/config""",
    "google_firebase_project": """
        first POST firebase projects/{project}:addFirebase
        first GET firebase projects/{project}
        first GET firebase operations/{operation=**}""",
    "google_firebase_web_app": f"""
        first POST firebase {_WEB_APPS}
        first GET firebase {_WEB_APPS}/{{app}}
        first GET firebase {_WEB_APPS}/{{app}}/config
        later GET firebase {_WEB_APPS}
        later PATCH firebase {_WEB_APPS}/{{app}}
        later POST firebase {_WEB_APPS}/{{app}}:remove""",
    "google_firebase_storage_bucket": f"""
        first POST firebasestorage {_LINKED}:addFirebase
        first GET firebasestorage {_LINKED}
        later POST firebasestorage {_LINKED}:removeFirebase""",
    "google_api_gateway_api": f"""
        first POST apigateway projects/{{project}}/locations/global/apis
        first GET apigateway {_API}
        first GET apigateway {{parent=**}}/operations/{{operation}}
        later PATCH apigateway {_API}
        later DELETE apigateway {_API}""",
    "google_api_gateway_api_config": f"""
        first POST apigateway {_API}/configs
        first GET apigateway {_API}/configs/{{config}}
        later PATCH apigateway {_API}/configs/{{config}}
        later DELETE apigateway {_API}/configs/{{config}}""",
    "google_api_gateway_gateway": f"""
        first POST apigateway {_GATEWAYS}
        first GET apigateway {_GATEWAYS}/{{gateway}}
        later PATCH apigateway {_GATEWAYS}/{{gateway}}
        later DELETE apigateway {_GATEWAYS}/{{gateway}}""",
}

# Permissions where the stand-in's route asks for none, or for another: Google's reference of the
# method, or the report that is named.
_OF_CALL: Mapping[str, tuple[str, ...]] = {
    "POST serviceusage projects/{project}/services/{service}:enable": (
        "serviceusage.services.enable",
    ),
    "POST serviceusage projects/{project}/services:batchEnable": ("serviceusage.services.enable",),
    "GET serviceusage operations/{operation=**}": ("serviceusage.operations.get",),
    "POST iam {resource=**}:getIamPolicy": ("iam.serviceAccounts.getIamPolicy",),
    "POST iam {resource=**}:setIamPolicy": ("iam.serviceAccounts.setIamPolicy",),
    "GET run {resource=**}:getIamPolicy": ("run.services.getIamPolicy",),
    "POST run {resource=**}:setIamPolicy": ("run.services.setIamPolicy",),
    # hashicorp/terraform-provider-google#26963
    f"GET iam {_POOL}:listAttestationRules": ("iam.workloadIdentityPools.getAttestationRules",),
    "GET cloudfunctions {parent=**}/operations/{operation}": ("cloudfunctions.operations.get",),
    "GET firestore {parent=**}/operations/{operation}": ("datastore.operations.get",),
    "GET apigateway {parent=**}/operations/{operation}": ("apigateway.operations.get",),
    # Google has no such permissions: no predefined role contains them.
    "GET apikeys operations/{operation=**}": (),
    "GET firebase operations/{operation=**}": (),
    # Only with anywhereCaches, of which the stack has none: Google refuses, the provider ignores.
    "GET storage b/{bucket}/anywhereCaches/": (),
    "GET compute projects/{project}": ("compute.projects.get",),
}
# Permissions that Google asks for inside a call, beside the call's own.
_INSIDE: Mapping[str, tuple[str, ...]] = {
    # The gateway's service is no public service of Google:
    # https://cloud.google.com/service-infrastructure/docs/service-management/access-control
    "google_project_service": ("servicemanagement.services.bind",),
    # https://cloud.google.com/functions/docs/reference/iam/roles#additional-configuration
    "google_cloudfunctions2_function": ("iam.serviceAccounts.actAs",),
    # https://cloud.google.com/api-gateway/docs/configure-dev-env
    "google_api_gateway_api_config": ("servicemanagement.services.get",),
    "google_api_gateway_gateway": ("apigateway.locations.get",),
}
_WORKLOAD = re.compile(r"iam\.(workloadIdentity)")


@dataclass(frozen=True)
class ProviderCall:
    """A call of the table: its route, and the permissions that Google asks for."""

    is_first: bool
    key: str
    permissions: tuple[str, ...]


def provider_calls(kind: str) -> Iterator[ProviderCall]:
    """The calls of a type; a call that no route of the stand-in answers is a KeyError."""
    for line in CALLS[kind].strip().splitlines():
        when, key = line.strip().split(" ", 1)
        route = _ROUTES[_generic(key)]
        permissions = _OF_CALL.get(key, (route.permission,) if route.permission else ())
        # The stand-in has the short names, Google's roles the long ones.
        long = tuple(_WORKLOAD.sub(r"iam.googleapis.com/\1", name) for name in permissions)
        yield ProviderCall(when == "first", key, long)


def permissions_of(kind: str, *, first: bool) -> set[str]:
    """The permissions of a type's calls of a first deployment, or of the others."""
    calls = [call for call in provider_calls(kind) if call.is_first is first]
    inside = _INSIDE.get(kind, ()) if first else ()
    return {name for call in calls for name in call.permissions} | {*inside}


def unlisted(log: Iterable[Json]) -> set[str]:
    """The calls of a stand-in's log that are not in the table."""
    listed = {call.key for kind in CALLS for call in provider_calls(kind)}
    seen = {key for entry in log if (key := _key(entry))}
    return seen - listed


def _key(entry: Json) -> str:
    """The call of a log entry; empty for tokens and control calls, which no type makes."""
    api, _, path = _parts(str(entry["path"]))
    route, _ = find(ROUTES, api, str(entry["method"]), path)
    return (
        ""
        if route is None or api in {"computeMetadata", "oauth2", "sts"}
        else (f"{route.method} {api} {route.template}")
    )


def _generic(key: str) -> str:
    """The key of a route: methods of every API are routes of the API `*`."""
    method, api, template = key.split(" ", 2)
    is_of_every_api = template.startswith(("{resource=**}", "{parent=**}", "operations/"))
    return f"{method} {'*' if is_of_every_api else api} {template}"


_ROUTES: Mapping[str, Route] = {
    f"{route.method} {route.api} {route.template}": route for route in ROUTES
}
