"""The newer formats in real workers: sound files come back, damaged ones cost one answer."""

import random
import re
from collections.abc import AsyncIterator

import pytest
from sample_formats import bitmaps, boxed, tiffs
from sample_pictures import animation, decode, encode, noisy

from visus.errors import MediaRejected
from visus.media.fitting import Fit, Fitted, unpack_frames
from visus.media.jobs import pack_job
from visus.media.pipeline import WORKER_ENTRY
from visus.media.settings import MediaSettings
from visus.media.survey import survey
from visus.units import MIB
from visus.workers.pool import WorkerPool
from visus.workers.settings import WorkerSettings

BITMAPS, TIFFS, BOXED = bitmaps(), tiffs(), boxed()
SEEDS = BITMAPS | TIFFS | BOXED | {"apng": animation("PNG"), "webp film": animation("WEBP")}


@pytest.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    settings = WorkerSettings(
        memory_bytes=1024 * MIB, address_space_bytes=2048 * MIB, deadline_s=10.0
    )
    async with WorkerPool(WORKER_ENTRY, name="media", settings=settings) as pool:
        yield pool


async def fitted(pool: WorkerPool, data: bytes, wanted: int = 1) -> list[Fitted]:
    found = survey(data, MediaSettings())
    job = pack_job(data, Fit(orientation=found.orientation, frames=wanted))
    return unpack_frames(await pool.call(job))


async def test_every_format_is_decoded_behind_the_locked_door(pool: WorkerPool) -> None:
    for name in (
        "bmp v40 24 bits",
        "bmp run lengths 8",
        "tiff > deflated tiles",
        "tiff RGB jpeg",
    ):
        assert len(await fitted(pool, SEEDS[name])) == 1
    for name in ("heic", "heic tiles", "heic alpha", "avif", "avif alpha"):
        (picture,) = await fitted(pool, BOXED[name])
        assert decode(picture.data).size == (picture.width_px, picture.height_px)
    assert len(await fitted(pool, BOXED["avif animated"], 3)) == 3


async def test_mutated_files_are_decoded_or_refused_by_a_worker_that_lives_on(
    pool: WorkerPool,
) -> None:
    await pool.until_ready()
    first = pool.pids
    dice, names = random.Random(5), sorted(SEEDS)  # noqa: S311 - reproducible, not secret
    outcomes = {"decoded": 0, "refused": 0}
    for number in range(800):
        data = bytearray(SEEDS[names[number % len(names)]])
        for _ in range(dice.randint(1, 6)):
            at = dice.randrange(len(data))
            data[at] = dice.choice([0, 255, data[at] ^ 1 << dice.randrange(8)])
        try:
            await fitted(pool, bytes(data), dice.choice([1, 3]))
            outcomes["decoded"] += 1
        except MediaRejected as refusal:
            assert not re.search(r"0x[0-9a-f]{4}|<_|Error", refusal.message)  # noqa: PT017
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 100
    assert pool.pids == first


@pytest.mark.parametrize("kind", ["TIFF", "AVIF", "HEIF", "BMP"])
async def test_a_file_cut_short_inside_its_pixels_is_refused(
    pool: WorkerPool, kind: str
) -> None:
    """The survey is not asked: the decoder itself has to notice."""
    data = encode(noisy(200, 150), kind)
    for tenths in range(1, 10):
        with pytest.raises(MediaRejected):
            await pool.call(pack_job(data[: len(data) * tenths // 10], Fit()))
