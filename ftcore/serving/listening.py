"""How a server of uvicorn takes connections: through limits that uvicorn itself does not have."""

import asyncio
import errno
import socket
import sys

import uvicorn
from uvicorn.config import STARTUP_FAILURE

from ftcore.access import Networks
from ftcore.errors import UnfreezeError
from ftcore.serving.connections import MAX_CONNECTIONS, Connections, Listener
from ftcore.storage import open_files
from ftcore.validation import printable


async def startup(
    server: uvicorn.Server,
    sockets: list[socket.socket] | None,
    proxies: Networks,
    stop_seconds: int,
    farewell: bytes = b"",
) -> None:
    """Do what `uvicorn.Server.startup` does, with limits on connections.

    `stop_seconds`: for answers that are being sent when the server is stopped. `farewell`: what a client
    reads whose request did not arrive in time.
    """
    await server.lifespan.startup()
    if server.lifespan.should_exit:
        sys.exit(STARTUP_FAILURE)
    config = server.config
    config.timeout_graceful_shutdown = stop_seconds
    # Half of the open files are left to the record, the cache and what libraries open.
    limit = min(MAX_CONNECTIONS, open_files.raise_limit() // 2)
    connections = Connections(limit, proxies, farewell)
    config.loaded_app = connections.tracked(config.loaded_app)

    def protocol() -> asyncio.Protocol:
        return config.http_protocol_class(  # type: ignore[call-arg]
            config=config, server_state=server.server_state, app_state=server.lifespan.state
        )

    server.servers = []
    for listening in sockets or [config.bind_socket()]:
        listening.listen(config.backlog)
        listening.setblocking(False)
        listener = Listener(listening, protocol, config.ssl, connections)
        server.servers.append(listener)  # type: ignore[arg-type]
    server.started = True


def bind(host: str, port: int) -> socket.socket:
    """Return a socket that has the port but does not listen yet. Raises UnfreezeError."""
    shown = printable(host)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, ValueError):  # a host that is none, or with a NUL
        raise UnfreezeError(
            f"The host {shown!r} is unknown: give an address of this machine."
        ) from None
    bound = socket.socket(family, kind, protocol)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(address)
    except OSError as error:
        bound.close()
        if error.errno == errno.EADDRINUSE:
            raise UnfreezeError(f"Port {port} is taken: choose another one (--port).") from None
        raise UnfreezeError(
            f"Port {port} of {shown} cannot be used ({error.strerror}): choose another port or host."
        ) from None
    return bound
