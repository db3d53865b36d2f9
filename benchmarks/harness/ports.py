"""Ports for servers that are told theirs before they start."""

import random
import socket
from contextlib import suppress

# Below those of outgoing connections (Linux: from 32,768), one of which could take it before the server does.
_PORTS = range(20_000, 32_000)


def free_port(address: str = "127.0.0.1") -> int:
    """Return a port of an address of this machine on which nothing listens."""
    draw = random.SystemRandom()  # tests seed the common one, in each process alike
    while True:
        port = draw.choice(_PORTS)
        with suppress(OSError), socket.socket() as probe:
            probe.bind((address, port))
            return port
