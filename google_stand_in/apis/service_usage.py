"""serviceusage: the enabled APIs of a project."""

import math

from google_stand_in.answers import Json, invalid
from google_stand_in.failures import TITLES, title
from google_stand_in.routing import Call, Routes, page

API = Routes("serviceusage")
ROUTES = (API,)

# APIs of the stack that require a billing account.
BILLED = {
    "aiplatform",
    "apigateway",
    "artifactregistry",
    "cloudbuild",
    "cloudfunctions",
    "compute",
    "run",
    "secretmanager",
}
MAX_BATCH = 20  # documented for services:batchEnable and services:batchGet as 20 and 30
_OTHERS = ("aiplatform", "artifactregistry", "cloudbilling", "cloudbuild", "cloudresourcemanager")
_MORE = ("compute", "endpoints", "orgpolicy", "servicemanagement", "serviceusage", "sts")
KNOWN = sorted(f"{name}.googleapis.com" for name in {*TITLES, *_OTHERS, *_MORE})


def _view(call: Call, service: str) -> Json:
    return {
        "name": f"{call.numbered}services/{service}",
        "config": {"name": service, "title": title(service)},
        "state": "ENABLED" if service in call.project.enabled else "DISABLED",
        "parent": call.numbered.rstrip("/"),
    }


def _unknown(call: Call, services: list[str]) -> list[str]:
    """Services that Google does not know, or does not know yet for a project made moments ago."""
    now = call.world.now()
    if now < call.project.known_at:
        return services
    managed = call.world.managed_services
    return [
        item
        for item in services
        if not item.endswith(".googleapis.com") and managed.get(item, math.inf) > now
    ]


def _enable(call: Call, services: list[str]) -> None:
    """Check all, then enable all."""
    managed = [item for item in services if not item.endswith(".googleapis.com")]
    # https://cloud.google.com/service-infrastructure/docs/service-management/access-control
    permitted = call.may("serviceusage.services.enable") and (
        not managed or call.may("servicemanagement.services.bind")
    )
    if not permitted:
        raise call.failing("permission_denied_enable", services=",".join(services))
    unknown = _unknown(call, services)
    if unknown:
        raise call.failing("service_config_not_found", services=",".join(unknown))
    billed = [entry for entry in services if entry.partition(".")[0] in BILLED]
    if billed and not call.project.billing:
        raise call.failing("billing_enable", services=",".join(billed))
    ready = call.world.now() + call.world.propagation_seconds
    for service in services:
        call.project.enabled.setdefault(service, ready)


def _operation(call: Call, response: Json) -> Json:
    name = f"operations/acat.p2-{call.project.number}-{call.world.serial()}"
    return call.world.operation(name, lambda: response)


@API.get("projects/{project}/services", "serviceusage.services.list")
def list_services(call: Call) -> Json:
    wanted = call.query.get("filter", "")
    names = sorted({*KNOWN, *call.project.enabled})
    services = [_view(call, name) for name in names]
    if wanted:
        services = [service for service in services if wanted == f"state:{service['state']}"]
    return page(call, "services", services)


@API.get("projects/{project}/services/{service}/consumerQuotaMetrics", "serviceusage.quotas.get")
def list_quotas(call: Call) -> Json:
    """The quota of service accounts, Google's default."""
    metric = "iam.googleapis.com/quota/service-account-count"
    limit = {"unit": "1/{project}", "quotaBuckets": [{"effectiveLimit": "100"}]}
    metrics = [{"metric": metric, "consumerQuotaLimits": [limit]}]
    return page(call, "metrics", metrics if call.params["service"] == "iam.googleapis.com" else [])


@API.get("projects/{project}/services:batchGet", "serviceusage.services.get")
def batch_get(call: Call) -> Json:
    names = call.query.getlist("names")
    if not 0 < len(names) <= 30:
        raise invalid("A batch has 1 to 30 names.")
    return {"services": [_view(call, name.rpartition("/")[2]) for name in names]}


@API.get("projects/{project}/services/{service}", "serviceusage.services.get")
def get_service(call: Call) -> Json:
    return _view(call, call.params["service"])


@API.post("projects/{project}/services/{service}:enable")
def enable(call: Call) -> Json:
    service = call.params["service"]
    _enable(call, [service])
    return _operation(call, {"service": _view(call, service)})


@API.post("projects/{project}/services:batchEnable")
def batch_enable(call: Call) -> Json:
    services = call.body.get("serviceIds") or []
    if not 0 < len(services) <= MAX_BATCH:
        raise invalid(f"A batch has 1 to {MAX_BATCH} service ids.")
    _enable(call, [str(service) for service in services])
    return _operation(call, {"services": [_view(call, item) for item in services]})


@API.post("projects/{project}/services/{service}:disable", "serviceusage.services.disable")
def disable(call: Call) -> Json:
    service = call.params["service"]
    call.project.enabled.pop(service, None)
    return _operation(call, {"service": _view(call, service)})


@API.post("projects/{project}/services/{service}:generateServiceIdentity")
def identity(call: Call) -> Json:
    agent = f"service-{call.project.number}@gcp-sa-{call.params['service'].partition('.')[0]}"
    email = f"{agent}.iam.gserviceaccount.com"
    return _operation(call, {"email": email, "uniqueId": call.world.unique(email)})
