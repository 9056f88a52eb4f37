"""The templates that can be deployed, with the variables a customer may set.

The HCL is the truth; `tests/deployments/test_templates.py` holds this page against it.
"""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["TEMPLATES", "Template", "Variable", "VariableKind"]


class VariableKind(StrEnum):
    """Terraform's types, as far as our templates use them."""

    STRING = "string"
    NUMBER = "number"
    BOOL = "bool"
    STRINGS = "list(string)"


@dataclass(frozen=True)
class Variable:
    """A variable that the request's `variables` may set.

    `lowest` and `highest` bound a number; a string may have `longest` characters and matches the
    whole of `pattern`, which `words` say for people. So does each entry of a list, `most` of them.
    """

    kind: VariableKind
    sensitive: bool = False
    lowest: float = 0
    highest: float = 0
    longest: int = 4096
    whole: bool = False
    pattern: str = ".*"
    words: str = ""
    most: int = 50


@dataclass(frozen=True)
class Template:
    """A folder below `terraform/`.

    `needs_google`: it uses Google's provider, so a host needs a mirror that has it, and a run needs
    a credential. `has_cameras`: its outputs are what cameras need.
    """

    name: str
    needs_preflight: bool
    variables: dict[str, Variable]
    needs_google: bool = False
    has_cameras: bool = False

    @property
    def sensitive(self) -> frozenset[str]:
        """Names of the variables whose values must never be seen."""
        return frozenset(name for name, rule in self.variables.items() if rule.sensitive)


_SUFFIX = Variable(
    VariableKind.STRING,
    longest=8,
    pattern="[a-z0-9]*",
    words="at most 8 lower-case letters and digits",
)

# The sandbox's bounds are those of its variables.tf: an hour a resource, a million lines each,
# 1,000 resources a layer. That the resource to fail is there, too, only terraform can say: it looks
# at two variables.
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
                longest=64,
                pattern="((foundation|services|edge)-[1-9][0-9]{0,3})?",
                words="foundation-N, services-N or edge-N, or empty",
            ),
            "secret": Variable(VariableKind.STRING, sensitive=True, longest=4096),
        },
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
                longest=63,
                pattern=r"[a-z][a-z0-9-]{2,61}[a-z0-9]|\(default\)",
                words="(default) or 4 to 63 lower-case letters, digits, hyphens, from a letter on",
            ),
            # https://firebase.google.com/docs/firestore/locations
            "firestore_location": Variable(
                VariableKind.STRING,
                longest=40,
                pattern="nam5|eur3|[a-z]+-[a-z]+[0-9]{1,2}",
                words="a Firestore location like nam5, eur3 or us-central1",
            ),
            "firebase_web_app_name": Variable(
                VariableKind.STRING,
                longest=63,
                pattern="[A-Za-z0-9][A-Za-z0-9 ._()-]*",
                words="1 to 63 letters, digits, spaces and . _ ( ) -, from a letter or digit on",
            ),
            "allowed_origins": Variable(
                VariableKind.STRINGS,
                longest=253,
                pattern=r"(https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?|http://localhost)(:[1-9][0-9]{0,4})?",
                words="an origin like https://cameras.example.com or http://localhost:5173",
                most=20,
            ),
            "destroy_customer_data": Variable(VariableKind.BOOL),
            # Google gives a deleted id to nobody for 30 days; then the next one has an ending.
            "pool_suffix": _SUFFIX,
            "key_suffix": _SUFFIX,
        },
    ),
}
