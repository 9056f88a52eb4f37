"""The clock of a world: the machine's time, which a test can advance."""

import time
from dataclasses import dataclass

# Ten years: far above every documented retention, and a valid date.
MAX_SECONDS = 10 * 365 * 24 * 3600


@dataclass
class Clock:
    """Operations, roles, services, tokens and retentions read this clock alone."""

    advanced: float = 0

    def now(self) -> float:
        return time.time() + self.advanced

    def advance(self, seconds: float) -> None:
        """Move the clock forward; it never goes back."""
        if not 0 <= seconds <= MAX_SECONDS:
            raise ValueError(f"seconds are between 0 and {MAX_SECONDS}")
        self.advanced += seconds
