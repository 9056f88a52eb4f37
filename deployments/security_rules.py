"""Security rules of Firestore: whether another app of the project needs them.

https://firebase.google.com/docs/rules/rules-language
"""

import hashlib
import re

__all__ = ["are_of_template", "deny_all"]

# Each alternative consumes its text to the end and never gives text back, so that the cost is
# linear: a string, which may contain the signs of a comment; a comment of a line; a closed comment;
# the rest after an unclosed comment, which stays.
_TOKEN = re.compile(
    r"""(?P<text>'(?:[^'\\\n]|\\.)*+'?|"(?:[^"\\\n]|\\.)*+"?)"""
    r"|//[^\n]*+|/\*(?P<block>(?:[^*]|\*(?!/))*+)(?P<end>\*/)?",
    re.DOTALL,
)
_ALLOW = re.compile(r"\ballow\b[^;]*")
_DENIAL = re.compile(r"allow[^:]*:\s*if\s+false\s*")

# SHA-256 of the content of each `terraform/anava/rules/firestore.rules` that the service has
# deployed. A ruleset has no label, so the content alone shows whose rules they are.
_OF_TEMPLATE = frozenset(
    {
        # Release 0.1.0.
        "cbe0a6b63ade0ebcbb46e0ff649f7ed8b29222e834d0b194d723130b1d064acb",
        # The claim `anava_device`.
        "a3b67d541961dfbd41641be313c299a1573d7ae6076cbc9b4ba3033381556cb9",
    }
)


def deny_all(rules: str) -> bool:
    """Whether rules are Firebase's locked ones, which another app of the project cannot need."""
    return all(map(_DENIAL.fullmatch, _ALLOW.findall(_without_comments(rules))))


def are_of_template(rules: str) -> bool:
    """Whether a version of the template has made these rules; comments and spaces may differ."""
    return _digest(rules) in _OF_TEMPLATE


def _digest(rules: str) -> str:
    content = " ".join(_without_comments(rules).split())
    return hashlib.sha256(content.encode()).hexdigest()


def _without_comments(rules: str) -> str:
    return _TOKEN.sub(_kept, rules)


def _kept(token: re.Match[str]) -> str:
    is_comment = token["text"] is None and (token["block"] is None or token["end"] is not None)
    return " " if is_comment else token[0]
