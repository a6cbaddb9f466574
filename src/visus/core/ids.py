"""Ids of what callers see: files, jobs, batches, keys and their like."""

import secrets
import time


def new_id(prefix: str) -> str:
    """`prefix` and 32 hexadecimal digits: the time in microseconds, and 68 random bits.

    Ids sort by the time at which they were made, by millisecond also among those that were made
    before there were microseconds in them.
    """
    ms, rest_ns = divmod(time.time_ns(), 1_000_000)
    return f"{prefix}{ms:012x}{rest_ns // 1000:03x}{secrets.token_hex(9)[1:]}"
