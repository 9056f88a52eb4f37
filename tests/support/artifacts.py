"""What a deployment leaves for download, and how a secret could get into it."""

import base64
import gzip
import hashlib
import json
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

FIRST = 'hunter2/"<planted>"&+é'
SECOND = "another-planted-secret"
ALWAYS = {"log.jsonl.gz", "log.txt", "plan.json", "plan.txt", "record.json"}
STEPS = {f"step-{number}.jsonl" for number in (1, 2, 3)}


def forms(secret: str) -> Iterator[bytes]:
    """How the secret could have got out; made here, not by what removes it."""
    raw = secret.encode()
    yield raw
    yield raw.hex().encode()
    yield quote(secret, safe="").encode()
    for ascii_only in (True, False):
        yield json.dumps(secret, ensure_ascii=ascii_only)[1:-1].encode()
    for offset in range(3):
        # Without the characters that neighbours decide.
        yield base64.b64encode(b"x" * offset + raw)[4:-4]


def assert_hidden(data: bytes, where: str) -> None:
    for secret in (FIRST, SECOND):
        for form in forms(secret):
            assert form not in data, f"{form!r} in {where}"


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
