"""The process of the guard of Temporal's Web UI: started by `anava temporal-ui`."""

import asyncio
import logging

from adapters.process_exit import run_and_exit
from adapters.process_protection import protect_process
from adapters.service_log import configure_log
from adapters.settings import Settings, forget_secrets, load
from api import temporal_ui
from api.server import Server, check_host
from deployments.errors import AnavaError, InvalidSettings

__all__ = ["main", "run"]

_log = logging.getLogger("anava.temporal_ui")


async def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        InvalidSettings: the Web UI has no address, or the host is not allowed.
    """
    upstream = settings.temporal_ui.upstream
    if upstream is None:
        raise InvalidSettings("ANAVA_TEMPORAL_UI__UPSTREAM names no address of Temporal's Web UI")
    check_host(settings.api.host, published_on_loopback=settings.api.published_on_loopback)
    forget_secrets()
    app = temporal_ui.build(upstream)
    await Server(app, settings.api.host, settings.temporal_ui.port, asyncio.Event()).serve()


def main() -> int:
    """Serve until SIGTERM or SIGINT; returns the process's exit status, 1 after an error."""
    protect_process()
    configure_log()
    # A line per request, with the address of the Web UI.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    try:
        asyncio.run(run(load()))
    except AnavaError as error:
        _log.error("%s %s", error, error.next_step)
        return 1
    return 0


if __name__ == "__main__":
    run_and_exit(main)
