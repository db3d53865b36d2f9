"""Somebody who opens connections and completes no request on them."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

FORM = "Content-Type: application/x-www-form-urlencoded\r\n"
HALF_REQUESTS = [
    "",
    "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ",
    f"POST /sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\n{FORM}Content-Length: 40\r\n\r\npassword=",
    "GET /_stcore/stream HTTP/1.1\r\nUpgrade: websocket\r\n",
]


@contextmanager
def connections(port: int, count: int) -> Iterator[None]:
    """So many connections to a port of this machine, open until the end of the block. Raises OSError."""
    with ExitStack() as clients:
        for number in range(count):
            client = clients.enter_context(socket.create_connection(("127.0.0.1", port), 10))
            client.sendall(HALF_REQUESTS[number % len(HALF_REQUESTS)].encode())
        yield
