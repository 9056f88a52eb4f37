"""cloudfunctions v2 and the Cloud Run service that each function has."""

import hashlib
import re
from collections.abc import Callable

from google_stand_in.answers import Json, invalid, not_found
from google_stand_in.failures import status
from google_stand_in.routing import Call, Routes, merged, page
from google_stand_in.world import OperationFailed

API = Routes("cloudfunctions")
RUN = Routes("run")
ROUTES = (API, RUN)

RUNTIMES = {"python39": "DECOMMISSIONED", "python310": "DEPRECATED", "python312": "GA"}
FUNCTIONS, SERVICES, BUILDS = "functions", "services", "builds"
# https://cloud.google.com/functions/docs/securing/build-custom-sa#grant_permissions
BUILD_PERMISSIONS = ("artifactregistry.repositories.uploadArtifacts", "logging.logEntries.create")
_PARENT = "projects/{project}/locations/{location}"
_FUNCTION = _PARENT + "/functions/{function}"


def _name(call: Call) -> str:
    return f"{call.root}locations/{call.params['location']}/functions/{call.params['function']}"


def _operation(
    call: Call, finish: Callable[[], Json], abandon: Callable[[Json], None] = lambda _: None
) -> Json:
    parent = f"{call.root}locations/{call.params['location']}"
    name = f"{parent}/operations/operation-{call.world.serial()}"
    return call.world.operation(name, finish, abandon=abandon)


def _check_source(call: Call, body: Json) -> None:
    """Check that the source archive and the function's service account exist."""
    source = ((body.get("buildConfig") or {}).get("source") or {}).get("storageSource") or {}
    archive = f"{source.get('bucket', '')}/{source.get('object', '')}"
    if source and archive not in call.world.kind("objects"):
        raise not_found(f"gs://{archive}")
    account = (body.get("serviceConfig") or {}).get("serviceAccountEmail", "")
    known = {item["email"] for item in call.world.kind("serviceAccounts").values()}
    if (
        account.endswith(f"@{call.project.project_id}.iam.gserviceaccount.com")
        and account not in known
    ):
        raise not_found(f"projects/-/serviceAccounts/{account}")
    if account and not call.may("iam.serviceAccounts.actAs"):
        raise call.failing("act_as_missing", email=account)


def _build(call: Call, function: Json) -> str:
    """Build a function: its build account reads the source, writes the image and the log."""
    _check_agent(call)
    config = function.get("buildConfig") or {}
    default = f"{call.project.number}-compute@developer.gserviceaccount.com"
    email = str(config.get("serviceAccount") or default).rpartition("/")[2]
    source = (config.get("source") or {}).get("storageSource") or {}
    bucket = str(source.get("bucket", ""))
    values = {**call.filling, "email": email, "bucket": bucket, "object": source.get("object", "")}
    if source and not call.account_may(email, "storage.objects.get", bucket):
        raise OperationFailed(status("build_denied", values))
    for permission in BUILD_PERMISSIONS:
        if not call.account_may(email, permission):
            raise OperationFailed(status("build_account_denied", values))
    number = call.world.serial()
    name = f"{call.numbered}locations/{call.params['location']}/builds/build-{number}"
    stored = f"{call.root}locations/{call.params['location']}/builds/build-{number}"
    call.world.put(BUILDS, stored, {"name": name, "id": f"build-{number}", "status": "SUCCESS"})
    return name


@API.get(_PARENT + "/runtimes")
def list_runtimes(call: Call) -> Json:
    """The runtimes of the second generation; Google requires no permission."""
    runtimes = [
        {"name": name, "stage": stage, "environment": "GEN_2"} for name, stage in RUNTIMES.items()
    ]
    return page(call, "runtimes", runtimes)


def _check_agent(call: Call) -> None:
    """The service agent, made when the API is enabled, has its roles some time later."""
    enabled = call.project.enabled.get("cloudfunctions.googleapis.com", 0)
    if call.world.now() < enabled + call.world.role_seconds:
        location = call.params["location"]
        raise OperationFailed(status("gcf_artifacts", {**call.filling, "location": location}))


def _deploy(call: Call, name: str, function: Json) -> Json:
    """Build a stored function and serve it; a failed first build leaves it FAILED, without uri."""
    identifier = name.rpartition("/")[2]
    location = call.params["location"]
    service = f"{call.root}locations/{location}/services/{identifier}"
    mark = hashlib.sha256(name.encode()).hexdigest()[:10]
    url = f"https://{location}-{call.project.project_id}.cloudfunctions.net/{identifier}"
    uri = f"https://{identifier}-{mark}-uc.a.run.app"

    def finish() -> Json:
        function["buildConfig"] = {
            **(function.get("buildConfig") or {}),
            "build": _build(call, function),
        }
        function["serviceConfig"].update(
            service=service, uri=uri, revision=f"{identifier}-00001-abc"
        )
        function.update(state="ACTIVE", url=url, updateTime=call.world.stamp())
        function.pop("stateMessages", None)
        call.world.kind(SERVICES).setdefault(
            service, {"name": service, "uri": uri, "urls": [url, uri]}
        )
        return function

    def abandon(error: Json) -> None:
        message = {"severity": "ERROR", "type": "BuildFailed", "message": error["message"]}
        state = "ACTIVE" if "uri" in function["serviceConfig"] else "FAILED"
        function.update(state=state, stateMessages=[message])

    return _operation(call, finish, abandon)


@API.post(_PARENT + "/functions", "cloudfunctions.functions.create")
def create(call: Call) -> Json:
    identifier = call.required("functionId")
    if not re.fullmatch(r"[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?", identifier):
        raise invalid(f"The function id {identifier[:80]!r} is not valid.")
    _check_source(call, call.body)
    location = call.params["location"]
    parent = f"{call.root}locations/{location}"
    name = f"{parent}/functions/{identifier}"
    function = {
        **call.body,
        "name": name,
        "state": "DEPLOYING",
        "environment": "GEN_2",
        "createTime": call.world.stamp(),
        "updateTime": call.world.stamp(),
    }
    function["serviceConfig"] = {
        "availableMemory": "256M",
        "availableCpu": "0.1666",
        "timeoutSeconds": 60,
        "maxInstanceCount": 100,
        "maxInstanceRequestConcurrency": 1,
        "ingressSettings": "ALLOW_ALL",
        "allTrafficOnLatestRevision": True,
        **(call.body.get("serviceConfig") or {}),
    }
    call.world.put(FUNCTIONS, name, function, f"Resource '{name}' already exists.")
    return _deploy(call, name, function)


@API.get(_PARENT + "/functions", "cloudfunctions.functions.list")
def list_functions(call: Call) -> Json:
    prefix = f"{call.root}locations/{call.params['location']}/functions/"
    if call.params["location"] == "-":
        prefix = f"{call.root}locations/"
    return page(call, "functions", call.world.under(FUNCTIONS, prefix))


@API.get(_FUNCTION, "cloudfunctions.functions.get")
def get(call: Call) -> Json:
    return call.world.get(FUNCTIONS, _name(call))


@API.patch(_FUNCTION, "cloudfunctions.functions.update")
def patch(call: Call) -> Json:
    name = _name(call)
    _check_source(call, call.body)
    function = merged(call.world.get(FUNCTIONS, name), call.body, call.query.get("updateMask", ""))
    for part, keys in (("serviceConfig", ("service", "uri")), ("buildConfig", ("build",))):
        old = call.world.get(FUNCTIONS, name).get(part, {})
        kept = {key: old[key] for key in keys if key in old}
        function[part] = {**function.get(part, {}), **kept}
    call.world.kind(FUNCTIONS)[name] = function
    return _deploy(call, name, function)


@API.delete(_FUNCTION, "cloudfunctions.functions.delete")
def delete(call: Call) -> Json:
    name = _name(call)
    function = call.world.begin_removal(FUNCTIONS, name)

    def finish() -> Json:
        call.world.remove(FUNCTIONS, name)
        if "service" in function["serviceConfig"]:
            call.world.remove(SERVICES, function["serviceConfig"]["service"])
        return {}

    return _operation(call, finish, lambda _: function.update(state="FAILED"))


@RUN.get(_PARENT + "/services/{service}", "run.services.get")
def get_service(call: Call) -> Json:
    location, service = call.params["location"], call.params["service"]
    return call.world.get(SERVICES, f"{call.root}locations/{location}/services/{service}")


@RUN.get(_PARENT + "/services", "run.services.list")
def list_services(call: Call) -> Json:
    prefix = f"{call.root}locations/{call.params['location']}/services/"
    return page(call, "services", call.world.under(SERVICES, prefix))


@RUN.get("serving.knative.dev/v1/namespaces/{project}/services/{service}", "run.services.get")
def get_knative_service(call: Call) -> Json:
    """Cloud Run v1, which has the region in the host."""
    for item in call.world.under(SERVICES, call.root):
        if item["name"].endswith(f"/services/{call.params['service']}"):
            metadata = {"name": call.params["service"], "namespace": call.project.number}
            status = {"url": item["uri"], "conditions": [{"type": "Ready", "status": "True"}]}
            kind = {"apiVersion": "serving.knative.dev/v1", "kind": "Service"}
            return {**kind, "metadata": metadata, "status": status}
    raise not_found(call.path)
