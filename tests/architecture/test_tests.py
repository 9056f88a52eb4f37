"""Rules of the tests themselves: what is shared lies in modules that hold no test."""

import re

from tests.support.repository import imported_names, python_files

_TEST_MODULE = re.compile(r"tests\.(\w+\.)*(test_\w+|conftest)(\.|$)")
_HELPERS = "tests.support"


def test_no_module_imports_a_test_module_or_a_conftest() -> None:
    """A fixture or function of two modules lies in tests/support/ or beside them."""
    found = [
        f"{path} imports {name}"
        for path in python_files("tests", "scripts")
        for name in imported_names(path)
        if _TEST_MODULE.match(name)
    ]

    assert found == []


def test_what_several_folders_share_depends_on_no_folder() -> None:
    found = [
        f"{path} imports {name}"
        for path in python_files("tests")
        if path.parts[:2] == ("tests", "support")
        for name in imported_names(path)
        if name.startswith("tests.") and not name.startswith(_HELPERS)
    ]

    assert found == []


def test_a_folder_imports_helpers_of_its_own_and_shared_ones_only() -> None:
    found = [
        f"{path} imports {name}"
        for path in python_files("tests")
        if len(path.parts) > 2 and path.parts[1] != "support"
        for name in imported_names(path)
        if name.startswith("tests.")
        and not f"{name}.".startswith((f"{_HELPERS}.", f"tests.{path.parts[1]}."))
    ]

    assert found == []
