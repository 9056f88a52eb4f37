"""storage v1: objects; simple and multipart/related uploads."""

import base64
import hashlib
import re

from google_stand_in.answers import Answer, Json, invalid, storage_refusal
from google_stand_in.apis.storage import OBJECTS, bucket_of
from google_stand_in.routing import Call, Routes, page

API = Routes("storage")
ROUTES = (API,)

_CASTAGNOLI = 0x82F63B78  # CRC-32C's polynomial, reversed: the checksum of Cloud Storage


def _crc32c(content: bytes) -> str:
    value = 0xFFFFFFFF
    for byte in content:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (_CASTAGNOLI if value & 1 else 0)
    return base64.b64encode((value ^ 0xFFFFFFFF).to_bytes(4, "big")).decode()


def _parts(call: Call) -> tuple[Json, bytes]:
    """Metadata and content of an upload."""
    kind = call.headers.get("content-type", "")
    if call.query.get("uploadType") != "multipart":
        return {"contentType": kind}, call.content
    boundary = re.search(r"boundary=[\"']?([^\"';]+)", kind)
    parts = call.content.split(b"--" + boundary[1].encode()) if boundary else []
    if len(parts) != 4:  # before the first, metadata, content, after the last
        raise invalid("Malformed multipart body.")
    bodies = [part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n") for part in parts[1:3]]
    heads = parts[2].partition(b"\r\n\r\n")[0].decode("latin-1")
    stated = re.search(r"content-type:\s*(\S+)", heads, re.IGNORECASE)
    metadata = Call(**{**vars(call), "content": bodies[0]}).body
    return {"contentType": stated[1] if stated else "", **metadata}, bodies[1]


def _check_generation(call: Call, name: str) -> None:
    """Check `ifGenerationMatch`; 0 requires that the object does not exist."""
    wanted = call.query.get("ifGenerationMatch")
    found = call.world.kind(OBJECTS).get(name, {"generation": "0"})
    if wanted is not None and wanted != found["generation"]:
        message = "At least one of the pre-conditions you specified did not hold."
        raise storage_refusal(412, message, "conditionNotMet")


@API.post("upload/b/{bucket}/o", "storage.objects.create")
def upload(call: Call) -> Json:
    if call.query.get("uploadType") not in {"media", "multipart"}:
        raise invalid("Only uploads in one piece and multipart uploads are known here.")
    bucket = bucket_of(call)["name"]
    metadata, content = _parts(call)
    path = str(call.query.get("name") or metadata.get("name", ""))
    if not path or len(path.encode()) > 1024:
        raise storage_refusal(400, "The object's name has 1 to 1024 bytes.", "invalid")
    name, now = f"{bucket}/{path}", call.world.stamp()
    _check_generation(call, name)
    generation = str(int(call.world.now() * 1_000_000) + call.world.serial())
    md5 = hashlib.md5(content, usedforsecurity=False).digest()
    stored = {
        "storageClass": "STANDARD",
        **metadata,
        "kind": "storage#object",
        "id": f"{name}/{generation}",
        "name": path,
        "bucket": bucket,
        "generation": generation,
        "metageneration": "1",
        "size": str(len(content)),
        "md5Hash": base64.b64encode(md5).decode(),
        "crc32c": _crc32c(content),
        "etag": "CA==",
        "selfLink": f"https://www.googleapis.com/storage/v1/b/{bucket}/o/{path}",
        "mediaLink": f"https://storage.googleapis.com/download/storage/v1/b/{bucket}/o/{path}",
        "timeCreated": now,
        "updated": now,
    }
    call.world.kind(OBJECTS)[name] = stored
    call.world.payloads[name] = content
    return stored


def _object(call: Call) -> str:
    bucket = bucket_of(call)["name"]
    name = f"{bucket}/{call.params['object']}"
    if name not in call.world.kind(OBJECTS):
        raise storage_refusal(404, f"No such object: {name}", "notFound")
    return name


@API.get("b/{bucket}/o", "storage.objects.list")
def list_objects(call: Call) -> Json:
    prefix = f"{bucket_of(call)['name']}/{call.query.get('prefix', '')}"
    return page(call, "items", call.world.under(OBJECTS, prefix))


@API.get("b/{bucket}/o/{object=**}", "storage.objects.get")
@API.get("download/b/{bucket}/o/{object=**}", "storage.objects.get")
def get(call: Call) -> Json | Answer:
    name = _object(call)
    stored = call.world.kind(OBJECTS)[name]
    if call.query.get("alt") == "media":
        headers = {
            "content-type": "application/octet-stream",
            "x-goog-hash": f"md5={stored['md5Hash']}",
        }
        return Answer(200, call.world.payloads[name], headers)
    return stored


@API.patch("b/{bucket}/o/{object=**}", "storage.objects.update")
def patch(call: Call) -> Json:
    stored = call.world.kind(OBJECTS)[_object(call)]
    stored.update(call.body)
    return stored


@API.delete("b/{bucket}/o/{object=**}", "storage.objects.delete")
def delete(call: Call) -> Answer:
    name = _object(call)
    _check_generation(call, name)
    call.world.remove(OBJECTS, name)
    call.world.payloads.pop(name, None)
    return Answer(204, b"")
