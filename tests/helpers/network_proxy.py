"""A network between browser and server that a test can cut and mend."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit


class Wire:
    """Carries connections from an address of its own to a server's."""

    def __init__(self, server: str) -> None:
        self._server = urlsplit(server)
        self._entrance = socket.create_server(("127.0.0.1", 0))
        self._ends: list[socket.socket] = []
        self._whole = True
        self.address = f"http://127.0.0.1:{self._entrance.getsockname()[1]}"
        threading.Thread(target=self._carry_all, daemon=True).start()

    def cut(self) -> None:
        """End every connection, and let no new one through."""
        self._whole = False
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._whole = True

    def close(self) -> None:
        self._entrance.close()
        self.cut()

    def _carry_all(self) -> None:
        with suppress(OSError):  # it was closed
            while True:
                near = self._entrance.accept()[0]
                if not self._whole:
                    near.close()
                    continue
                far = socket.create_connection((self._server.hostname, self._server.port))
                self._ends += [near, far]
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=_carry, args=ends, daemon=True).start()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65_536):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire(server: str) -> Iterator[Wire]:
    """One to a server's address."""
    between = Wire(server)
    try:
        yield between
    finally:
        between.close()
