"""apikeys v2: keys, which can be undeleted for 30 days."""

import hashlib
import re

from google_stand_in.answers import Json, invalid, refusal
from google_stand_in.routing import Call, Routes, merged, page

API = Routes("apikeys")
ROUTES = (API,)

KEYS = "keys"
RETENTION_SECONDS = 30 * 24 * 3600  # documented
_PARENT = "projects/{project}/locations/global/keys"
_KEY = _PARENT + "/{key}"


def _name(call: Call) -> str:
    return f"{call.root}locations/global/keys/{call.params['key']}"


def _operation(call: Call, key: Json) -> Json:
    return call.world.operation(f"operations/akmf.p7-{call.world.serial()}", lambda: _view(key))


def _view(key: Json) -> Json:
    """The key without the key string, which has a method of its own."""
    return {name: value for name, value in key.items() if name != "keyString"}


@API.post(_PARENT, "apikeys.keys.create")
def create(call: Call) -> Json:
    key_id = call.query.get("keyId") or f"key-{call.world.serial()}"
    if not re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", key_id):
        raise invalid("The key id must match [a-z]([a-z0-9-]{0,61}[a-z0-9])?")
    name = f"{call.root}locations/global/keys/{key_id}"
    secret = hashlib.sha256(f"{name}{call.world.serial()}".encode()).hexdigest()
    key = {
        **call.body,
        "name": f"{call.numbered}locations/global/keys/{key_id}",
        "uid": call.world.unique(name),
        "keyString": f"AIza{secret[:35]}",
        "createTime": call.world.stamp(),
        "updateTime": call.world.stamp(),
        "etag": 'W/"k"',
    }
    call.world.put(KEYS, name, key, "Requested entity already exists")
    return _operation(call, key)


@API.get(_PARENT, "apikeys.keys.list")
def list_keys(call: Call) -> Json:
    hidden = call.query.get("showDeleted") != "true"
    found = call.world.under(KEYS, f"{call.root}locations/global/keys/")
    return page(
        call, "keys", [_view(item) for item in found if not (hidden and "deleteTime" in item)]
    )


@API.get(_KEY, "apikeys.keys.get")
def get(call: Call) -> Json:
    return _view(call.world.get(KEYS, _name(call)))


@API.get(_KEY + "/keyString", "apikeys.keys.getKeyString")
def key_string(call: Call) -> Json:
    return {"keyString": call.world.get(KEYS, _name(call))["keyString"]}


@API.patch(_KEY, "apikeys.keys.update")
def patch(call: Call) -> Json:
    name = _name(call)
    key = merged(call.world.get(KEYS, name), call.body, call.query.get("updateMask", ""))
    key["updateTime"] = call.world.stamp()
    call.world.kind(KEYS)[name] = key
    return _operation(call, key)


@API.delete(_KEY, "apikeys.keys.delete")
def delete(call: Call) -> Json:
    name = _name(call)
    key = call.world.get(KEYS, name)
    if "deleteTime" in key:
        raise refusal(400, "The key is deleted already.", status="FAILED_PRECONDITION")
    key["deleteTime"] = call.world.stamp()
    call.world.schedule_purge(KEYS, name, RETENTION_SECONDS)
    return _operation(call, key)


@API.post(_KEY + ":undelete", "apikeys.keys.undelete")
def undelete(call: Call) -> Json:
    name = _name(call)
    key = call.world.get(KEYS, name)
    if "deleteTime" not in key:
        raise refusal(400, "The key is not deleted.", status="FAILED_PRECONDITION")
    del key["deleteTime"], call.world.purge_at[KEYS, name]
    return _operation(call, key)
