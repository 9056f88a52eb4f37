"""The addresses of the template against those of release 0.1.0, without a provider.

`tests/terraform/stack/test_upgrade.py` plans and applies the upgrade itself.
"""

import re

from tests.support.real_provider import ANAVA
from tests.terraform.hcl_files import Body, bodies
from tests.terraform.stack.earlier import EARLIER, REMOVED
from tests.terraform.template_docs import api_names


def labels(template: list[Body]) -> set[str]:
    return {body.label for body in template if body.keyword == "resource"}


def test_a_resource_of_an_earlier_release_is_there_is_moved_or_is_removed_by_decision() -> None:
    """A resource with another address, and without a `moved` block, is deleted and created."""
    removed = {address for address in REMOVED if "[" not in address}

    assert labels(bodies(EARLIER)) - labels(bodies(ANAVA)) == removed


def test_an_api_that_has_another_address_is_moved() -> None:
    moved = {
        re.findall(r"\w+(?=\.googleapis)", str(body.content["from"]))[0]
        for body in bodies(ANAVA)
        if body.keyword == "moved"
    }

    assert moved == {"cloudresourcemanager", "serviceusage"}
    # No API went to another address otherwise, and none is left out.
    assert api_names(bodies(EARLIER)) == api_names(bodies(ANAVA))
    named_first = re.findall(r"(\w+)\.googleapis", (ANAVA / "services.tf").read_text())
    assert moved == {*named_first}
