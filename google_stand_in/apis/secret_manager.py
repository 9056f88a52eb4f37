"""secretmanager v1; names contain the project's number."""

import base64
import binascii
import re

from google_stand_in.answers import Json, invalid, refusal
from google_stand_in.routing import Call, Routes, merged, page

API = Routes("secretmanager")
ROUTES = (API,)

SECRETS, VERSIONS = "secrets", "versions"
MAX_BYTES = 65536  # documented size of a payload
_SECRET = "projects/{project}/secrets/{secret}"  # noqa: S105 - a path
_VERSION = _SECRET + "/versions/{version}"


def _secret(call: Call) -> tuple[str, Json]:
    name = f"{call.root}secrets/{call.params['secret']}"
    found = call.world.kind(SECRETS).get(name)
    if found is None:
        raise refusal(404, f"Secret [{call.numbered}secrets/{call.params['secret']}] not found.")
    return name, found


def _version(call: Call) -> tuple[str, Json]:
    secret, _ = _secret(call)
    wanted = call.params["version"]
    if wanted == "latest":
        numbers = [int(version["name"].rpartition("/")[2]) for version in _versions(call, secret)]
        wanted = str(max(numbers, default=0))
    name = f"{secret}/versions/{wanted}"
    found = call.world.kind(VERSIONS).get(name)
    if found is None:
        shown = name.replace(call.root, call.numbered, 1)
        raise refusal(404, f"Secret Version [{shown}] not found.")
    return name, found


def _versions(call: Call, secret: str) -> list[Json]:
    return call.world.under(VERSIONS, f"{secret}/versions/")


@API.post("projects/{project}/secrets", "secretmanager.secrets.create")
def create(call: Call) -> Json:
    secret_id = call.required("secretId")
    if not re.fullmatch(r"[\w-]{1,255}", secret_id, re.ASCII):
        raise invalid("Secret ID must be 1 to 255 letters, numbers, '-' or '_'.")
    shown = f"{call.numbered}secrets/{secret_id}"
    secret = {**call.body, "name": shown, "createTime": call.world.stamp(), "etag": '"162a"'}
    message = f"Secret [{shown}] already exists."
    return call.world.put(SECRETS, f"{call.root}secrets/{secret_id}", secret, message)


@API.get("projects/{project}/secrets", "secretmanager.secrets.list")
def list_secrets(call: Call) -> Json:
    return page(call, "secrets", call.world.under(SECRETS, f"{call.root}secrets/"))


@API.get(_SECRET, "secretmanager.secrets.get")
def get(call: Call) -> Json:
    return _secret(call)[1]


@API.patch(_SECRET, "secretmanager.secrets.update")
def patch(call: Call) -> Json:
    name, secret = _secret(call)
    call.world.kind(SECRETS)[name] = merged(secret, call.body, call.query.get("updateMask", ""))
    return call.world.kind(SECRETS)[name]


@API.delete(_SECRET, "secretmanager.secrets.delete")
def delete(call: Call) -> Json:
    name, _ = _secret(call)
    call.world.remove(SECRETS, name)
    for version in [item for item in call.world.kind(VERSIONS) if item.startswith(f"{name}/")]:
        call.world.remove(VERSIONS, version)
        call.world.payloads.pop(version, None)
    return {}


@API.post(_SECRET + ":addVersion", "secretmanager.versions.add")
def add_version(call: Call) -> Json:
    secret, _ = _secret(call)
    try:
        data = base64.b64decode(call.body["payload"]["data"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        raise invalid("Field [payload.data] is required, in base64.") from None
    if len(data) > MAX_BYTES:
        raise invalid(f"Payload is larger than {MAX_BYTES} bytes.")
    name = f"{secret}/versions/{len(_versions(call, secret)) + 1}"
    shown = name.replace(call.root, call.numbered, 1)
    version = {"name": shown, "createTime": call.world.stamp(), "state": "ENABLED", "etag": '"1"'}
    call.world.payloads[name] = data
    return call.world.put(VERSIONS, name, version)


@API.get(_SECRET + "/versions", "secretmanager.versions.list")
def list_versions(call: Call) -> Json:
    return page(call, "versions", _versions(call, _secret(call)[0]))


@API.get(_VERSION, "secretmanager.versions.get")
def get_version(call: Call) -> Json:
    return _version(call)[1]


@API.get(_VERSION + ":access", "secretmanager.versions.access")
def access(call: Call) -> Json:
    name, version = _version(call)
    if version["state"] != "ENABLED":
        message = f"Secret Version [{version['name']}] is in {version['state']} state."
        raise refusal(400, message, status="FAILED_PRECONDITION")
    data = base64.b64encode(call.world.payloads[name]).decode()
    return {"name": version["name"], "payload": {"data": data}}


@API.post(_VERSION + ":destroy", "secretmanager.versions.destroy")
def destroy(call: Call) -> Json:
    name, version = _version(call)
    version.update(state="DESTROYED", destroyTime=call.world.stamp())
    call.world.payloads.pop(name, None)
    return version


@API.post(_VERSION + ":enable", "secretmanager.versions.enable")
@API.post(_VERSION + ":disable", "secretmanager.versions.disable")
def switch(call: Call) -> Json:
    _, version = _version(call)
    if version["state"] == "DESTROYED":
        raise refusal(400, "The version is destroyed.", status="FAILED_PRECONDITION")
    version["state"] = "DISABLED" if call.path.endswith(":disable") else "ENABLED"
    return version
