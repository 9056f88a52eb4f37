"""Records of stacks without Temporal."""

from deployments.stack_record import StackRecord

__all__ = ["StackRecordsInMemory"]


class StackRecordsInMemory:
    """Passes the suite in tests/adapters/contracts/test_stack_records.py."""

    def __init__(self) -> None:
        self._records: dict[str, StackRecord] = {}

    async def read(self, stack: str) -> StackRecord | None:
        return self._records.get(stack)

    async def write(self, stack: str, record: StackRecord) -> None:
        self._records[stack] = record

    async def remove(self, stack: str) -> None:
        self._records.pop(stack, None)
