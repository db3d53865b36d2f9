"""How uvicorn, which Streamlit starts, takes connections: through our limits."""

import asyncio
import socket
import sys

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from ftcore.access import Networks
from ftcore.storage import open_files
from pages.components.shell.connections import MAX_CONNECTIONS, Connections, Listener

STOP_SECONDS = 5  # for answers that are being sent when the server is stopped


def install(proxies: Networks) -> None:
    """Let uvicorn start with limits on connections.

    Streamlit makes the server itself and passes on none of uvicorn's settings, of which none limits
    connections without a request anyway. It imports the app before it calls `startup`.
    """

    async def startup(server: uvicorn.Server, sockets: list[socket.socket] | None = None) -> None:
        await server.lifespan.startup()
        if server.lifespan.should_exit:
            sys.exit(STARTUP_FAILURE)
        config = server.config
        config.timeout_graceful_shutdown = STOP_SECONDS
        # Half of the open files are left to the record, the cache and what libraries open.
        limit = min(MAX_CONNECTIONS, open_files.raise_limit() // 2)
        connections = Connections(limit, proxies)
        config.loaded_app = connections.tracked(config.loaded_app)

        def protocol() -> asyncio.Protocol:
            return config.http_protocol_class(
                config=config, server_state=server.server_state, app_state=server.lifespan.state
            )

        server.servers = []
        for listening in sockets or [config.bind_socket()]:
            listening.listen(config.backlog)
            listening.setblocking(False)
            server.servers.append(Listener(listening, protocol, config.ssl, connections))
        server.started = True

    uvicorn.Server.startup = startup
