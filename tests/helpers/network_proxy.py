"""A network between browser and server that a test can disconnect."""

import socket
import threading
from contextlib import suppress
from urllib.parse import urlsplit


class NetworkProxy:
    """Forwards connections from `address` to a server, until it is disconnected."""

    def __init__(self, server: str) -> None:
        self._server = urlsplit(server)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = []
        self._connected = True
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def disconnect(self) -> None:
        """End every connection and refuse new ones."""
        self._connected = False
        for end in self._sockets:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def reconnect(self) -> None:
        """Accept connections again."""
        self._connected = True

    def __enter__(self) -> "NetworkProxy":
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.close()
        self.disconnect()

    def _accept(self) -> None:
        with suppress(OSError):  # the listener was closed
            while True:
                client = self._listener.accept()[0]
                if not self._connected:
                    client.close()
                    continue
                server = socket.create_connection((self._server.hostname, self._server.port))
                self._sockets += [client, server]
                for ends in ((client, server), (server, client)):
                    threading.Thread(target=_forward, args=ends, daemon=True).start()


def _forward(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
