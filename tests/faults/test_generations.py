"""What Cloud Storage is asked: packed chunks while a step runs, one object at its end."""

import gzip
import re

from adapters.gcs.log import GcsLogSink
from adapters.gcs.objects import open_objects
from tests.faults.fronted import Fronted
from tests.support import stores
from tests.support.http_proxy import http_proxy
from tests.support.logs import chunk, sealed

FOLDER = "logs/dep-generations/0000000001"


async def test_every_write_says_which_generation_it_expects(fronted: Fronted) -> None:
    await fronted.server.until_up()
    await stores.make_bucket(fronted.server)
    seal, end = sealed(1, 80)
    whole = b"".join(chunk(1, line, line).data for line in range(1, 81)) + end.data
    async with http_proxy(f"http://{fronted.server.host}", fronted.port) as proxy:
        objects = open_objects(stores.BUCKET, proxy.url, None)
        sink = GcsLogSink(objects)

        def names() -> list[str]:
            return [entry.name for entry in objects.entries(FOLDER)]

        for line in range(1, 81):
            await sink.write("dep-generations", chunk(1, line, line))
        await sink.write("dep-generations", end)
        running = await objects.threaded(names)
        assert running == [f"{FOLDER}/{line:010}.jsonl.gz" for line in range(1, 82)]
        first = await objects.threaded(objects.read, running[0])
        assert gzip.decompress(first) == chunk(1, 1, 1).data
        assert await sink.seal("dep-generations", seal) == 81
        assert await objects.threaded(names) == [f"{FOLDER}.index.json", f"{FOLDER}.jsonl.gz"]
        packed = await objects.threaded(objects.read, f"{FOLDER}.jsonl.gz")
        assert gzip.decompress(packed) == whole
    calls = [call for call, _ in proxy.calls]
    made = [item for item in calls if item.startswith("POST /upload") and "GenerationMatch" in item]
    assert len(made) == 81
    assert all("ifGenerationMatch=0" in value for value in made)
    composed = [entry for entry in calls if entry.startswith("POST") and "/compose" in entry]
    # Steps on the way may be written over; what is read in the end is made once.
    assert [("ifGenerationMatch=0" in each) for each in composed] == [False] * 3 + [True]
    removed = [element for element in calls if element.startswith("DELETE")]
    assert len(removed) == 81 + 3
    assert all(re.search(r"ifGenerationMatch=[1-9]", call) for call in removed)
