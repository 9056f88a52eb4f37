"""The templates that can be deployed, with the variables a customer may set.

The HCL decides; `tests/deployments/test_templates.py` compares this table with the HCL.
"""

from dataclasses import dataclass
from enum import StrEnum

from deployments.destruction import (
    RECORDS,
    Destruction,
    RetainedResource,
    SoftDeletedResource,
)

__all__ = ["TEMPLATES", "Product", "Template", "Variable", "VariableKind"]


class VariableKind(StrEnum):
    """Terraform's types, as far as the templates use them."""

    STRING = "string"
    NUMBER = "number"
    BOOL = "bool"
    STRINGS = "list(string)"


@dataclass(frozen=True)
class Variable:
    """A variable that the request's `variables` may set.

    `lowest` and `highest` bound a number. `max_characters` and `pattern` apply to the whole of a
    string and of each entry of a list; `description` is the pattern for people.
    """

    kind: VariableKind
    sensitive: bool = False
    lowest: float = 0
    highest: float = 0
    max_characters: int = 4096
    whole: bool = False
    pattern: str = ".*"
    description: str = ""
    max_entries: int = 50


@dataclass(frozen=True)
class Product:
    """A bound on the product of numbers; `defaults` are those of the HCL, by variable."""

    defaults: dict[str, int]
    highest: int


@dataclass(frozen=True)
class Template:
    """A folder below `terraform/`.

    `needs_google`: a host needs a mirror with Google's provider, and a run needs a credential.
    `has_cameras`: the outputs become the camera configuration. `destruction`: the resources that a
    destroy leaves. `product`: a bound that no single variable has.
    """

    name: str
    needs_preflight: bool
    variables: dict[str, Variable]
    destruction: Destruction
    needs_google: bool = False
    has_cameras: bool = False
    product: Product | None = None

    @property
    def sensitive(self) -> frozenset[str]:
        """Names of the sensitive variables."""
        return frozenset(name for name, rule in self.variables.items() if rule.sensitive)


_SUFFIX = Variable(
    VariableKind.STRING,
    max_characters=8,
    pattern="[a-z0-9]*",
    description="at most 8 lower-case letters and digits",
)

# The sandbox's bounds are those in variables.tf: an hour per resource, a million lines each,
# 1,000 resources per layer, a million lines of a layer: 3 million lines are 0.8 GB of terraform's
# output, and without that bound a request made 1.9 TB. Only terraform checks that the resource in
# `fail` exists, since that rule depends on two variables.
TEMPLATES: dict[str, Template] = {
    "sandbox": Template(
        name="sandbox",
        needs_preflight=False,
        variables={
            "resource_seconds": Variable(VariableKind.NUMBER, lowest=0, highest=3600),
            "lines": Variable(VariableKind.NUMBER, lowest=0, highest=1_000_000, whole=True),
            "resources": Variable(VariableKind.NUMBER, lowest=1, highest=1000, whole=True),
            "fail": Variable(
                VariableKind.STRING,
                max_characters=64,
                pattern="((foundation|services|edge)-[1-9][0-9]{0,3})?",
                description="foundation-N, services-N or edge-N, or empty",
            ),
            "secret": Variable(VariableKind.STRING, sensitive=True, max_characters=4096),
        },
        destruction=Destruction(retained=(RECORDS,)),
        product=Product({"lines": 3, "resources": 4}, highest=1_000_000),
    ),
    "anava": Template(
        name="anava",
        needs_preflight=True,
        needs_google=True,
        has_cameras=True,
        variables={
            # https://firebase.google.com/docs/firestore/manage-databases#database_id
            "firestore_database_id": Variable(
                VariableKind.STRING,
                max_characters=63,
                pattern=r"[a-z][a-z0-9-]{2,61}[a-z0-9]|\(default\)",
                description="(default) or a letter and 3-62 lower-case letters, digits, hyphens",
            ),
            # https://firebase.google.com/docs/firestore/locations
            "firestore_location": Variable(
                VariableKind.STRING,
                max_characters=40,
                pattern="nam5|eur3|[a-z]+-[a-z]+[0-9]{1,2}",
                description="a Firestore location like nam5, eur3 or us-central1",
            ),
            "firebase_web_app_name": Variable(
                VariableKind.STRING,
                max_characters=63,
                pattern="[A-Za-z0-9][A-Za-z0-9 ._()-]*",
                description="1 to 63 letters, digits, spaces, . _ ( ) -; a letter or digit first",
            ),
            "allowed_origins": Variable(
                VariableKind.STRINGS,
                max_characters=253,
                pattern=r"(https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?|http://localhost)(:[1-9][0-9]{0,4})?",
                description="an origin like https://cameras.example.com or http://localhost:5173",
                max_entries=20,
            ),
            "destroy_customer_data": Variable(VariableKind.BOOL),
            "propagation_seconds": Variable(VariableKind.NUMBER, lowest=0, highest=600, whole=True),
            # Google reserves a deleted id for 30 days, that of a role for 37; with a suffix the
            # stack gets another id.
            "pool_suffix": _SUFFIX,
            "key_suffix": _SUFFIX,
            "role_suffix": _SUFFIX,
        },
        destruction=Destruction(
            retained=(
                RetainedResource(
                    "the APIs that were enabled",
                    "other parts of the project may use them, and disabling an API can delete data",
                ),
                RetainedResource(
                    "Firebase in the project", "Google offers no way to remove Firebase"
                ),
                RetainedResource(
                    "the sign-in settings (Identity Platform)",
                    "Google offers no way to remove them",
                ),
                RetainedResource(
                    "the Firestore database and the Firebase storage bucket",
                    "they hold the customer's data, which is deleted only when the stack was "
                    "deployed with destroy_customer_data = true before",
                ),
                RetainedResource(
                    "build results of functions: the repository gcf-artifacts and buckets gcf-v2-…",
                    "Google created them, and other functions of the project share them",
                ),
                RECORDS,
            ),
            soft_deleted=(
                # https://cloud.google.com/iam/docs/manage-workload-identity-pools-providers#delete-pool
                SoftDeletedResource(
                    "workload identity pool and provider",
                    30,
                    "they issue no token; a deployment with the same prefix restores them",
                ),
                # https://cloud.google.com/iam/docs/creating-custom-roles#deleting-custom-role
                SoftDeletedResource(
                    "custom role of the devices",
                    37,
                    "it gives no permission; a deployment with the same prefix within 7 days "
                    "restores the role, later ones need another role_suffix",
                ),
                # https://cloud.google.com/docs/authentication/api-keys#deleting_an_api_key
                SoftDeletedResource(
                    "API key", 30, "requests with it are refused; Google can restore it"
                ),
                # https://cloud.google.com/iam/docs/service-accounts-delete-undelete
                SoftDeletedResource(
                    "service accounts",
                    30,
                    "Google can restore them; new ones are other accounts",
                ),
                # https://firebase.google.com/docs/reference/firebase-management/rest/v1beta1/projects.webApps/remove
                SoftDeletedResource("web app", 30, "Firebase can restore it"),
                # https://cloud.google.com/service-infrastructure/docs/service-management/reference/rest/v1/services/delete
                SoftDeletedResource("the API's managed service", 30, "Google can restore it"),
            ),
        ),
    ),
}
