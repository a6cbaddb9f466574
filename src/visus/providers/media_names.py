"""Cache names for media at a model's server: vLLM's `uuid`.

Such a server trusts the name: other bytes under a known one are never looked at. So a name is
made of the bytes and of nothing that a caller could choose; and of their owner, so that nobody
is served from what somebody else sent. The same in every process and after every restart.
"""

import asyncio
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from visus.core.prompt import Image, MediaFile, Prompt, SentMedia

ASIDE_BYTES: Final = 1024 * 1024
"""More is hashed in a thread: a megabyte takes about a millisecond."""
_NAME_BYTES: Final = 20
_PERSON: Final = b"visus media name"


async def media_names(prompt: Prompt) -> Sequence[str]:
    """A name for each medium of the prompt, in order: 40 hexadecimal digits."""
    media = [
        part
        for turn in prompt.turns
        for part in turn.parts
        if isinstance(part, Image | MediaFile)
    ]
    if sum(len(one.base64) for one in media) > ASIDE_BYTES:
        return await asyncio.to_thread(_names, media, prompt.owner)
    return _names(media, prompt.owner)


def _names(media: Sequence[SentMedia], owner: str) -> Sequence[str]:
    key = blake2b(owner.encode(), digest_size=32).digest()
    return [_name(one, key) for one in media]


def _name(medium: SentMedia, key: bytes) -> str:
    """Whatever makes a server treat equal bytes differently is part of the name."""
    sampling = medium.sampling if isinstance(medium, MediaFile) else None
    hashed = blake2b(key=key, digest_size=_NAME_BYTES, person=_PERSON)
    hashed.update(msgspec.json.encode([medium.media_type, sampling]))
    hashed.update(medium.base64)
    return hashed.hexdigest()
