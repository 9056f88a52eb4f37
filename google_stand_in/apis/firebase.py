"""firebase v1beta1 (project, web apps) and firebasestorage (the link of a bucket)."""

from google_stand_in.answers import Json, not_found
from google_stand_in.routing import Call, Routes, merged, page

API = Routes("firebase")
STORAGE = Routes("firebasestorage")
ROUTES = (API, STORAGE)

PROJECTS, APPS, LINKS = "firebaseProjects", "webApps", "firebaseBuckets"
RETENTION_SECONDS = 30 * 24 * 3600  # documented for removed apps
_APP = "projects/{project}/webApps/{app}"


def _operation(call: Call, response: Json) -> Json:
    return call.world.operation(f"operations/firebase.{call.world.serial()}", lambda: response)


@API.post("projects/{project}:addFirebase", "firebase.projects.update")
def add(call: Call) -> Json:
    name = call.root.rstrip("/")
    if not call.project.firebase_terms:
        raise call.failing("firebase_terms")
    project = {
        "projectId": call.project.project_id,
        "projectNumber": call.project.number,
        "displayName": call.project.name,
        "name": name,
        "state": "ACTIVE",
        "etag": "1_fire",
        "resources": {},
    }
    return _operation(call, call.world.put(PROJECTS, name, project))


@API.get("projects/{project}", "firebase.projects.get")
def get_project(call: Call) -> Json:
    found = call.world.kind(PROJECTS).get(call.root.rstrip("/"))
    if found is None:
        raise not_found("Requested entity")
    return found


@API.get("projects")
def list_projects(call: Call) -> Json:
    return page(call, "results", call.world.under(PROJECTS, "projects/"))


@API.post("projects/{project}/webApps", "firebase.clients.create")
def create_app(call: Call) -> Json:
    """Create an app with every call: display names are not unique."""
    get_project(call)
    app_id = f"1:{call.project.number}:web:{int(call.world.unique()):x}"
    name = f"{call.root}webApps/{app_id}"
    app = {
        "name": name,
        "appId": app_id,
        "displayName": call.body.get("displayName", ""),
        "projectId": call.project.project_id,
        "apiKeyId": call.body.get("apiKeyId") or f"{call.world.unique()}",
        "state": "ACTIVE",
        "etag": "1_app",
    }
    return _operation(call, call.world.put(APPS, name, app))


def _app(call: Call) -> tuple[str, Json]:
    project, app = call.params["project"], call.params["app"]
    prefix = "projects/" if project == "-" else call.root
    for name, found in call.world.kind(APPS).items():
        if name.startswith(prefix) and name.endswith(f"/webApps/{app}"):
            return name, found
    raise not_found(call.path)


@API.get("projects/{project}/webApps", "firebase.clients.list")
def list_apps(call: Call) -> Json:
    found = call.world.under(APPS, f"{call.root}webApps/")
    hidden = call.query.get("showDeleted") != "true"
    return page(
        call, "apps", [item for item in found if not (hidden and item["state"] == "DELETED")]
    )


@API.get(_APP, "firebase.clients.get")
def get_app(call: Call) -> Json:
    return _app(call)[1]


@API.patch(_APP, "firebase.clients.update")
def patch_app(call: Call) -> Json:
    name, app = _app(call)
    call.world.kind(APPS)[name] = merged(app, call.body, call.query.get("updateMask", ""))
    return call.world.kind(APPS)[name]


@API.post(_APP + ":remove", "firebase.clients.delete")
def remove_app(call: Call) -> Json:
    """Remove an app: at once with `immediate`, else restorable for 30 days."""
    name, app = _app(call)
    if call.body.get("immediate"):
        call.world.remove(APPS, name)
        return _operation(call, {})
    app.update(state="DELETED", expireTime=call.world.stamp(RETENTION_SECONDS))
    call.world.schedule_purge(APPS, name, RETENTION_SECONDS)
    return _operation(call, app)


@API.post(_APP + ":undelete", "firebase.clients.undelete")
def undelete_app(call: Call) -> Json:
    name, app = _app(call)
    app["state"] = "ACTIVE"
    call.world.purge_at.pop((APPS, name), None)
    return _operation(call, app)


@API.get(_APP + "/config", "firebase.clients.get")
def config(call: Call) -> Json:
    """The configuration for a web page; active apps only."""
    name, app = _app(call)
    project = call.world.project(name.split("/")[1])
    links = call.world.under(LINKS, f"projects/{project.project_id}/")
    bucket = links[0]["name"].rpartition("/")[2] if links else f"{project.project_id}.appspot.com"
    return {
        "projectId": project.project_id,
        "appId": app["appId"],
        "apiKey": f"AIzaSy{app['apiKeyId']:0>33}",
        "authDomain": f"{project.project_id}.firebaseapp.com",
        "databaseURL": f"https://{project.project_id}-default-rtdb.firebaseio.com",
        "storageBucket": bucket,
        "messagingSenderId": project.number,
        "projectNumber": project.number,
        "version": "2",
    }


_BUCKET = "projects/{project}/buckets/{linked}"


def _link(call: Call) -> str:
    return f"{call.root}buckets/{call.params['linked']}"


@STORAGE.post(_BUCKET + ":addFirebase", "firebasestorage.buckets.addFirebase")
def link(call: Call) -> Json:
    bucket = call.params["linked"]
    if bucket not in call.world.kind("buckets"):
        raise not_found(f"Bucket {bucket}")
    return call.world.put(LINKS, _link(call), {"name": f"{call.numbered}buckets/{bucket}"})


@STORAGE.get(_BUCKET, "firebasestorage.buckets.get")
def get_link(call: Call) -> Json:
    return call.world.get(LINKS, _link(call))


@STORAGE.get("projects/{project}/buckets", "firebasestorage.buckets.list")
def list_links(call: Call) -> Json:
    return page(call, "buckets", call.world.under(LINKS, f"{call.root}buckets/"))


@STORAGE.post(_BUCKET + ":removeFirebase", "firebasestorage.buckets.removeFirebase")
def unlink(call: Call) -> Json:
    call.world.remove(LINKS, _link(call))
    return {}
