"""The log of API and worker on stderr: times in UTC, a flood of messages once a minute."""

import logging
import time
from collections import Counter

__all__ = ["configure_log"]

# The period for which repeated messages are counted instead of written.
_PERIOD_SECONDS = 60.0
# Different messages of a kind in a period: a deployment or a store each.
_MAX_PER_KIND = 5


def configure_log() -> None:
    """Write the log of this process to stderr."""
    handler = logging.StreamHandler()
    formatter = logging.Formatter(
        "%(asctime)s %(levelname)s %(name)s %(message)s", "%Y-%m-%dT%H:%M:%SZ"
    )
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    handler.addFilter(FloodFilter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


class FloodFilter(logging.Filter):
    """Passes a warning or error once a period, and five different ones of a kind.

    The first message of a kind in the next period carries the number of those that were left out.
    """

    def __init__(self) -> None:
        super().__init__()
        self._period = 0.0
        self._texts: set[str] = set()
        self._kinds: Counter[tuple[str, str]] = Counter()
        self._left_out: Counter[tuple[str, str]] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written."""
        if record.levelno < logging.WARNING:
            return True
        if time.monotonic() - self._period >= _PERIOD_SECONDS:
            self._period = time.monotonic()
            self._texts.clear()
            self._kinds.clear()
        kind, text = (record.name, str(record.msg)), record.getMessage()
        if text in self._texts or self._kinds[kind] >= _MAX_PER_KIND:
            self._left_out[kind] += 1
            return False
        self._texts.add(text)
        self._kinds[kind] += 1
        if left_out := self._left_out.pop(kind, 0):
            record.msg, record.args = f"{text} ({left_out} more like this before)", None
        return True
