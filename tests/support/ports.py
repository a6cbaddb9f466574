"""Ports that are free when the tests begin."""

import socket


def free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


PICTURE_PORTS = free_ports(2)
"""One for a site with pictures, and one where nobody answers."""
