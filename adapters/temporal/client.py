"""Connects to Temporal, registers the search attributes, translates errors of calls."""

import asyncio
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.errordetails.v1 import NamespaceNotFoundFailure
from temporalio.api.operatorservice.v1 import (
    AddSearchAttributesRequest,
    ListSearchAttributesRequest,
)
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, UpdateNamespaceRequest
from temporalio.client import Client, WorkflowExecutionDescription
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import Runtime, TelemetryConfig
from temporalio.service import RPCError, RPCStatusCode, TLSConfig

from adapters.temporal.payloads import DATA_CONVERTER
from deployments.errors import AnavaError, InvalidSettings, NotFound, TemporalUnavailable
from deployments.temporal_names import WORKER_REPORT_SECONDS, Attribute

__all__ = [
    "check_attributes",
    "connect",
    "described",
    "register",
    "set_retention",
    "translated",
    "worker_runtime",
]

_DEFAULT_ADDRESS = "127.0.0.1:7233"
_KEYWORD = IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD

# A deployment's result is in the memo, so Temporal must retain the closed workflow for as
# long as the API shows the deployment.
_RETENTION_DAYS = 90


@contextmanager
def translated(
    not_found: AnavaError | None = None,
    *,
    allow: RPCStatusCode | None = None,
    by_token: bool = False,
) -> Iterator[None]:
    """Raise the errors of a Temporal call as errors of this service.

    Args:
        not_found: raised for NOT_FOUND; without it that is `TemporalUnavailable`, as all else.
        allow: a status that is not an error for this call.
        by_token: the call names its namespace by the id in a task token. A database that was lost
            has other ids (tried), so that an unknown namespace then means an unknown attempt.
    """
    try:
        yield
    except RPCError as error:
        if error.status is allow:
            return
        is_unknown = error.status is RPCStatusCode.NOT_FOUND
        if not_found is not None and is_unknown and (by_token or not _lacks_namespace(error)):
            raise not_found from None
        raise TemporalUnavailable(f"The call to Temporal failed: {error.status.name}.") from None


def _lacks_namespace(error: RPCError) -> bool:
    """Whether the server lacks the namespace, which proves nothing about a workflow in it."""
    return any(
        detail.Is(NamespaceNotFoundFailure.DESCRIPTOR) for detail in error.grpc_status.details
    )


async def described(
    client: Client, workflow_id: str, run_id: str | None = None, *, rpc_timeout: timedelta
) -> WorkflowExecutionDescription | None:
    """Describe a workflow, by default its newest run; None where Temporal has no such workflow."""
    handle = client.get_workflow_handle(workflow_id, run_id=run_id)
    try:
        with translated(NotFound("There is no such workflow.")):
            return await handle.describe(rpc_timeout=rpc_timeout)
    except NotFound:
        return None


async def connect(
    environment: Mapping[str, str] | None = None, runtime: Runtime | None = None
) -> Client:
    """Connect by Temporal's environment variables.

    Raises:
        InvalidSettings: a variable is wrong, or the server's certificate is not the expected one.
        TemporalUnavailable: Temporal does not answer, or refuses the connection.
    """
    config = _configuration(environment)
    try:
        return await Client.connect(**config, runtime=runtime, data_converter=DATA_CONVERTER)
    except ValueError as error:
        raise _refused_variable(error) from None
    except (RuntimeError, RPCError) as error:
        raise _refusal(config, str(error)) from None


def _configuration(environment: Mapping[str, str] | None) -> ClientConnectConfig:
    """Read Temporal's variables; raises InvalidSettings."""
    try:
        # Environment variables alone configure the service; a user's configuration file is skipped.
        config = ClientConfig.load_client_connect_config(
            disable_file=True, override_env_vars=environment
        )
    except OSError as error:
        raise InvalidSettings(
            f"{error.filename}, which a variable TEMPORAL_TLS_… names, cannot be read: "
            f"{error.strerror}."
        ) from None
    # Also the SDK's own error of a variable, a RuntimeError.
    except (RuntimeError, ValueError) as error:
        raise _refused_variable(error) from None
    tls = config.get("tls")
    if isinstance(tls, TLSConfig) and (tls.client_cert is None) != (tls.client_private_key is None):
        raise InvalidSettings(
            "TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH are set together."
        )
    config.setdefault("target_host", _DEFAULT_ADDRESS)
    return config


def _refused_variable(error: Exception) -> InvalidSettings:
    return InvalidSettings(f"Temporal's client refuses TEMPORAL_…: {error}.")


# Errors of the SDK's TLS library, in the order of the search, and a sentence for each (tried with
# temporalio 1.35 and a gRPC server that demands client certificates).
_TLS_CAUSES = {
    "InvalidCertificate(UnknownIssuer": "The certificate of Temporal at {address} is not of an "
    "authority in TEMPORAL_TLS_SERVER_CA_CERT_PATH or, without it, of a public authority.",
    "InvalidCertificate(NotValidForName": "The certificate of Temporal at {address} is for another "
    "name: TEMPORAL_TLS_SERVER_NAME is a name in the certificate.",
    "InvalidCertificate(Expired": "The certificate of Temporal at {address} has expired.",
    "InvalidCertificate(": "The certificate of Temporal at {address} is not valid.",
    "InvalidContentType": "Temporal at {address} does not use TLS, and TEMPORAL_TLS is true.",
    "KeyMismatch": "TEMPORAL_TLS_CLIENT_KEY_PATH is not the key of the client certificate.",
    "PrivateKeyParseError": "TEMPORAL_TLS_CLIENT_KEY_PATH has no private key in PEM.",
    "NoCertificatesPresented": "TEMPORAL_TLS_CLIENT_CERT_PATH has no certificate in PEM.",
    "CertificateParseError": "TEMPORAL_TLS_CLIENT_CERT_PATH has no certificate in PEM.",
}
# The innermost text of an error, such as "Connection refused".
_CAUSE = re.compile(r'(?:message|error): "([^"]+)"')
# The connection was accepted, and ended before the answer to the first call. In TLS 1.3 a server
# checks the client's certificate after the client's handshake (RFC 8446, section 4.4.2.4).
_CLOSED = ("`get_system_info` call error after connection", "transport::Error")


def _refusal(config: ClientConnectConfig, text: str) -> AnavaError:
    """The error for the text with which the SDK could not connect."""
    address = config["target_host"]
    for cause, sentence in _TLS_CAUSES.items():
        if cause in text:
            return InvalidSettings(sentence.format(address=address))
    if all(part in text for part in _CLOSED):
        return TemporalUnavailable(
            f"Temporal at {address} closed the connection: {_demand(config.get('tls'))}"
        )
    causes = _CAUSE.findall(text) or [text]
    return TemporalUnavailable(f"no answer from Temporal at {address}: {causes[-1].rstrip('.')}.")


def _demand(tls: bool | TLSConfig | None) -> str:
    """The likely demand of a server that closes the connection, in view of the settings."""
    if not tls:
        return "it may demand TLS (TEMPORAL_TLS=true)."
    if isinstance(tls, TLSConfig) and tls.client_cert is not None:
        return "it may refuse the client certificate in TEMPORAL_TLS_CLIENT_CERT_PATH."
    return (
        "it may demand a client certificate (TEMPORAL_TLS_CLIENT_CERT_PATH, "
        "TEMPORAL_TLS_CLIENT_KEY_PATH)."
    )


def worker_runtime() -> Runtime:
    """Create a runtime whose workers report to Temporal every 10 s, for `/api/worker/health`."""
    return Runtime(
        telemetry=TelemetryConfig(),
        worker_heartbeat_interval=timedelta(seconds=WORKER_REPORT_SECONDS),
    )


async def register(client: Client) -> None:
    """Register the search attributes; a repeat changes nothing.

    Raises:
        InvalidSettings: an attribute is registered with another type.
    """
    request = AddSearchAttributesRequest(
        namespace=client.namespace, search_attributes=dict.fromkeys(Attribute, _KEYWORD)
    )
    with translated(allow=RPCStatusCode.ALREADY_EXISTS):
        await client.operator_service.add_search_attributes(request)
    # A server lists new attributes after a delay, and silently ignores another type (measured).
    for _ in range(50):
        missing = await _missing_attributes(client)
        if not missing:
            return
        await asyncio.sleep(0.1)
    raise InvalidSettings(_missing_message(missing))


async def check_attributes(client: Client) -> None:
    """Check the search attributes; raises InvalidSettings with the command that registers them."""
    if missing := await _missing_attributes(client):
        raise InvalidSettings(_missing_message(missing))


async def set_retention(client: Client) -> None:
    """Raise the namespace's retention of closed workflows to at least 90 days."""
    service = client.workflow_service
    with translated():
        namespace = await service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace)
        )
        days = namespace.config.workflow_execution_retention_ttl.ToTimedelta().days
        if days < _RETENTION_DAYS:
            update = UpdateNamespaceRequest(namespace=client.namespace)
            update.config.workflow_execution_retention_ttl.FromSeconds(_RETENTION_DAYS * 86_400)
            await service.update_namespace(update)


async def _missing_attributes(client: Client) -> list[str]:
    request = ListSearchAttributesRequest(namespace=client.namespace)
    with translated():
        response = await client.operator_service.list_search_attributes(request)
    return [name for name in Attribute if response.custom_attributes.get(name) != _KEYWORD]


def _missing_message(missing: list[str]) -> str:
    return (
        f"search attributes are missing or not of type Keyword: {', '.join(missing)}; "
        "register them with: anava register"
    )
