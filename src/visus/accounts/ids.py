"""Ids of rows that callers see."""

import secrets


def new_id(prefix: str, at_ms: int) -> str:
    """The milliseconds, so that ids sort by time, and 80 random bits."""
    return f"{prefix}_{at_ms:012x}{secrets.token_hex(10)}"
