"""How uvicorn, which Streamlit starts, takes connections: through our limits."""

import socket

import uvicorn

from ftcore.access import Networks
from ftcore.serving import listening

STOP_SECONDS = 5  # for answers that are being sent when the server is stopped


def install(proxies: Networks) -> None:
    """Let uvicorn start with limits on connections.

    Streamlit makes the server itself and passes on none of uvicorn's settings, of which none limits
    connections without a request anyway. It imports the app before it calls `startup`.
    """

    async def startup(server: uvicorn.Server, sockets: list[socket.socket] | None = None) -> None:
        await listening.startup(server, sockets, proxies, STOP_SECONDS)

    uvicorn.Server.startup = startup
