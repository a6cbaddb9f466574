"""Ports that are free when the tests begin."""

import socket
from contextlib import suppress
from random import SystemRandom


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def port_to_come_back_to() -> int:
    """For a server that is stopped and started: nobody else is given this port meanwhile.

    It is below those that the kernel hands out; each process of the tests draws its own.
    """
    while True:
        port = SystemRandom().randrange(20_000, 32_000)
        with suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


PICTURE_PORTS = free_ports(2)
"""One for a site with pictures, and one where nobody answers."""
