"""The API's acceptance of a deployment: the signed input of a workflow, and its orders.

The server of Temporal is reached by more than the API, so a host does nothing for a workflow that
the API did not start (docs/adr/0033).
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from deployments.deployment import DeploymentRequest
from deployments.phase import TERRAFORM_PHASES
from deployments.step import StepKey, StepOrder
from deployments.step_order import DeploymentInput, step_order

__all__ = ["AcceptedDeployment", "signed_text"]

# The workflow numbers the steps from 1. The longest deployments of the tests have some 300 steps.
_MAX_STEP = 100_000


def signed_text(deployment: str, fields: Mapping[str, object]) -> str:
    """The text that is signed: the id, and the input's fields as JSON without the signature.

    Canonical: sorted keys, no spaces, ASCII. Made from the JSON that Temporal stores, so that the
    default of a field that a later version adds changes no signature.
    """
    content = {name: value for name, value in fields.items() if name != "signature"}
    return json.dumps([deployment, content], sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True)
class AcceptedDeployment:
    """A deployment whose input the API signed; `execution` is the first run id of the workflow.

    A reset of the workflow has another run id and the same `execution`.
    """

    id: str
    execution: str
    input: DeploymentInput

    def requests(self, deployment: str, request: DeploymentRequest) -> bool:
        """Whether deployment and request are those of this acceptance."""
        return deployment == self.id and request == self.input.request

    def has_step(self, key: StepKey) -> bool:
        """Whether the key is a possible step of the deployment."""
        return key.deployment == self.id and 1 <= key.step <= _MAX_STEP

    def orders(self, order: StepOrder) -> bool:
        """Whether the order follows from the accepted input.

        Plan and imports are found on the way: an apply executes only a plan that this host made,
        and a plan imports only resources that a search of this host has found.
        """
        if order.phase not in TERRAFORM_PHASES or not self.has_step(order.key):
            return False
        expected = step_order(order.phase, order.key, self.input, ())
        return order == replace(expected, plan_sha256=order.plan_sha256, imports=order.imports)
