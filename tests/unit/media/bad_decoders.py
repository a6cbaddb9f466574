"""Workers in the place of the real one, each going wrong in its own way."""

import os
import time
from collections.abc import Callable

Handler = Callable[[bytes], bytes]


def dies() -> Handler:
    return lambda _: os._exit(1)


def hangs() -> Handler:
    def hang(_: bytes) -> bytes:
        time.sleep(60)
        return b""

    return hang


def raises() -> Handler:
    def fail(_: bytes) -> bytes:
        raise RuntimeError("library text")

    return fail


def babbles() -> Handler:
    return lambda _: b"not what was agreed"
