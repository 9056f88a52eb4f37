"""firebaserules v1: rulesets, and releases, whose names may contain '/'."""

import uuid

from google_stand_in.answers import Json, invalid, refusal
from google_stand_in.routing import Call, Routes, page

API = Routes("firebaserules")
ROUTES = (API,)

RULESETS, RELEASES = "rulesets", "releases"


@API.post("projects/{project}/rulesets", "firebaserules.rulesets.create")
def create_ruleset(call: Call) -> Json:
    files = (call.body.get("source") or {}).get("files") or []
    if not files or not all(item.get("content") for item in files):
        raise invalid("Request contains an invalid argument: source.files")
    name = f"{call.root}rulesets/{uuid.uuid4()}"
    ruleset = {"name": name, "source": call.body["source"], "createTime": call.world.stamp()}
    services = {"firestore": "cloud.firestore", "storage": "firebase.storage"}
    text = " ".join(str(file["content"]) for file in files)
    named = [service for service in services.values() if f"service {service}" in text]
    return call.world.put(RULESETS, name, {**ruleset, "metadata": {"services": named}})


@API.get("projects/{project}/rulesets", "firebaserules.rulesets.list")
def list_rulesets(call: Call) -> Json:
    return page(call, "rulesets", call.world.under(RULESETS, f"{call.root}rulesets/"))


@API.get("projects/{project}/rulesets/{ruleset}", "firebaserules.rulesets.get")
def get_ruleset(call: Call) -> Json:
    return call.world.get(RULESETS, f"{call.root}rulesets/{call.params['ruleset']}")


@API.delete("projects/{project}/rulesets/{ruleset}", "firebaserules.rulesets.delete")
def delete_ruleset(call: Call) -> Json:
    name = f"{call.root}rulesets/{call.params['ruleset']}"
    if any(item["rulesetName"] == name for item in call.world.kind(RELEASES).values()):
        message = "The ruleset is in use by a release."
        raise refusal(400, message, status="FAILED_PRECONDITION")
    call.world.remove(RULESETS, name)
    return {}


def _checked_ruleset(call: Call, release: Json) -> str:
    ruleset = str(release.get("rulesetName", ""))
    call.world.get(RULESETS, call.world.canonical(ruleset))
    return ruleset


@API.post("projects/{project}/releases", "firebaserules.releases.create")
def create_release(call: Call) -> Json:
    name = call.world.canonical(str(call.body.get("name", "")))
    if not name.startswith(f"{call.root}releases/"):
        raise invalid("The release's name must begin with the project's.")
    now = call.world.stamp()
    ruleset = _checked_ruleset(call, call.body)
    release = {"name": name, "rulesetName": ruleset, "createTime": now, "updateTime": now}
    return call.world.put(RELEASES, name, release, "Requested entity already exists")


@API.get("projects/{project}/releases", "firebaserules.releases.list")
def list_releases(call: Call) -> Json:
    return page(call, "releases", call.world.under(RELEASES, f"{call.root}releases/"))


def _release(call: Call) -> str:
    return f"{call.root}releases/{call.params['release']}"


@API.get("projects/{project}/releases/{release=**}", "firebaserules.releases.get")
def get_release(call: Call) -> Json:
    return call.world.get(RELEASES, _release(call))


@API.patch("projects/{project}/releases/{release=**}", "firebaserules.releases.update")
def patch_release(call: Call) -> Json:
    release = call.world.get(RELEASES, _release(call))
    release["rulesetName"] = _checked_ruleset(call, call.body.get("release") or {})
    release["updateTime"] = call.world.stamp()
    return release


@API.delete("projects/{project}/releases/{release=**}", "firebaserules.releases.delete")
def delete_release(call: Call) -> Json:
    call.world.remove(RELEASES, _release(call))
    return {}
