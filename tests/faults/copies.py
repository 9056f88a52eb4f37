"""What lies in a store as it lies there: a second copy of anything would show."""

import gzip
from typing import Any

from redis.asyncio import Redis

from adapters.firestore.client import Firestore
from adapters.gcs.objects import Objects

__all__ = ["in_documents", "in_objects", "in_redis"]


async def in_redis(client: Redis, deployment: str, step: int = 1) -> bytes:
    entries: Any = await client.xrange(f"anava:{{{deployment}}}:log:{step}")
    return b"".join(fields[b"data"] for _, fields in entries)


async def in_objects(objects: Objects, deployment: str, step: int = 1) -> bytes:
    def packed() -> bytes:
        folder = f"logs/{deployment}/{step:010}"
        names = [blob.name for blob in objects.entries(folder)]
        assert names == [f"{folder}.index.json", f"{folder}.jsonl.gz"]
        return objects.read(f"{folder}.jsonl.gz")

    return gzip.decompress(await objects.threaded(packed))


async def in_documents(documents: Firestore, deployment: str, step: int = 1) -> bytes:
    found = documents.deployment(deployment).collection("steps").document(f"{step:010}")
    chunks = [item.to_dict() or {} async for item in found.collection("chunks").stream()]
    return b"".join(gzip.decompress(chunk["data"]) for chunk in chunks)
