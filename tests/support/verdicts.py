"""What a proxy does with one call."""

import itertools
import random
from collections.abc import Callable
from enum import Enum, auto

__all__ = ["Rule", "Verdict", "always", "never", "nth", "seeded", "writes"]


class Verdict(Enum):
    """One call's fate."""

    PASS = auto()
    # HTTP 503, gRPC UNAVAILABLE: not carried out, and said so.
    UNAVAILABLE = auto()
    # HTTP 429, gRPC RESOURCE_EXHAUSTED.
    EXHAUSTED = auto()
    # Carried out by the server, but the caller hears nothing.
    SWALLOW = auto()
    # Carried out by the server, and the connection is reset in place of the answer.
    LOSE = auto()
    # Carried out by the server, and the connection is closed in place of the answer.
    CLOSE = auto()
    # Not carried out: the connection is reset.
    RESET = auto()
    # Not carried out: the connection is closed.
    DROP = auto()


# By a call's name: `POST /upload/storage/v1/b/… artifacts/…`, which is the object's name, or
# `/google.firestore.v1.Firestore/Commit`.
Rule = Callable[[str], Verdict]

_WRITES = ("POST ", "PUT ", "PATCH ", "DELETE ", "/google.firestore.v1.Firestore/Commit")


def never(_: str) -> Verdict:
    return Verdict.PASS


def always(verdict: Verdict) -> Rule:
    return lambda _: verdict


def nth(number: int, verdict: Verdict) -> Rule:
    """Only the call with this number, from 1, meets this fate."""
    counter = itertools.count(1)
    return lambda _: verdict if next(counter) == number else Verdict.PASS


def seeded(seed: int, probability: float, verdict: Verdict) -> Rule:
    """The same calls in the same order meet the same fate."""
    dice = random.Random(seed)  # noqa: S311 - not for secrets: it must repeat
    return lambda _: verdict if dice.random() < probability else Verdict.PASS


def writes(rule: Rule) -> Rule:
    """Only what changes something in Cloud Storage or Firestore meets this fate."""
    return lambda name: rule(name) if name.startswith(_WRITES) else Verdict.PASS
