"""Documents name only files that exist, and no text refers to a document that is not here."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.repository import ROOT, files, text

DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md")

CODE_BLOCK = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
# `folder/file.py`, `folder/`, `file.py`, each perhaps with `:name` of a definition in it.
BACKTICKED = re.compile(r"`((?!/)[\w.@-]*(?:/[\w.-]*)*)(?::+([\w.]+))?`")
# Without a folder only these suffixes mean a committed file: `exit.json` is made at run time.
OWN_SUFFIXES = {".lock", ".md", ".py", ".tf", ".toml", ".yaml", ".yml"}
RUN_TIME_FILES = {"alive.lock", "runner.lock"}
# First words of paths outside the repository: run roots, data folders, media types, providers.
ELSEWHERE = {
    "application",
    "cursors",
    "data",
    "hashicorp",
    "outbox",
    "runs",
    "steps",
    "text",
    "work",
    "workers",
}

# `\n` as two characters stands in JSON in front of a word.
ESCAPED_NEWLINE = re.compile(r"\\n")
MARKDOWN_FILE = re.compile(r"[\w./:-]*\w\.md\b")
# A document cited by a name in capitals and a section.
SECTION = re.compile(r"\b[A-Z]{4,}(?:\.md)?,? section \d")
DECISION = re.compile(r"\bADR (\d+)\b|docs/adr/(\d{4})")


def _named_files(document: str) -> list[tuple[str, str]]:
    """Each path that a document names, with the name in the file behind the colon, or ""."""
    prose = CODE_BLOCK.sub("", text(Path(document)))
    named = [(path, name) for path, name in BACKTICKED.findall(prose) if _means_a_file(path)]
    return named + [(path, "") for path in LINK.findall(prose)]


def _means_a_file(path: str) -> bool:
    if "/" in path:
        return path.partition("/")[0] not in ELSEWHERE
    return Path(path).suffix in OWN_SUFFIXES and path not in RUN_TIME_FILES


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


def test_links_between_documents_lead_to_a_file() -> None:
    broken = [
        f"{document}: {link}"
        for document in files()
        if document.suffix == ".md"
        for link in LINK.findall(text(document))
        if not (ROOT / document.parent / link).exists()
    ]

    assert broken == []


def test_each_threat_names_the_files_of_its_tests() -> None:
    rows = re.findall(r"^\| \d+ \|.*$", text(Path("docs/security/threats.md")), re.MULTILINE)
    shown_by = [row.split(" | ")[4] for row in rows]
    named = [path for cell in shown_by for path in re.findall(r"`(tests/[^`]*)`", cell)]

    assert len(shown_by) >= 20
    assert [cell for cell in shown_by if cell != "—" and "`tests/" not in cell] == []
    assert [path for path in named if not (ROOT / path).is_file()] == []


def test_the_index_of_decisions_lists_every_decision() -> None:
    index = set(LINK.findall(text(Path("docs/adr/README.md"))))

    assert index - {"template.md"} == {path.name for path in _decisions()}


def test_every_decision_has_a_status_and_a_date() -> None:
    head = re.compile(
        r"# \d+\. .+\n\nStatus: (?:accepted(?:, amended by \d+(?: and \d+)*)?|superseded by \d+)\n"
        r"Date: \d{4}-\d\d-\d\d\n\n"
    )

    assert [page.name for page in _decisions() if not head.match(text(page))] == []


def test_an_amended_decision_names_the_pages_that_amend_it() -> None:
    """ADR 12 forbade waits and gave devices a database after ADR 41 and 42 had changed both."""
    amended = {
        page.name[:4]: re.findall(r"\d+", match[1])
        for page in _decisions()
        if (match := re.search(r"^Status: accepted, amended by (.+)$", text(page), re.M))
    }
    numbers = {int(page.name[:4]) for page in _decisions()}

    assert amended["0012"] == ["41", "42"]
    assert {n for pages in amended.values() for n in pages if int(n) not in numbers} == set()


def test_the_index_explains_every_number_without_a_decision() -> None:
    numbers = {int(page.name[:4]) for page in _decisions()}
    index = text(Path("docs/adr/README.md"))
    gaps = set(range(1, max(numbers) + 1)) - numbers

    assert [number for number in sorted(gaps) if f"\n| {number:04} | " not in index] == []


def test_the_index_of_documents_lists_every_page_beside_it() -> None:
    folder = Path("docs")
    index = {str(folder / link) for link in LINK.findall(text(folder / "README.md"))}
    pages = [path for path in files() if path.parts[0] == "docs" and path.suffix == ".md"]
    expected = [path for path in pages if path.parts[1] != "adr" and path != folder / "README.md"]

    assert [str(path) for path in expected if str(path) not in index] == []


def test_no_text_refers_to_a_document_that_is_not_in_the_repository() -> None:
    offenders = [
        f"{path}:{number}: {reference}"
        for path, number, line in _lines()
        for reference in _missing_documents(path, line)
    ]

    assert offenders == []


def _lines() -> Iterator[tuple[Path, int, str]]:
    """Every line of every committed text file."""
    for path in files():
        try:
            lines = text(path).splitlines()
        except UnicodeDecodeError:
            continue
        yield from ((path, number, line) for number, line in enumerate(lines, 1))


def _missing_documents(path: Path, line: str) -> Iterator[str]:
    line = ESCAPED_NEWLINE.sub(" ", line)
    for reference in MARKDOWN_FILE.findall(line):
        if "://" not in reference and not _is_document(reference, path.parent):
            yield reference
    yield from SECTION.findall(line)
    for match in DECISION.finditer(line):
        if int(match[1] or match[2]) not in {int(page.name[:4]) for page in _decisions()}:
            yield match[0]


def _is_document(reference: str, folder: Path) -> bool:
    reference = reference.lstrip("/:")
    return _exists(reference) or (ROOT / folder / reference).exists()


def _decisions() -> list[Path]:
    folder = Path("docs/adr")
    return [path for path in files() if path.parent == folder and path.name[:4].isdigit()]
