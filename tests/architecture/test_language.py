"""The house's language: standard terms, plain sentences, one name for one thing."""

import ast
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.repository import ROOT, files, python_files, text, tree

# google_stand_in speaks Google's API, in which a `segment` of a path and `adopt` are words.
PRODUCT = ("api", "workflows", "activities", "worker", "runner", "deployments", "adapters", "cli")

# A person who does something is a user, an operator or a caller; a program stores, requests,
# continues and fixes.
BANNED_IN_PROSE = re.compile(
    r"\b(?:nobody|somebody|anybody|everybody|whoever|whomever|whatever|hurry|mend(?:s|ed)?)\b",
    re.IGNORECASE,
)
# Names of the first months: step, supervisor, re-attach, import and stack queue took their place.
FORMER_TERMS = re.compile(
    r"segment|keeper|adopt|\bturn of (?:the|a|its) stack|stack's turn|take_turn|StackTurn",
    re.IGNORECASE,
)
# Each stands for any thing at all; a variable bears the name of its thing.
VAGUE_VARIABLES = {"one", "ones", "found", "asked", "told", "said", "given"}
ONLY_NAMES_A_PORT = re.compile(
    r"^(?:Port|Ports|Implements) `\w+`(?: and `\w+`)?[.;:,]?(?: so are.*)?$"
)


def product() -> list[Path]:
    return [*python_files(*PRODUCT), Path("worker_main.py")]


def docstrings(path: Path) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree(path)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if docstring := ast.get_docstring(node):
            yield getattr(node, "lineno", 1), docstring


def shown() -> list[Path]:
    """Every file whose text a developer, an operator or a customer reads."""
    pages = [
        path for path in files() if path.parts[:2] in {("api", "templates"), ("api", "static")}
    ]
    documents = [path for path in files() if path.suffix == ".md" and path.parts[0] != "tests"]
    return [*product(), *pages, *documents]


def test_the_prose_of_the_product_is_plain() -> None:
    measured = subprocess.run(  # noqa: S603 - our own script
        [sys.executable, ROOT / "scripts" / "prose-metrics"],
        capture_output=True,
        text=True,
        check=False,
    )

    assert measured.returncode == 0, measured.stdout


def test_no_text_holds_a_word_for_any_person_or_thing_at_all() -> None:
    offenders = [
        f"{path}:{number}: {line.strip()}"
        for path in shown()
        if path.name != "CHANGELOG.md"
        for number, line in enumerate(text(path).splitlines(), 1)
        if BANNED_IN_PROSE.search(line)
    ]

    assert offenders == []


def test_no_text_holds_a_term_that_was_replaced() -> None:
    offenders = [
        f"{path}:{number}: {line.strip()}"
        for path in shown()
        if path.name != "CHANGELOG.md" and "adr" not in path.parts
        for number, line in enumerate(text(path).splitlines(), 1)
        if FORMER_TERMS.search(line)
    ]

    assert offenders == []


def test_a_variable_bears_the_name_of_its_thing() -> None:
    offenders = [
        f"{path}:{getattr(node, 'lineno', 0)}: {name}"
        for path in product()
        for node in ast.walk(tree(path))
        if (name := _bound_name(node)) in VAGUE_VARIABLES
    ]

    assert offenders == []


def _bound_name(node: ast.AST) -> str:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return node.id
    return node.arg if isinstance(node, ast.arg) else ""


def test_no_two_public_classes_have_one_name() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in product():
        for node in tree(path).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(str(path))

    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_a_docstring_says_more_than_the_name_of_a_port() -> None:
    offenders = [
        f"{path}:{line}: {docstring}"
        for path in product()
        for line, docstring in docstrings(path)
        if ONLY_NAMES_A_PORT.match(docstring.partition("\n\n")[0].replace("\n", " "))
    ]

    assert offenders == []


@pytest.mark.parametrize(
    "docstring",
    ["Port `Host`.", "Port `Host`; so are the public methods below.", "Ports `A` and `B`."],
)
def test_a_docstring_that_only_names_a_port_is_recognised(docstring: str) -> None:
    assert ONLY_NAMES_A_PORT.match(docstring)
