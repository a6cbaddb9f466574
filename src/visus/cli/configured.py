"""The configuration, with what the command line says put over it."""

import argparse
import ssl
from dataclasses import replace

import msgspec

from visus.config import ConfigRefused, Configuration, load


def configuration(options: argparse.Namespace) -> Configuration:
    """Reads the settings for a command.

    Raises:
        ConfigRefused: something in them is wrong.
    """
    read = load(options.config)
    settings = read.settings
    for name, path in (
        ("media", settings.media.ca_file),
        ("upstream", settings.upstream.ca_file),
    ):
        if path is not None:
            _check_authorities(f"{name}.ca_file", path)
    if options.state is not None:
        state = msgspec.structs.replace(settings.state, dir=options.state)
        settings = msgspec.structs.replace(settings, state=state)
    socket = {
        name: value
        for name in ("host", "port", "workers")
        if (value := getattr(options, name, None)) is not None  # argparse's namespace
    }
    if not 0 <= socket.get("port", 0) <= 65535:  # noqa: PLR2004 -- TCP's ports
        raise ConfigRefused("--port: a port is a number from 0 to 65535")
    if socket.get("workers", 1) < 1:
        raise ConfigRefused("--workers: there is at least one")
    server = msgspec.structs.replace(settings.server, **socket)
    settings = msgspec.structs.replace(settings, server=server)
    return replace(read, settings=settings)


def _check_authorities(name: str, path: str) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except ssl.SSLError as fault:
        raise ConfigRefused(f"{name}: {path!r} holds no certificate") from fault
    except OSError as fault:
        raise ConfigRefused(f"{name}: {path!r}: {fault.strerror}") from fault
