"""The templates that can be deployed, with the variables a customer may set.

The HCL is the truth; `tests/deployments/test_templates.py` holds this page against it.
"""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["TEMPLATES", "Kind", "Template", "Variable"]


class Kind(StrEnum):
    """Terraform's types, as far as our templates use them."""

    STRING = "string"
    NUMBER = "number"
    FLAG = "bool"
    TEXTS = "list(string)"


@dataclass(frozen=True)
class Variable:
    """A variable that the request's `variables` may set.

    `lowest` and `highest` bound a number; a string, or each of at most `most` strings, may have
    `longest` characters and matches the whole of `pattern`, which `words` say for people.
    """

    kind: Kind
    sensitive: bool = False
    lowest: float = 0
    highest: float = 0
    longest: int = 4096
    most: int = 0
    whole: bool = False
    pattern: str = ".*"
    words: str = ""


@dataclass(frozen=True)
class Template:
    """A folder below `terraform/`. `own` are the variables that only the service sets."""

    name: str
    available: bool
    needs_preflight: bool
    variables: dict[str, Variable]
    own: frozenset[str] = frozenset()

    @property
    def sensitive(self) -> frozenset[str]:
        """Names of the variables whose values must never be seen."""
        return frozenset(name for name, rule in self.variables.items() if rule.sensitive)


# The sandbox's bounds are those of its variables.tf: an hour a resource, a million lines each,
# 1,000 resources a layer. That the resource to fail is there, too, only terraform can say: it looks
# at two variables.
TEMPLATES: dict[str, Template] = {
    "sandbox": Template(
        name="sandbox",
        available=True,
        needs_preflight=False,
        variables={
            "resource_seconds": Variable(Kind.NUMBER, lowest=0, highest=3600),
            "lines": Variable(Kind.NUMBER, lowest=0, highest=1_000_000, whole=True),
            "resources": Variable(Kind.NUMBER, lowest=1, highest=1000, whole=True),
            "fail": Variable(
                Kind.STRING,
                longest=64,
                pattern="((foundation|services|edge)-[1-9][0-9]{0,3})?",
                words="foundation-N, services-N or edge-N, or empty",
            ),
            "secret": Variable(Kind.STRING, sensitive=True, longest=4096),
        },
    ),
    "anava": Template(
        name="anava",
        available=False,
        needs_preflight=True,
        variables={
            "firestore_database_id": Variable(
                Kind.STRING,
                longest=63,
                pattern=r"\(default\)|[a-z][a-z0-9-]{2,61}[a-z0-9]",
                words="(default), or 4 to 63 lower-case letters, digits or hyphens",
            ),
            "firestore_location": Variable(
                Kind.STRING,
                longest=40,
                pattern="nam5|eur3|[a-z]+-[a-z]+[0-9]{1,2}",
                words="nam5, eur3 or a region like us-east1",
            ),
            "firebase_web_app_name": Variable(
                Kind.STRING,
                longest=63,
                pattern="[A-Za-z0-9][A-Za-z0-9 ._()-]{0,62}",
                words="1 to 63 letters, digits, spaces or . _ ( ) -, from a letter or digit on",
            ),
            "allowed_origins": Variable(
                Kind.TEXTS,
                most=20,
                longest=253,
                pattern="(https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?|http://localhost)(:[1-9][0-9]{0,4})?",
                words="an origin like https://console.example.com, without a path",
            ),
            "destroy_customer_data": Variable(Kind.FLAG),
        },
        own=frozenset({"pool_suffix", "key_suffix"}),
    ),
}
