"""apigateway: apis, their configs, gateways."""

import hashlib
import re
from collections.abc import Callable

from google_stand_in.answers import Json, invalid, refusal
from google_stand_in.routing import Call, Routes, merged, page

API = Routes("apigateway")
ROUTES = (API,)

APIS, CONFIGS, GATEWAYS = "apis", "configs", "gateways"
_APIS = "projects/{project}/locations/global/apis"
_API = _APIS + "/{api}"
_CONFIG = _API + "/configs/{config}"
_GATEWAYS = "projects/{project}/locations/{location}/gateways"
_GATEWAY = _GATEWAYS + "/{gateway}"
_ID = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def _name(call: Call) -> tuple[str, str]:
    """Kind and full name of the call's resource."""
    if "gateway" in call.params:
        location, gateway = call.params["location"], call.params["gateway"]
        return GATEWAYS, f"{call.root}locations/{location}/gateways/{gateway}"
    api = f"{call.root}locations/global/apis/{call.params['api']}"
    if "config" in call.params:
        return CONFIGS, f"{api}/configs/{call.params['config']}"
    return APIS, api


def _identifier(call: Call, parameter: str) -> str:
    identifier = call.required(parameter)
    if not _ID.fullmatch(identifier):
        raise invalid(f"{parameter} {identifier[:80]!r} has lower case letters, digits and '-'.")
    return identifier


def _create(call: Call, kind: str, name: str, resource: Json, outputs: Json) -> Json:
    """Create a resource in state CREATING; the operation sets ACTIVE and the outputs."""
    now = call.world.stamp()
    stored = {**resource, "name": name, "state": "CREATING", "createTime": now, "updateTime": now}
    call.world.put(kind, name, stored)

    def finish() -> Json:
        stored.update(outputs, state="ACTIVE")
        if kind == APIS:
            ready = call.world.now() + call.world.propagation_seconds
            call.world.managed_services[stored["managedService"]] = ready
        return stored

    return _operation(call, name, finish, lambda _: stored.update(state="FAILED"))


def _operation(
    call: Call,
    name: str,
    finish: Callable[[], Json],
    abandon: Callable[[Json], None] = lambda _: None,
) -> Json:
    parent = "/".join(name.split("/")[:4])
    operation = f"{parent}/operations/operation-{call.world.serial()}"
    metadata = {"target": name, "apiVersion": call.version}
    return call.world.operation(operation, finish, metadata, abandon)


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:13]


@API.post(_APIS, "apigateway.apis.create")
def create_api(call: Call) -> Json:
    api = _identifier(call, "apiId")
    name = f"{call.root}locations/global/apis/{api}"
    managed = f"{api}-{_mark(name)}.apigateway.{call.project.project_id}.cloud.goog"
    managed = call.body.get("managedService") or managed
    return _create(call, APIS, name, {**call.body, "managedService": managed}, {})


@API.post(_API + "/configs", "apigateway.apiconfigs.create")
def create_config(call: Call) -> Json:
    api = _name(call)[1]
    call.world.get(APIS, api)
    config = _identifier(call, "apiConfigId")
    documents = call.body.get("openapiDocuments") or []
    if not any((document.get("document") or {}).get("contents") for document in documents):
        raise invalid("The config has no OpenAPI document.")
    outputs = {"serviceConfigId": f"{config}-{_mark(config)}"}
    account = str(call.body.get("gatewayServiceAccount", "")).rpartition("/")[2]
    known = {item["email"] for item in call.world.kind("serviceAccounts").values()}
    if account and account not in known:
        raise invalid(f"Service account {account} does not exist or cannot be used.")
    resource = {**call.body, "managedServiceConfigs": call.body.get("managedServiceConfigs", [])}
    return _create(call, CONFIGS, f"{api}/configs/{config}", resource, outputs)


@API.post(_GATEWAYS, "apigateway.gateways.create")
def create_gateway(call: Call) -> Json:
    gateway, location = _identifier(call, "gatewayId"), call.params["location"]
    _check_config(call, call.body)
    name = f"{call.root}locations/{location}/gateways/{gateway}"
    host = f"{gateway}-{_mark(name)[:8]}.uc.gateway.dev"
    return _create(call, GATEWAYS, name, call.body, {"defaultHostname": host})


def _check_config(call: Call, gateway: Json) -> None:
    config = call.world.canonical(str(gateway.get("apiConfig", "")))
    if call.world.get(CONFIGS, config)["state"] != "ACTIVE":
        raise refusal(400, "The API config is not active.", status="FAILED_PRECONDITION")


@API.get(_APIS, "apigateway.apis.list")
def list_apis(call: Call) -> Json:
    return page(call, "apis", call.world.under(APIS, f"{call.root}locations/global/apis/"))


@API.get(_API + "/configs", "apigateway.apiconfigs.list")
def list_configs(call: Call) -> Json:
    return page(call, "apiConfigs", call.world.under(CONFIGS, f"{_name(call)[1]}/"))


@API.get(_GATEWAYS, "apigateway.gateways.list")
def list_gateways(call: Call) -> Json:
    prefix = f"{call.root}locations/{call.params['location']}/gateways/"
    return page(call, "gateways", call.world.under(GATEWAYS, prefix))


@API.get(_API, "apigateway.apis.get")
@API.get(_CONFIG, "apigateway.apiconfigs.get")
@API.get(_GATEWAY, "apigateway.gateways.get")
def get(call: Call) -> Json:
    """Read a config; documents are part of the full view only."""
    resource = call.world.get(*_name(call))
    if "config" in call.params and call.query.get("view") != "FULL":
        return {key: value for key, value in resource.items() if key != "openapiDocuments"}
    return resource


@API.patch(_API, "apigateway.apis.update")
@API.patch(_CONFIG, "apigateway.apiconfigs.update")
@API.patch(_GATEWAY, "apigateway.gateways.update")
def patch(call: Call) -> Json:
    kind, name = _name(call)
    resource = merged(call.world.get(kind, name), call.body, call.query.get("updateMask", ""))
    if kind == GATEWAYS:
        _check_config(call, resource)
    call.world.kind(kind)[name] = resource
    return _operation(call, name, lambda: resource)


@API.delete(_API, "apigateway.apis.delete")
@API.delete(_CONFIG, "apigateway.apiconfigs.delete")
@API.delete(_GATEWAY, "apigateway.gateways.delete")
def delete(call: Call) -> Json:
    """Refuse while dependents exist: configs of an api, gateways of a config."""
    kind, name = _name(call)
    used = {
        call.world.canonical(str(item.get("apiConfig", "")))
        for item in call.world.kind(GATEWAYS).values()
    }
    if name in used or (kind == APIS and call.world.under(CONFIGS, f"{name}/")):
        raise refusal(400, f"Resource '{name}' is in use.", status="FAILED_PRECONDITION")
    resource = call.world.begin_removal(kind, name)

    def finish() -> Json:
        call.world.remove(kind, name)
        return {}

    return _operation(call, name, finish, lambda _: resource.update(state="FAILED"))
