"""firestore: the admin calls, databases and composite indexes."""

import re

from google_stand_in.answers import Json, invalid, refusal
from google_stand_in.routing import Call, Routes, merged, page

API = Routes("firestore")
ROUTES = (API,)

DATABASES, INDEXES = "databases", "indexes"
_DATABASE = "projects/{project}/databases/{database}"
_INDEXES = _DATABASE + "/collectionGroups/{group}/indexes"


def _name(call: Call) -> str:
    return f"{call.root}databases/{call.params['database']}"


def _operation(call: Call, parent: str, response: Json) -> Json:
    return call.world.operation(f"{parent}/operations/{call.world.serial()}", lambda: response)


@API.post("projects/{project}/databases", "datastore.databases.create")
def create(call: Call) -> Json:
    database_id = call.required("databaseId")
    if database_id != "(default)" and not re.fullmatch(
        r"[a-z][a-z0-9-]{2,61}[a-z0-9]", database_id
    ):
        raise invalid(f"Invalid database ID {database_id[:80]!r}.")
    name = f"{call.root}databases/{database_id}"
    defaults = {
        "type": "FIRESTORE_NATIVE",
        "concurrencyMode": "PESSIMISTIC",
        "appEngineIntegrationMode": "DISABLED",
        "deleteProtectionState": "DELETE_PROTECTION_DISABLED",
        "pointInTimeRecoveryEnablement": "POINT_IN_TIME_RECOVERY_DISABLED",
        "databaseEdition": "STANDARD",
    }
    database = {
        **defaults,
        **call.body,
        "name": name,
        "uid": call.world.unique(name),
        "createTime": call.world.stamp(),
        "updateTime": call.world.stamp(),
        "versionRetentionPeriod": "3600s",
        "etag": "IPrFzs7q",
    }
    message = "Database already exists. Please use another database_id"
    return _operation(call, name, call.world.put(DATABASES, name, database, message))


@API.get("projects/{project}/databases", "datastore.databases.list")
def list_databases(call: Call) -> Json:
    return page(call, "databases", call.world.under(DATABASES, f"{call.root}databases/"))


@API.get(_DATABASE, "datastore.databases.getMetadata")
def get(call: Call) -> Json:
    return call.world.get(DATABASES, _name(call))


@API.patch(_DATABASE, "datastore.databases.update")
def patch(call: Call) -> Json:
    name = _name(call)
    database = merged(call.world.get(DATABASES, name), call.body, call.query.get("updateMask", ""))
    call.world.kind(DATABASES)[name] = database
    return _operation(call, name, database)


@API.delete(_DATABASE, "datastore.databases.delete")
def delete(call: Call) -> Json:
    name = _name(call)
    if call.world.get(DATABASES, name)["deleteProtectionState"] == "DELETE_PROTECTION_ENABLED":
        message = "Database has delete protection enabled."
        raise refusal(400, message, status="FAILED_PRECONDITION")
    database = call.world.remove(DATABASES, name)
    for index in [item for item in call.world.kind(INDEXES) if item.startswith(f"{name}/")]:
        call.world.remove(INDEXES, index)
    return _operation(call, name, database)


@API.post(_INDEXES, "datastore.indexes.create")
def create_index(call: Call) -> Json:
    database = _name(call)
    call.world.get(DATABASES, database)
    name = f"{database}/collectionGroups/{call.params['group']}/indexes/i{call.world.serial()}"
    index = {**call.body, "name": name, "state": "READY"}
    return _operation(call, database, call.world.put(INDEXES, name, index))


@API.get(_INDEXES, "datastore.indexes.list")
def list_indexes(call: Call) -> Json:
    prefix = f"{_name(call)}/collectionGroups/{call.params['group']}/"
    return page(call, "indexes", call.world.under(INDEXES, prefix))


def _index(call: Call) -> str:
    group, index = call.params["group"], call.params["index"]
    return f"{_name(call)}/collectionGroups/{group}/indexes/{index}"


@API.get(_INDEXES + "/{index}", "datastore.indexes.get")
def get_index(call: Call) -> Json:
    return call.world.get(INDEXES, _index(call))


@API.delete(_INDEXES + "/{index}", "datastore.indexes.delete")
def delete_index(call: Call) -> Json:
    call.world.remove(INDEXES, _index(call))
    return {}
