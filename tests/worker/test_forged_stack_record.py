"""A stack's record that another program wrote is a matter of that stack alone."""

import json
from pathlib import Path
from uuid import uuid4

import pytest

from adapters.settings import Settings, base_environment
from adapters.temporal.stack_records import TemporalStackRecords
from adapters.terraform.state.backends import StateBackends
from deployments.errors import RecordUnreadable
from deployments.stack_record import StackRecord
from tests.support.forged import forged_stack_record
from tests.support.servers import TemporalServer
from worker.run_root import RunRoot
from worker.stack_states import StackStates

RESOURCE = {"mode": "managed", "type": "t", "name": "n", "instances": [{}]}
STATE = {"version": 4, "lineage": "l", "serial": 9, "outputs": {}, "resources": [RESOURCE]}


async def test_the_states_of_other_stacks_are_recorded(
    temporal: TemporalServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A record without a memo ended every worker of a host with a state of the stack."""
    names = [f"local.sandbox.demo-project-1.{letter}{uuid4().hex[:8]}" for letter in "ab"]
    forged, other = names
    for stack in names:
        folder = tmp_path / "stacks" / stack
        folder.mkdir(parents=True)
        (folder / "terraform.tfstate").write_text(json.dumps(STATE))
    client = await temporal.client()
    records = TemporalStackRecords(client)
    states = StateBackends(Settings(data_dir=tmp_path), base_environment())
    stacks = StackStates(RunRoot(tmp_path / "runs"), states, records)
    async with forged_stack_record(client, forged, {}):
        await stacks.declare()
        assert isinstance(await records.read(other), StackRecord)
        assert forged in caplog.text
        with pytest.raises(RecordUnreadable):
            await stacks.admit(forged)
    # The deployment that works on the stack has its state, so its record replaces the forged one.
    async with forged_stack_record(client, forged, {}):
        await stacks.note(forged, states.of(forged))
        record = await records.read(forged)
        assert record is not None
        assert record.serial == STATE["serial"]
        await records.remove(forged)
