"""Limits on the server's connections: how many there may be, and how long a request may take to arrive.

Nobody needs to sign in to open a connection, and each is an open file, as is the record of runs.
"""

import asyncio
import logging
import math
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ftcore.access import Networks, network_of
from ftcore.errors import is_out_of_files, user_message

MAX_CONNECTIONS = 1_000
REQUEST_SECONDS = (
    15.0  # until a request's head is complete, after the last answer or from the beginning
)
BODY_SECONDS = 30.0  # until its body is complete, and a second more for each
BODY_RATE = 1_000.0  # bytes received
CONNECTION = "unfreeze.connection"  # the key of a scope that holds its Connection
SWEEP_SECONDS = 1.0
log = logging.getLogger("unfreeze")


@dataclass(eq=False)
class Connection:
    """One connection. Its client address is the peer's, whatever a header says.

    Attributes:
        deadline: when what it waits for must have arrived; infinite while a request is answered.
        trusted: whether a signed-in visitor has used it.
    """

    socket: socket.socket
    peer: tuple[str, int]
    network: str
    deadline: float
    trusted: bool = False

    def end(self, farewell: bytes = b"") -> None:
        """Let the transport see the end of the connection, also in a TLS handshake; it closes then."""
        try:
            if farewell:
                self.socket.send(farewell)
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:  # it has ended already
            self.deadline = math.inf


class Connections:
    """All open connections. `limit`: how many there may be; one network may have half of them.

    Where there are too many, the one that has waited longest for a request gives way to the next. Those of
    signed-in visitors never do. `proxies` may have as many as all together. `farewell` is sent to those that
    end because their request did not arrive in time; give none where there is TLS, which it would break.
    """

    def __init__(self, limit: int, proxies: Networks, farewell: bytes = b"") -> None:
        self._farewell = farewell
        self.limit, self.per_network, self._proxies = limit, limit // 2, proxies
        self._open: dict[tuple[str, int], Connection] = {}

    def add(self, accepted: socket.socket, peer: tuple[str, int]) -> bool:
        """Count an accepted connection. Returns False if there are too many and none can give way."""
        self._open = {key: each for key, each in self._open.items() if each.socket.fileno() != -1}
        network = network_of(peer[0])
        if peer[0] not in self._proxies:
            same = [each for each in self._open.values() if each.network == network]
            if len(same) >= self.per_network and not self._end_one_of(same):
                return False
        if len(self._open) >= self.limit and not self._end_one_of(self._open.values()):
            return False
        deadline = time.monotonic() + REQUEST_SECONDS
        self._open[peer] = Connection(accepted, peer, network, deadline)
        return True

    def _end_one_of(self, connections: Iterable[Connection]) -> bool:
        untrusted = [connection for connection in connections if not connection.trusted]
        if not untrusted:
            return False
        oldest = min(untrusted, key=lambda connection: connection.deadline)
        oldest.end()
        del self._open[oldest.peer]
        return True

    def end_waiting(self) -> None:
        """End the connections whose requests have not arrived."""
        for connection in self._open.values():
            if connection.deadline < math.inf:
                connection.end()

    async def sweep(self) -> None:
        """End the connections whose time is over, for ever."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = time.monotonic()
            for connection in self._open.values():
                if connection.deadline < now:
                    connection.end(self._farewell)

    def tracked(self, app: ASGIApp) -> ASGIApp:
        """Return `app` with the deadlines of its requests kept, and the connection in each scope."""

        async def call(scope: Scope, receive: Receive, send: Send) -> None:
            client = scope.get("client")
            connection = self._open.get(client) if client else None
            if connection is None:
                await app(scope, receive, send)
                return
            scope[CONNECTION] = connection
            connection.deadline = math.inf
            try:
                if has_body(scope):
                    await app(scope, in_time(connection, receive), send)
                else:
                    await app(scope, receive, send)
            finally:
                connection.deadline = time.monotonic() + REQUEST_SECONDS

        return call


def has_body(scope: Scope) -> bool:
    """Whether a request announces a body."""
    headers = Headers(scope=scope)
    return headers.get("content-length", "0") != "0" or "transfer-encoding" in headers


def in_time(connection: Connection, receive: Receive) -> Receive:
    """Return `receive` with a deadline for the body, which moves as the body arrives."""
    connection.deadline = time.monotonic() + BODY_SECONDS

    async def receive_in_time() -> Message:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            connection.deadline = math.inf
        else:
            connection.deadline += len(message.get("body", b"")) / BODY_RATE
        return message

    return receive_in_time


class Listener:
    """Accepts the connections of a listening socket; uvicorn closes it as it closes an asyncio.Server.

    asyncio's own server has no limit, does not see a connection before the end of its TLS handshake, and
    logs a traceback for each connection that it lacks a file for.
    """

    def __init__(
        self,
        listening: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        context: ssl.SSLContext | None,
        connections: Connections,
    ) -> None:
        self._socket, self._protocol, self._ssl = listening, protocol, context
        self._connections = connections
        self._connecting: set[asyncio.Task[None]] = set()
        self._tasks = [
            asyncio.create_task(self._accept()),
            asyncio.create_task(connections.sweep()),
        ]

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        self._socket.close()
        self._connections.end_waiting()  # uvicorn waits for each request, for ever

    async def wait_closed(self) -> None:
        await asyncio.gather(*self._tasks, *self._connecting, return_exceptions=True)

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(
                0
            )  # accepting returns at once while others wait, and must not starve them
            try:
                accepted, peer = await loop.sock_accept(self._socket)
            except OSError as error:
                if is_out_of_files(error):
                    log.warning("A visitor has to wait. %s", user_message(error))
                await asyncio.sleep(SWEEP_SECONDS)
                continue
            if self._connections.add(accepted, peer[:2]):
                task = asyncio.create_task(self._connect(accepted))
                self._connecting.add(task)
                task.add_done_callback(self._connecting.discard)
            else:
                accepted.close()

    async def _connect(self, accepted: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        timeout = REQUEST_SECONDS if self._ssl else None
        try:
            # asyncio does so for sockets that name TCP as their protocol, and Streamlit's does not: what
            # follows a first message waited 40 ms for the browser's acknowledgement of it.
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.connect_accepted_socket(
                self._protocol, accepted, ssl=self._ssl, ssl_handshake_timeout=timeout
            )
        except OSError:  # the client has left, or speaks no TLS
            accepted.close()
