"""What the front documents name is there."""

import re
from pathlib import Path

import pytest

from tests.architecture.repository import ROOT, files, text

DOCUMENTS = ("README.md", "ARCHITECTURE.md")

CODE_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
# `folder/file.py`, `folder/`, `file.py`, each perhaps with `:name` of something in it.
BACKTICKED = re.compile(r"`((?!/)[\w.@-]*(?:/[\w.-]*)*)(?::+([\w.]+))?`")
# Without a folder only these say that a file of ours is meant: `exit.json` is made at run time.
OWN_SUFFIXES = {".lock", ".md", ".py", ".tf", ".toml", ".yaml", ".yml"}
# First words of paths that are none of ours: run roots, data folders, media types, providers.
ELSEWHERE = {
    "application",
    "cursors",
    "data",
    "hashicorp",
    "runs",
    "steps",
    "text",
    "work",
    "workers",
}


def _named_files(document: str) -> list[tuple[str, str]]:
    """Each path that a document names, with the name in the file it adds, or ""."""
    prose = CODE_BLOCK.sub("", text(Path(document)))
    named = [(path, name) for path, name in BACKTICKED.findall(prose) if _means_a_file(path)]
    return named + [(path, "") for path in LINK.findall(prose)]


def _means_a_file(path: str) -> bool:
    if "/" in path:
        return path.partition("/")[0] not in ELSEWHERE
    return Path(path).suffix in OWN_SUFFIXES


def _exists(path: str) -> bool:
    if "/" in path or (ROOT / path).exists():
        return (ROOT / path).exists()
    return path in {file.name for file in files()}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_files_that_a_document_names_exist(document: str) -> None:
    assert [path for path, _ in _named_files(document) if not _exists(path)] == []


@pytest.mark.parametrize("document", DOCUMENTS)
def test_names_that_a_document_points_to_are_in_their_file(document: str) -> None:
    missing = [
        f"{path}:{name}"
        for path, name in _named_files(document)
        if name
        and (ROOT / path).is_file()
        and not re.search(rf"\b{name.rpartition('.')[2]}\b", text(Path(path)))
    ]

    assert missing == []
