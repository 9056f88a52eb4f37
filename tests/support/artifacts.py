"""What a deployment leaves for download, and the secrets that must not be in it."""

import gzip
import hashlib
import json
import uuid
from typing import Any

from tests.support import secrets

FIRST = 'hunter2/"<planted>"&+é'
SECOND = "another-planted-secret"
ALWAYS = {"log.jsonl.gz", "log.txt", "plan.json", "plan.txt", "record.json"}
STEPS = {f"step-{number}.jsonl" for number in (1, 2, 3)}


def assert_hidden(data: bytes, where: str) -> None:
    secrets.assert_hidden(data, where, (FIRST, SECOND))


def prefix() -> str:
    return "p" + uuid.uuid4().hex[:8]


def assert_whole(files: dict[str, bytes], seen: dict[str, Any]) -> None:
    steps = [files[name] for name in sorted(STEPS)]
    assert gzip.decompress(files["log.jsonl.gz"]) == b"".join(steps)
    seals = seen["result"]["seals"]
    for step, seal in zip(steps, seals, strict=True):
        *lines, _end = step.splitlines(keepends=True)
        assert len(lines) == seal["lines"]
        assert hashlib.sha256(b"".join(lines)).hexdigest() == seal["sha256"]
    # A text of several lines is indented behind its first.
    entries = [line for line in files["log.txt"].splitlines() if not line.startswith(b"    ")]
    assert len(entries) == sum(seal["lines"] for seal in seals)
    outputs = json.loads(files["outputs.json"])["outputs"]
    assert outputs["api_key"] == {"sensitive": True, "value": None}
    assert outputs["storage_location"] == {"sensitive": False, "value": "US"}
    assert json.loads(files["record.json"])["result"]["status"] == "completed"
