"""A proxy for any gRPC service in front of a real one: raw bytes, faults by rule."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from tests.support.servers import free_port
from tests.support.verdicts import Rule, Verdict, never

__all__ = ["GrpcProxy", "grpc_proxy"]

_REFUSALS = {
    Verdict.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Verdict.EXHAUSTED: grpc.StatusCode.RESOURCE_EXHAUSTED,
}
# A document may have 1 MiB, a batch more.
_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
# Of one hop only.
_OF_THE_HOP = ("grpc-", ":", "user-agent")


def _raw(message: bytes) -> bytes:
    return message


@dataclass
class GrpcProxy(grpc.GenericRpcHandler):  # type: ignore[misc] # the library is not typed
    """`rule` and `latency_seconds` may be changed at any time."""

    upstream: grpc.aio.Channel
    port: int
    rule: Rule = never
    latency_seconds: float = 0.0
    calls: list[tuple[str, Verdict]] = field(default_factory=list)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def service(self, handler_call_details: Any) -> Any:
        """Every method there is; a call with one message is a stream of one."""

        async def handle(requests: AsyncIterator[bytes], context: Any) -> AsyncIterator[bytes]:
            async for answer in self._handle(handler_call_details, requests, context):
                yield answer

        return grpc.stream_stream_rpc_method_handler(handle, _raw, _raw)

    async def _handle(
        self, details: Any, requests: AsyncIterator[bytes], context: Any
    ) -> AsyncIterator[bytes]:
        verdict = self.rule(details.method)
        self.calls.append((details.method, verdict))
        await asyncio.sleep(self.latency_seconds)
        if verdict in _REFUSALS:
            await context.abort(_REFUSALS[verdict], "refused by a fault proxy")
        method = self.upstream.stream_stream(details.method, _raw, _raw)
        metadata = [
            (name, value)
            for name, value in details.invocation_metadata
            if not name.startswith(_OF_THE_HOP)
        ]
        # A poll without a deadline is refused by Temporal.
        call = method(requests, metadata=metadata, timeout=context.time_remaining())
        try:
            async for answer in call:
                if verdict is not Verdict.SWALLOW:
                    yield answer
        except grpc.aio.AioRpcError as error:
            # A tuple: abort fails with the library's own type, and the caller hears of that.
            found = error.trailing_metadata() or ()
            kept = tuple(item for item in found if not item[0].startswith(_OF_THE_HOP))
            await context.abort(error.code(), error.details(), kept)
        if verdict is Verdict.SWALLOW:
            # It was carried out; the caller waits until its own time is over.
            await asyncio.Event().wait()


@asynccontextmanager
async def grpc_proxy(
    target: str, credentials: grpc.ServerCredentials | None = None
) -> AsyncIterator[GrpcProxy]:
    """In front of `host:port`; with `credentials` clients use TLS."""
    async with grpc.aio.insecure_channel(target, options=_OPTIONS) as channel:
        proxy = GrpcProxy(channel, free_port())
        server = grpc.aio.server(options=_OPTIONS)
        server.add_generic_rpc_handlers((proxy,))
        if credentials is None:
            assert server.add_insecure_port(proxy.host)
        else:
            assert server.add_secure_port(proxy.host, credentials)
        await server.start()
        try:
            yield proxy
        finally:
            await server.stop(grace=None)
