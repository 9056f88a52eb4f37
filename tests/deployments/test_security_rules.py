"""Rules of another app are distinguished from those of the template, at a linear cost."""

import time

import pytest

from deployments.security_rules import are_of_template, deny_all
from tests.support.security_rules import RULES_OF_RELEASE_0_1_0
from tests.support.servers import ROOT

FIRESTORE_RULES = (ROOT / "terraform/anava/rules/firestore.rules").read_text()


@pytest.mark.parametrize(
    "rules",
    [
        RULES_OF_RELEASE_0_1_0,
        FIRESTORE_RULES,
        FIRESTORE_RULES.replace("\n", "\r\n"),
        f"// A comment.\n{FIRESTORE_RULES}\n\n",
    ],
)
def test_each_version_of_the_template_is_recognised(rules: str) -> None:
    """A change of the template's rules needs the digest of the new rules beside the others."""
    assert are_of_template(rules)
    assert not deny_all(rules)


@pytest.mark.parametrize(
    "rules",
    [
        "",
        "allow read: if true;",
        FIRESTORE_RULES.replace("anava_device == true", "anava_device != true"),
        f"{FIRESTORE_RULES} match /orders/{{id}} {{ allow read; }}",
        # Everything behind an opened string or comment stays.
        f"{FIRESTORE_RULES} /* match /orders/{{id}} {{ allow read; }}",
    ],
)
def test_other_rules_are_not_the_templates(rules: str) -> None:
    assert not are_of_template(rules)


@pytest.mark.parametrize(
    ("rules", "is_locked"),
    [
        ("", True),
        ("allow read, write: if false;", True),
        ("/* allow read: if true; */ allow read: if false;", True),
        ("/* allow read: if true; **/ allow read: if false;", True),
        ("allow read: if false; // allow read;", True),
        ("allow read;", False),
        ("allow read: if false; /* allow read: if true;", False),
        # A comment does not begin within a string.
        ("function f() { return '/*'; } allow read: if true; // */", False),
        ('function f() { return "\\"/*"; } allow read: if true; // */', False),
        ("function f() { return '//'; } allow read: if true;", False),
        ("allow read: if false; '\nallow read;", False),
    ],
)
def test_only_a_denial_of_everything_is_locked(rules: str, is_locked: bool) -> None:
    assert deny_all(rules) is is_locked


def _seconds(rules: str) -> float:
    """The least time of three runs: an interruption by another process only adds."""
    times = []
    for _ in range(3):
        began = time.process_time()
        deny_all(rules)
        are_of_template(rules)
        times.append(time.process_time() - began)
    return min(times)


@pytest.mark.parametrize(
    "part",
    ["/* ", "/*", "/**", "'", "'\\'", '"\\"', "//", "allow ", "allow:", "allow: if ", "\\", " "],
)
def test_the_cost_grows_linearly_with_the_size_of_the_rules(part: str) -> None:
    """16 times as many `/* ` took 256 times as long, in the event loop of the worker."""
    # Google limits the source of a ruleset to 256 KB; the smaller size takes milliseconds.
    small, large = part * (16_000 // len(part)), part * (256_000 // len(part))
    assert _seconds(large) < 64 * max(_seconds(small), 0.0005)
