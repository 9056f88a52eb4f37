"""Where things lie, and who may know whom, where the import contracts do not look."""

import ast
import sys
from pathlib import Path

from tests.support.repository import (
    ROOMS,
    ROOT,
    files,
    imported_names,
    python_files,
    text,
    tree,
)

RUNNER = Path("runner")

# A name for what did not find its place.
VAGUE = {"utils", "common", "shared", "helpers", "core", "base", "manager", "misc"}

# Past 400 lines a file is reviewed; this is the limit.
MOST_LINES = 550


def test_every_room_is_a_package_and_the_worker_is_a_module() -> None:
    expected = {Path(room, "__init__.py") for room in ROOMS} | {Path("worker_main.py")}

    assert expected - set(python_files()) == set()


def test_the_worker_is_put_together_from_every_room_but_the_front_doors() -> None:
    rooms = {name.partition(".")[0] for name in imported_names(Path("worker_main.py"))}

    assert rooms & {"api", "cli", "tests"} == set()


def test_no_room_imports_the_worker_or_the_tests_except_the_command_that_starts_it() -> None:
    offenders = [
        f"{path}: {name}"
        for path in python_files(*ROOMS)
        for name in imported_names(path)
        if name.partition(".")[0] == "tests"
        or (name.partition(".")[0] == "worker_main" and path.parts[0] != "cli")
    ]

    assert offenders == []


def test_the_runner_imports_only_the_standard_library_and_itself() -> None:
    runner = python_files("runner")
    # It runs with `python -I -S`, perhaps as a folder, where its siblings are top-level modules.
    own = {path.stem for path in runner}
    package = ".".join(RUNNER.parts)

    offenders = [
        f"{path}: {name}"
        for path in runner
        for name in imported_names(path)
        if name.partition(".")[0] not in sys.stdlib_module_names | own
        and not f"{name}.".startswith(f"{package}.")
    ]

    assert runner != []
    assert offenders == []


def test_only_the_settings_read_the_environment() -> None:
    readers = {
        str(path)
        for path in [*python_files(*ROOMS), Path("worker_main.py")]
        for node in ast.walk(tree(path))
        if (isinstance(node, ast.Attribute) and node.attr in {"environ", "environb", "getenv"})
        or (isinstance(node, ast.ImportFrom) and _takes_environment(node))
    }

    assert readers <= {"adapters/settings.py"}


def _takes_environment(node: ast.ImportFrom) -> bool:
    return node.module == "os" and any(
        alias.name in {"environ", "environb", "getenv"} for alias in node.names
    )


def test_no_python_file_is_too_long_to_read() -> None:
    lengths = {str(path): len(text(path).splitlines()) for path in python_files()}

    assert {path: lines for path, lines in lengths.items() if lines > MOST_LINES} == {}


def test_no_file_or_folder_has_a_name_that_says_nothing() -> None:
    vague = [
        str(path)
        for path in python_files()
        if VAGUE & {part.lstrip("_") for part in path.with_suffix("").parts}
    ]

    assert vague == []


def test_terraform_holds_no_python_but_the_functions_that_it_deploys() -> None:
    python = python_files("terraform")

    # terraform/<template>/functions/<name>/…: what Google runs, not what we run.
    assert [path for path in python if path.parts[2:3] != ("functions",)] == []
    assert len({path.parent for path in python}) == len(python)
    assert (ROOT / "terraform" / "sandbox").is_dir()


def test_a_deployed_function_knows_nothing_of_ours() -> None:
    offenders = [
        f"{path}: {name}"
        for path in python_files("terraform")
        for name in imported_names(path)
        if name.partition(".")[0] in {*ROOMS, "tests", "worker_main"}
    ]

    assert offenders == []


def test_every_folder_of_tests_is_a_package() -> None:
    folders = {
        folder
        for path in python_files("tests")
        for folder in path.parents
        if folder.parts[:1] == ("tests",)
    }

    assert {str(folder) for folder in folders if folder / "__init__.py" not in files()} == set()
