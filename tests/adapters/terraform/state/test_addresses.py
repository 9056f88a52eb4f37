"""An address in a message and the same instance in the state are equal, for every key."""

import json
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.redaction import MARK, Redactor
from adapters.settings import base_environment
from adapters.terraform.output.messages import decode
from adapters.terraform.state.addresses import comparable_address, instance_address
from worker.state_reconciliation import addresses_in

NASTY = [
    *("${a}", "%{b}", "$${c}", "$$${d}", "%%%{e}", "${", "%{", "$", "%", "a${b}c%{d}"),
    *("a\u00a0b", "\x7f", "\x01", "\u200b", "\u2028", "\ufeff", "\ue000", "\U000e0001"),
    *('"', '"]', '["x"]', "\\", "\\n", "\\u00a0", "\n", "\r\n", "\t", "", " ", "a.b[0]"),
    # The last emoji is of Unicode 15: Go and Python may disagree whether it is printable.
    *("é", "e\u0301x", "中", "\U0001f600", "\U0001f468\u200d\U0001f469", "\U0001fae8", "</&>"),
    "k" * 600,
]
_MODULE = """
variable "keys" {}
resource "terraform_data" "a" {
  for_each = toset(var.keys)
}
"""
_ROOT = (
    _MODULE
    + """
resource "terraform_data" "counted" {
  count = 2
}
resource "terraform_data" "single" {}
module "m" {
  source   = "./m"
  for_each = toset(var.keys)
  keys     = slice(var.keys, 0, 2)
}
"""
)


def apply(keys: list[str], folder: Path) -> tuple[list[str], bytes]:
    """Addresses in the messages of a real apply with these keys, and its state."""
    terraform = shutil.which("terraform")
    assert terraform is not None
    (folder / "m").mkdir()
    (folder / "m" / "main.tf").write_text(_MODULE)
    (folder / "main.tf").write_text(_ROOT)
    (folder / "terraform.tfvars.json").write_text(json.dumps({"keys": keys}))
    environment = {"CHECKPOINT_DISABLE": "1", "TF_CLI_CONFIG_FILE": "/dev/null"}
    environment |= {"HOME": str(folder), "PATH": base_environment()["PATH"]}
    for argv in (["init"], ["apply", "-auto-approve", "-json"]):
        run = subprocess.run(  # noqa: S603 - terraform
            [terraform, *argv], cwd=folder, env=environment, capture_output=True, check=False
        )
        assert run.returncode == 0, run.stdout[-2000:]
    messages = filter(None, map(decode, run.stdout.splitlines()))
    addresses = [
        message.hook.resource.addr
        for message in messages
        if message.type == "apply_complete" and message.hook and message.hook.resource
    ]
    return addresses, (folder / "terraform.tfstate").read_bytes()


def check(keys: list[str]) -> list[str]:
    """Apply these keys and compare; returns the addresses."""
    with TemporaryDirectory() as folder:
        addresses, state = apply(keys, Path(folder))
    assert len(addresses) >= len(keys) + 3
    assert {comparable_address(address) for address in addresses} == addresses_in(state)
    assert len(addresses_in(state)) == len(addresses)
    return addresses


def test_a_resource_with_any_key_that_terraform_recorded_is_found_in_the_state() -> None:
    """An ordinary failure was reported as `unrecorded_resources`."""
    secrets = [f"pass-{key}-word" for key in NASTY]
    addresses = check([*NASTY, *secrets])

    # A key that is a secret is hidden, as terraform quotes the key.
    redactor = Redactor(secrets)
    shown = [redactor.clean(address) for address in addresses]
    assert not [address for address in shown if "pass-" in address or "-word" in address]
    assert shown.count(f'terraform_data.a["{MARK}"]') == len(secrets)


@pytest.mark.long
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(keys=st.lists(st.text(max_size=8), min_size=60, max_size=60, unique=True))
def test_any_keys_compare(keys: list[str]) -> None:
    check(keys)


@given(keys=st.lists(st.text(), min_size=2, max_size=2, unique=True))
def test_different_keys_have_different_addresses(keys: list[str]) -> None:
    resource = {"type": "a", "name": "b"}
    first, second = (instance_address(resource, {"index_key": key}) for key in keys)
    assert first != second


def test_keys_of_modules_are_decoded_too() -> None:
    in_state = {"module": 'module.m["$${x}"]', "type": "a", "name": "b"}
    assert instance_address(in_state, {}) == comparable_address('module.m["$${x}"].a.b')
