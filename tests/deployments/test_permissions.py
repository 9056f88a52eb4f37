"""What preflight asks for is what the HCL needs."""

import json
import re
from pathlib import Path

from adapters.google.preflight import read_requirements

TERRAFORM = Path(__file__).resolve().parent.parent.parent / "terraform"
ANAVA = TERRAFORM / "anava"
HCL = "\n".join(path.read_text() for path in sorted(ANAVA.glob("*.tf")))
LISTED: dict[str, list[str]] = json.loads((ANAVA / "permissions.json").read_text())["permissions"]
TYPES = set(re.findall(r'^resource "(google_\w+)"', HCL, re.MULTILINE))


def test_every_type_of_the_stack_says_what_it_needs() -> None:
    assert TYPES
    assert TYPES - set(LISTED) == set()


def test_no_type_is_listed_that_the_stack_does_not_have() -> None:
    """Asking for more than is needed would refuse who may deploy."""
    assert set(LISTED) - TYPES == {"project"}


def test_every_permission_has_the_form_of_a_permission() -> None:
    for permission in read_requirements(TERRAFORM, "anava").all_permissions:
        assert re.fullmatch(r"([a-z]+\.|iam\.googleapis\.com/)[A-Za-z]+\.[A-Za-z]+", permission)


def test_the_apis_are_those_that_the_stack_switches_on() -> None:
    block = re.search(r"services = toset\(\[for name in \[\n(.*?)\]", HCL, re.DOTALL)
    assert block
    names = re.findall(r'^ +"(\w+)"', block[1], re.MULTILINE)
    expected = tuple(f"{name}.googleapis.com" for name in sorted(names))
    assert read_requirements(TERRAFORM, "anava").apis == expected


def test_a_template_without_a_list_needs_nothing() -> None:
    found = read_requirements(TERRAFORM, "sandbox")
    assert (found.permissions, found.apis) == ((), ())
