"""The prices of the Anava template belong to its resources."""

from deployments.costs import read_costs
from tests.support.repository import ROOT
from tests.terraform.hcl_files import bodies

FILE = ROOT / "terraform" / "anava" / "costs.json"
TABLE = read_costs(FILE.read_bytes())


def test_each_price_belongs_to_a_resource_of_the_template() -> None:
    kinds = {body.type for body in bodies(FILE.parent) if body.keyword == "resource"}

    assert {price.resource for price in TABLE.prices} - kinds == set()


def test_the_use_of_an_instance_is_that_of_the_template() -> None:
    """`available_cpu` and `available_memory` decide two of the prices."""
    (function,) = (
        body.content
        for body in bodies(FILE.parent)
        if body.label == "google_cloudfunctions2_function.this"
    )
    (service,) = function["service_config"]
    values = {assumption.name: assumption.value for assumption in TABLE.assumptions}

    assert service["available_cpu"] == f"{values['vcpus']:g}"
    assert service["available_memory"] == f"{values['memory_gib'] * 1024:g}Mi"
