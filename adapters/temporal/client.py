"""Connects to Temporal and registers what this service needs there."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    UpdateNamespaceRequest,
)
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError, RPCStatusCode

from deployments.errors import InvalidSettings, TemporalUnavailable
from deployments.temporal_names import WORKER_REPORT_SECONDS, Attribute

__all__ = ["check_attributes", "connect", "register", "set_retention", "worker_runtime"]

_DEFAULT_ADDRESS = "127.0.0.1:7233"
_KEYWORD = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD

# The result lies in history, so history must outlast every question about it (DESIGN section 7).
_RETENTION_DAYS = 90


async def connect(
    environment: Mapping[str, str] | None = None, runtime: Runtime | None = None
) -> Client:
    """A client by Temporal's own environment variables.

    Args:
        environment: of another process; this one's if there is none.
        runtime: the SDK's engine; its default if there is none.

    Raises:
        TemporalUnavailable: nobody answers there.
    """
    # The user's own configuration file is not ours to follow: a service is set by its environment.
    config = ClientConfig.load_client_connect_config(
        disable_file=True, override_env_vars=environment
    )
    config.setdefault("target_host", _DEFAULT_ADDRESS)
    try:
        return await Client.connect(**config, runtime=runtime)
    except (RuntimeError, RPCError) as error:
        raise TemporalUnavailable(f"no Temporal at {config['target_host']}: {error}") from None


def worker_runtime() -> Runtime:
    """An engine that reports its workers often enough for `/api/worker/health`."""
    return Runtime(
        telemetry=TelemetryConfig(),
        worker_heartbeat_interval=timedelta(seconds=WORKER_REPORT_SECONDS),
    )


async def register(client: Client) -> None:
    """Register the search attributes; a repeat changes nothing.

    Raises:
        InvalidSettings: one is registered with another type.
    """
    request = AddSearchAttributesRequest(
        namespace=client.namespace, search_attributes=dict.fromkeys(Attribute, _KEYWORD)
    )
    try:
        await client.operator_service.add_search_attributes(request)
    except RPCError as error:
        if error.status is not RPCStatusCode.ALREADY_EXISTS:
            raise
    # A server takes some moments to show them; another type is silently ignored (measured).
    for _ in range(50):
        missing = await _missing(client)
        if not missing:
            return
        await asyncio.sleep(0.1)
    raise InvalidSettings(_sentence(missing))


async def check_attributes(client: Client) -> None:
    """See that every search attribute is there and a Keyword.

    Raises:
        InvalidSettings: with the command that registers them.
    """
    if missing := await _missing(client):
        raise InvalidSettings(_sentence(missing))


async def set_retention(client: Client) -> None:
    """Keep closed workflows for 90 days at least."""
    service = client.workflow_service
    known = await service.describe_namespace(DescribeNamespaceRequest(namespace=client.namespace))
    days = known.config.workflow_execution_retention_ttl.ToTimedelta().days
    if days < _RETENTION_DAYS:
        update = UpdateNamespaceRequest(namespace=client.namespace)
        update.config.workflow_execution_retention_ttl.FromSeconds(_RETENTION_DAYS * 86_400)
        await service.update_namespace(update)


async def _missing(client: Client) -> list[str]:
    answer = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    return [name for name in Attribute if answer.custom_attributes.get(name) != _KEYWORD]


def _sentence(missing: list[str]) -> str:
    return (
        f"search attributes are missing or no Keyword: {', '.join(missing)}; "
        "register them with: anava register"
    )
