"""Event files as artifacts: the same bytes each time, nothing lost, nothing a terminal obeys."""

import gzip
import json
from pathlib import Path

from adapters.local import log_archive


def events(folder: Path, step: int, *texts: str, end: str = "complete") -> Path:
    lines = [
        {
            "id": f"{step}-{line}",
            "time": "2026-01-01T00:00:00Z",
            "level": "info",
            "phase": "apply",
            "text": text,
        }
        for line, text in enumerate(texts, 1)
    ]
    record = {"id": f"{step}-{len(texts) + 1}", "end": end, "lines": len(texts), "sha256": "00"}
    file = folder / f"{step}.jsonl"
    file.write_text(
        "".join(json.dumps(item, separators=(",", ":")) + "\n" for item in (*lines, record))
    )
    return file


def test_the_packed_log_is_all_event_files_and_always_the_same_bytes(tmp_path: Path) -> None:
    files = [events(tmp_path, number, *["line"] * 40_000) for number in (1, 2, 3)]
    packed = b"".join(log_archive.gzipped(files))
    assert gzip.decompress(packed) == b"".join(file.read_bytes() for file in files)
    # Magic, deflate, no flags, no time (RFC 1952).
    assert packed[:8] == b"\x1f\x8b\x08" + bytes(5)
    assert b"".join(log_archive.gzipped(files)) == packed


def test_each_event_is_one_entry_of_the_text(tmp_path: Path) -> None:
    texts = [f"line {number}" for number in range(30_000)]
    text = b"".join(log_archive.as_text([events(tmp_path, 1, *texts)])).decode()
    assert text.splitlines() == [f"2026-01-01T00:00:00Z info  apply {item}" for item in texts]


def test_no_terminal_obeys_the_text(tmp_path: Path) -> None:
    file = events(tmp_path, 1, "\x1b[2Jgone\r\nnext\tone\x9b1m \u00e9")
    text = b"".join(log_archive.as_text([file])).decode()
    assert (
        text == "2026-01-01T00:00:00Z info  apply \\x1b[2Jgone\\x0d\n    next\tone\\x9b1m \u00e9\n"
    )


def test_a_lost_rest_is_told_and_a_damaged_line_is_shown(tmp_path: Path) -> None:
    file = events(tmp_path, 1, "first", end="lost")
    file.write_bytes(b"\xff{damaged\n" + file.read_bytes())
    text = b"".join(log_archive.as_text([file])).decode()
    damaged, first, lost = text.splitlines()
    assert "{damaged" in damaged
    assert first.endswith(" first")
    assert lost == "(The rest of the log of step 1 was lost with its host.)"
