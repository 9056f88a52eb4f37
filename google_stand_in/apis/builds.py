"""cloudbuild (builds of functions) and artifactregistry (repositories)."""

from google_stand_in.answers import Json
from google_stand_in.routing import Call, Routes, merged, page

BUILD = Routes("cloudbuild")
REGISTRY = Routes("artifactregistry")
ROUTES = (BUILD, REGISTRY)

BUILDS, REPOSITORIES = "builds", "repositories"
_PARENT = "projects/{project}/locations/{location}/repositories"


@BUILD.get("projects/{project}/builds", "cloudbuild.builds.list")
def list_global(call: Call) -> Json:
    return page(call, "builds", call.world.under(BUILDS, call.root))


@BUILD.get("projects/{project}/locations/{location}/builds", "cloudbuild.builds.list")
def list_builds(call: Call) -> Json:
    prefix = f"{call.root}locations/{call.params['location']}/builds/"
    return page(call, "builds", call.world.under(BUILDS, prefix))


@BUILD.get("projects/{project}/locations/{location}/builds/{build}", "cloudbuild.builds.get")
def get_build(call: Call) -> Json:
    location, build = call.params["location"], call.params["build"]
    return call.world.get(BUILDS, f"{call.root}locations/{location}/builds/{build}")


def _parent(call: Call) -> str:
    return f"{call.root}locations/{call.params['location']}"


def _name(call: Call) -> str:
    return f"{_parent(call)}/repositories/{call.params['repository']}"


def _operation(call: Call, response: Json) -> Json:
    name = f"{_parent(call)}/operations/{call.world.serial()}"
    return call.world.operation(name, lambda: response)


@REGISTRY.post(_PARENT, "artifactregistry.repositories.create")
def create(call: Call) -> Json:
    name = f"{_parent(call)}/repositories/{call.required('repositoryId')}"
    times = {"createTime": call.world.stamp(), "updateTime": call.world.stamp()}
    repository = {"mode": "STANDARD_REPOSITORY", **call.body, "name": name, **times}
    return _operation(call, call.world.put(REPOSITORIES, name, repository))


@REGISTRY.get(_PARENT, "artifactregistry.repositories.list")
def list_repositories(call: Call) -> Json:
    return page(call, "repositories", call.world.under(REPOSITORIES, f"{_parent(call)}/"))


@REGISTRY.get(_PARENT + "/{repository}", "artifactregistry.repositories.get")
def get(call: Call) -> Json:
    return call.world.get(REPOSITORIES, _name(call))


@REGISTRY.patch(_PARENT + "/{repository}", "artifactregistry.repositories.update")
def patch(call: Call) -> Json:
    name = _name(call)
    mask = call.query.get("updateMask", "")
    repository = merged(call.world.get(REPOSITORIES, name), call.body, mask)
    call.world.kind(REPOSITORIES)[name] = repository
    return repository


@REGISTRY.delete(_PARENT + "/{repository}", "artifactregistry.repositories.delete")
def delete(call: Call) -> Json:
    call.world.remove(REPOSITORIES, _name(call))
    return _operation(call, {})
