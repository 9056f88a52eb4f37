"""Redacts with the secrets of a run, those included that become known while a step runs."""

from adapters.redaction import Redactor
from worker.run_directory import RunDirectory

__all__ = ["RunRedactor"]


class RunRedactor(Redactor):
    """A redactor that reads new secrets as soon as they are added.

    A token of the run is added before terraform can read the token, so a worker that translates
    the same output again hides the same texts.
    """

    def __init__(self, directory: RunDirectory) -> None:
        super().__init__(())
        self._directory = directory
        self._known: frozenset[str] = frozenset()
        self._version: int | None = None
        self._current = Redactor(())

    def touches(self, data: bytes) -> bool:
        """Whether output may contain a secret that is known by now."""
        return self._latest().touches(data)

    def clean(self, text: str) -> str:
        """Return the text with the secrets replaced that are known by now."""
        return self._latest().clean(text)

    def _latest(self) -> Redactor:
        version = self._directory.secrets_version()
        if version != self._version:
            # A cleared directory has no secrets any more; those that were known stay hidden.
            known = self._known.union(self._directory.secrets())
            self._current = Redactor(known)
            self._known, self._version = known, version
        return self._current
