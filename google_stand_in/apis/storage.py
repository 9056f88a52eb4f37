"""storage v1: buckets and their policies, with Cloud Storage's error shape."""

import re

from google_stand_in import access
from google_stand_in.answers import Json, storage_refusal
from google_stand_in.apis import policies
from google_stand_in.apis.org_policy import location_allowed
from google_stand_in.routing import Call, Routes, page

API = Routes("storage")
ROUTES = (API,)

BUCKETS, OBJECTS = "buckets", "objects"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]")


def bucket_of(call: Call) -> Json:
    found = call.world.kind(BUCKETS).get(call.params["bucket"])
    if found is None:
        raise storage_refusal(404, "The specified bucket does not exist.", "notFound")
    return found


@API.post("b", "storage.buckets.create")
def create(call: Call) -> Json:
    project = call.world.project(call.required("project"))
    name = str(call.body.get("name", ""))
    if not _NAME.fullmatch(name) or name.startswith("goog"):
        raise storage_refusal(400, f"Invalid bucket name: '{name[:80]}'", "invalid")
    taken = call.world.kind(BUCKETS).get(name)
    if taken is not None:
        yours = taken["projectNumber"] == project.number
        raise call.failing("bucket_yours" if yours else "bucket_taken")
    if not project.billing:
        raise call.failing("billing_storage")
    location = str(call.body.get("location", "US")).upper()
    if not location_allowed(project, location):
        raise call.failing("org_policy_storage", location=location.lower())
    now = call.world.stamp()
    bucket = {
        "storageClass": "STANDARD",
        "softDeletePolicy": {"retentionDurationSeconds": "604800", "effectiveTime": now},
        "rpo": "DEFAULT",
        **call.body,
        "kind": "storage#bucket",
        "id": name,
        "name": name,
        "selfLink": f"https://www.googleapis.com/storage/v1/b/{name}",
        "projectNumber": project.number,
        "location": location,
        "locationType": "multi-region" if location in {"US", "EU", "ASIA"} else "region",
        "metageneration": "1",
        "etag": "CAE=",
        "timeCreated": now,
        "updated": now,
    }
    bucket["iamConfiguration"] = _uniform(call.body.get("iamConfiguration") or {})
    call.world.kind(BUCKETS)[name] = bucket
    call.world.policies[name] = access.of_new_bucket(project.project_id)
    return bucket


def _uniform(given: Json) -> Json:
    """Both spellings of uniform access, and the inherited prevention of public access."""
    uniform = given.get("uniformBucketLevelAccess") or {"enabled": False}
    return {
        "publicAccessPrevention": "inherited",
        **given,
        "uniformBucketLevelAccess": uniform,
        "bucketPolicyOnly": uniform,
    }


@API.get("b", "storage.buckets.list")
def list_buckets(call: Call) -> Json:
    number = call.world.project(call.required("project")).number
    found = [item for item in call.world.under(BUCKETS, "") if item["projectNumber"] == number]
    return page(call, "items", found)


@API.get("b/{bucket}", "storage.buckets.get")
def get(call: Call) -> Json:
    return bucket_of(call)


@API.patch("b/{bucket}", "storage.buckets.update")
@API.add("PUT", "b/{bucket}", "storage.buckets.update")
def patch(call: Call) -> Json:
    """Update a bucket; null removes a field."""
    bucket = bucket_of(call)
    changed = {**bucket, **call.body}
    changed = {key: value for key, value in changed.items() if value is not None}
    changed["iamConfiguration"] = _uniform(changed.get("iamConfiguration") or {})
    changed["metageneration"] = str(int(bucket["metageneration"]) + 1)
    call.world.kind(BUCKETS)[bucket["name"]] = changed
    return changed


@API.delete("b/{bucket}", "storage.buckets.delete")
def delete(call: Call) -> Json:
    name = bucket_of(call)["name"]
    if call.world.under(OBJECTS, f"{name}/"):
        raise storage_refusal(409, "The bucket you tried to delete is not empty.", "conflict")
    call.world.remove(BUCKETS, name)
    return {}


@API.get("b/{bucket}/iam", "storage.buckets.getIamPolicy")
def get_policy(call: Call) -> Json:
    return policies.read(call, bucket_of(call)["name"])


@API.add("PUT", "b/{bucket}/iam", "storage.buckets.setIamPolicy")
def set_policy(call: Call) -> Json:
    return policies.write(call, bucket_of(call)["name"], call.body)


@API.get("b/{bucket}/iam/testPermissions")
def test_permissions(call: Call) -> Json:
    bucket_of(call)
    return policies.permitted(call, call.query.getlist("permissions"))


@API.get("b/{bucket}/anywhereCaches/")
def caches(call: Call) -> Json:
    bucket_of(call)
    return {}


@API.get("projects/{project}/serviceAccount")
def agent(call: Call) -> Json:
    mail = f"service-{call.project.number}@gs-project-accounts.iam.gserviceaccount.com"
    return {"kind": "storage#serviceAccount", "email_address": mail}
