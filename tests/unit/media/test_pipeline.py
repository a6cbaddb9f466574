# ruff: noqa: ASYNC240, PT017, S311  (files of /proc; a property; reproducible, not secret)
import base64
import random
import re
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import anyio
import pytest
from hypothesis import HealthCheck, given, settings as hypothesis_settings, strategies as st
from PIL import Image as Pillow
from sample_pictures import (
    BLUE,
    RED,
    SECRET,
    TYPES,
    animation,
    decode,
    encode,
    exif,
    halves,
    noisy,
    picky_files,
    png_bomb,
    sound_files,
    turned,
)

from visus.core.prompt import Image, Prompt
from visus.core.question import (
    ImageReference,
    InlineImage,
    LinkedImage,
    Options,
    Question,
    Text,
    ToolCall,
    Turn,
)
from visus.errors import (
    Base64Rejected,
    ImageFormatRejected,
    ImageUrlRejected,
    InvalidValue,
    MediaRejected,
    ServiceError,
    TooManyImages,
    UnsupportedModality,
)
from visus.media.attachments import Attachments
from visus.media.fetch import FetchedMedia
from visus.media.pipeline import WORKER_ENTRY, MediaPipeline
from visus.media.renditions import Renditions
from visus.media.settings import MediaSettings
from visus.models.catalogue import Vision
from visus.units import MIB
from visus.workers.faults import NoWorker
from visus.workers.pool import WorkerPool
from visus.workers.settings import WorkerSettings

EVERYTHING = Vision()
PARAM = "messages[0].content[1].image_url.url"
SOUND = sound_files()
PICKY = picky_files()
HERE = str(Path(__file__).parent)


class Origin:
    """Serves pictures by name; remembers what was asked and how much at once."""

    def __init__(self, files: dict[str, bytes], *, delay_s: float = 0.0) -> None:
        self.files = files
        self.delay_s = delay_s
        self.asked: list[str] = []
        self.at_once = 0
        self.most_at_once = 0

    async def fetch(
        self, url: str, *, param: str, max_bytes: int | None = None
    ) -> FetchedMedia:
        del max_bytes
        self.asked.append(url)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await anyio.sleep(self.delay_s)
        finally:
            self.at_once -= 1
        if url not in self.files:
            raise ImageUrlRejected("No such picture.", param=param)
        return FetchedMedia(self.files[url], "image/x-lie")


def worker_pool(entry: str = WORKER_ENTRY, **changes: object) -> WorkerPool:
    settings = WorkerSettings(**{"deadline_s": 10.0, "import_path": (HERE,), **changes})
    return WorkerPool(entry, name="media", settings=settings)


@pytest.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    async with worker_pool() as pool:
        yield pool


def pipeline(
    pool: WorkerPool, *, origin: Origin | None = None, **changes: object
) -> MediaPipeline:
    settings, door = MediaSettings(**changes), origin or Origin({})
    attachments = Attachments(
        settings=settings, origin=door, files=None, videos=pool, documents=pool
    )
    return MediaPipeline(
        settings=settings,
        fetcher=door,
        files=None,
        pool=pool,
        renditions=Renditions(0),
        attachments=attachments,
    )


def data_url(data: bytes, label: str = "image/png") -> memoryview:
    return memoryview(f"data:{label};base64,".encode() + base64.b64encode(data))


def inline(data: bytes, *, label: str = "image/png", param: str = PARAM) -> InlineImage:
    return InlineImage(data_url(data, label), param)


def question(*pictures: ImageReference) -> Question:
    return Question("m", [Turn("user", [Text("What is it?"), *pictures], "messages[0]")])


async def prepare(
    media: MediaPipeline, *pictures: ImageReference, sees: Vision | None = EVERYTHING
) -> Sequence[Image]:
    prompt = await media.prepare(question(*pictures), upstream_id="up", sees=sees)
    return images(prompt)


def images(prompt: Prompt) -> Sequence[Image]:
    return [part for turn in prompt.turns for part in turn.parts if isinstance(part, Image)]


def file_of(image: Image) -> bytes:
    return base64.b64decode(image.base64, validate=True)


# --- What goes through unchanged -------------------------------------------------------------


async def test_a_question_without_pictures_needs_no_parts_at_all() -> None:
    call = ToolCall("c1", "look", "{}")
    asked = Question(
        "m",
        [
            Turn("system", [Text("Be brief.")], "messages[0]"),
            Turn("assistant", [], "messages[1]", "Ada", [call]),
            Turn("tool", [Text("42")], "messages[2]", tool_call_id="c1"),
        ],
        Options(max_tokens=7),
        streamed=True,
    )
    async with worker_pool("nothing:here") as broken:
        prompt = await pipeline(broken).prepare(asked, upstream_id="up", sees=None)
    assert prompt.upstream_id == "up"
    assert prompt.options is asked.options
    assert prompt.streamed
    assert [turn.role for turn in prompt.turns] == ["system", "assistant", "tool"]
    assert prompt.turns[0].parts == [Text("Be brief.")]
    assert prompt.turns[1].tool_calls == [call]
    assert prompt.turns[1].name == "Ada"
    assert prompt.turns[2].tool_call_id == "c1"


@pytest.mark.parametrize("name", SOUND)
async def test_a_sound_picture_is_handed_on_as_the_callers_own_bytes(
    pool: WorkerPool, name: str
) -> None:
    url = data_url(SOUND[name])
    (image,) = await prepare(pipeline(pool), InlineImage(url, PARAM, "high"))
    assert isinstance(image.base64, memoryview)
    assert image.base64.obj is url.obj
    assert file_of(image) == SOUND[name]
    assert (image.width_px, image.height_px) == decode(SOUND[name]).size
    assert (image.detail, image.param) == ("high", PARAM)


async def test_the_bytes_decide_on_the_type_and_not_the_label(pool: WorkerPool) -> None:
    (image,) = await prepare(pipeline(pool), inline(SOUND["jpeg"], label="image/png"))
    assert image.media_type == "image/jpeg"


async def test_pictures_keep_their_places_in_every_role(pool: WorkerPool) -> None:
    wide, tall = encode(halves(30, 10), "PNG"), encode(halves(10, 30), "PNG")
    origin = Origin({"https://a.test/tall": tall, "https://a.test/lying": turned(6)})
    asked = Question(
        "m",
        [
            Turn("system", [inline(wide, param="p0"), Text("x")], "messages[0]"),
            Turn(
                "user",
                [
                    LinkedImage("https://a.test/tall", "p1"),
                    Text("y"),
                    inline(turned(8), param="p2"),
                    inline(tall, param="p3"),
                    LinkedImage("https://a.test/lying", "p4"),
                ],
                "messages[1]",
            ),
        ],
    )
    media = pipeline(pool, origin=origin)
    prompt = await media.prepare(asked, upstream_id="up", sees=EVERYTHING)
    assert [(i.param, i.width_px, i.height_px) for i in images(prompt)] == [
        ("p0", 30, 10),
        ("p1", 10, 30),
        ("p2", 64, 48),
        ("p3", 10, 30),
        ("p4", 64, 48),
    ]
    assert isinstance(prompt.turns[1].parts[1], Text)


async def test_two_shapes_of_the_same_pixels_stay_two_pictures(pool: WorkerPool) -> None:
    pixels = bytes(range(250)) * 12
    shapes = [
        encode(Pillow.frombytes("L", size, pixels), "PNG") for size in ((30, 100), (100, 30))
    ]
    found = await prepare(pipeline(pool), *(inline(shape) for shape in shapes))
    assert [(i.width_px, i.height_px) for i in found] == [(30, 100), (100, 30)]


# --- What is cut out, and what is fitted -----------------------------------------------------


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
async def test_metadata_and_trailing_bytes_never_leave(pool: WorkerPool, kind: str) -> None:
    data = encode(halves(), kind, exif=exif()) + b"PK\x03\x04" + SECRET
    (image,) = await prepare(pipeline(pool), inline(data))
    assert SECRET not in file_of(image)
    assert b"PK" not in file_of(image)[-30:]
    assert image.media_type == TYPES[kind]
    assert decode(file_of(image)).tobytes() == decode(data).tobytes()


@pytest.mark.parametrize("name", PICKY)
async def test_what_no_model_should_see_is_made_over(pool: WorkerPool, name: str) -> None:
    (image,) = await prepare(pipeline(pool), inline(PICKY[name]))
    picture = decode(file_of(image)).convert("RGB")
    assert picture.size == (image.width_px, image.height_px)
    assert image.media_type in {"image/jpeg", "image/png"}
    assert SECRET not in file_of(image)
    if "animated" not in name:
        assert picture.size == (64, 48)
        for at, colour in (((4, 24), RED), ((59, 24), BLUE)):
            seen = picture.getpixel(at)
            assert isinstance(seen, tuple)
            assert all(abs(a - b) < 16 for a, b in zip(seen, colour, strict=True))


@pytest.mark.parametrize("name", ["webp lossy", "gif", "png palette"])
async def test_a_format_that_the_model_does_not_read_is_converted(
    pool: WorkerPool, name: str
) -> None:
    sees = Vision(formats=("image/jpeg",))
    (image,) = await prepare(pipeline(pool), inline(SOUND[name]), sees=sees)
    assert image.media_type == "image/jpeg"
    assert decode(file_of(image)).format == "JPEG"


async def test_a_model_that_reads_neither_jpeg_nor_png_gets_only_its_own(
    pool: WorkerPool,
) -> None:
    sees = Vision(formats=("image/webp",))
    (image,) = await prepare(pipeline(pool), inline(SOUND["webp lossy"]), sees=sees)
    assert image.media_type == "image/webp"
    with pytest.raises(MediaRejected) as caught:
        await prepare(pipeline(pool), inline(SOUND["png"]), sees=sees)
    assert caught.value.param == PARAM


@pytest.mark.parametrize(("max_pixels", "kept"), [(3073, True), (3072, True), (3071, False)])
async def test_more_pixels_than_the_model_uses_are_scaled_away(
    pool: WorkerPool, max_pixels: int, *, kept: bool
) -> None:
    sees = Vision(max_pixels=max_pixels)
    (image,) = await prepare(pipeline(pool), inline(SOUND["jpeg"]), sees=sees)
    assert image.width_px * image.height_px <= max_pixels
    assert (file_of(image) == SOUND["jpeg"]) == kept


@pytest.mark.parametrize("spare", [1, 0, -1])
async def test_more_bytes_than_the_model_takes_are_squeezed_out(
    pool: WorkerPool, spare: int
) -> None:
    data = encode(noisy(120, 90), "JPEG", quality=95)
    sees = Vision(max_bytes=len(data) + spare)
    (image,) = await prepare(pipeline(pool), inline(data), sees=sees)
    assert len(file_of(image)) <= len(data) + spare
    assert (file_of(image) == data) == (spare >= 0)


@pytest.mark.parametrize(
    ("background", "colour"), [("#ffffff", (255, 255, 255)), ("#204060", (32, 64, 96))]
)
async def test_transparency_is_laid_on_the_colour_of_the_settings(
    pool: WorkerPool, background: str, colour: tuple[int, ...]
) -> None:
    ghost = encode(Pillow.new("RGBA", (20, 10), (0, 0, 0, 0)), "TIFF")
    (image,) = await prepare(pipeline(pool, background=background), inline(ghost))
    assert decode(file_of(image)).convert("RGB").getpixel((3, 3)) == colour


# --- Refusals --------------------------------------------------------------------------------


async def refusal_of(
    media: MediaPipeline, *pictures: ImageReference, sees: Vision | None = EVERYTHING
) -> ServiceError:
    with pytest.raises(ServiceError) as caught:
        await prepare(media, *pictures, sees=sees)
    return caught.value


async def test_a_model_of_text_alone_takes_no_picture(pool: WorkerPool) -> None:
    refusal = await refusal_of(pipeline(pool), inline(b"unread"), sees=None)
    assert type(refusal) is UnsupportedModality
    assert refusal.param == PARAM


@pytest.mark.parametrize("own_limit", [None, 3])
async def test_too_many_pictures_are_refused_before_any_is_touched(
    pool: WorkerPool, own_limit: int | None
) -> None:
    origin = Origin({"https://a.test/x": SOUND["jpeg"]})
    media = pipeline(pool, origin=origin, max_images=5 if own_limit else 3)
    sees = Vision(max_images=own_limit)
    link = LinkedImage("https://a.test/x", PARAM)
    assert len(await prepare(media, link, link, link, sees=sees)) == 3
    origin.asked.clear()
    refusal = await refusal_of(media, link, inline(b"no picture"), link, link, sees=sees)
    assert type(refusal) is TooManyImages
    assert refusal.param == "messages"
    assert origin.asked == []


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        (b"data:,hello", InvalidValue),
        (b"data:image/png,%89PNG", InvalidValue),
        (b"data:;base64,aGVsbG8=", InvalidValue),
        (b"data:image/png;base64", InvalidValue),
        (b"data:image/png;base64,@@@", Base64Rejected),
        (b"data:image/png;base64,aGVsbG8", Base64Rejected),
        (b"data:image/png;base64," + b"@" * 100_000, Base64Rejected),
        (b"data:image/png;base64,", MediaRejected),
        (b"data:text/html;base64,PGh0bWw+", ImageFormatRejected),
        (b"data:image/png;base64,PGh0bWw+", ImageFormatRejected),
        (b"data:image/png;base64,JVBERi0xLjc=", ImageFormatRejected),
        (
            b"data:image/png;base64," + base64.b64encode(b"data:image/png;base64,AAAA"),
            ImageFormatRejected,
        ),
        (
            b"data:image/svg+xml;base64," + base64.b64encode(b"<svg xmlns='x'/>"),
            ImageFormatRejected,
        ),
        (bytes(data_url(png_bomb(30_000, 30_000))), MediaRejected),
        (bytes(data_url(SOUND["jpeg"][:-9])), MediaRejected),
    ],
)
async def test_a_refusal_names_its_reason_and_its_place(
    pool: WorkerPool, url: bytes, kind: type[ServiceError]
) -> None:
    good = inline(SOUND["png"], param="messages[0].content[0].image_url.url")
    refusal = await refusal_of(pipeline(pool), good, InlineImage(memoryview(url), PARAM))
    assert type(refusal) is kind
    assert refusal.param == PARAM
    assert refusal.status == 400


async def test_the_head_of_a_large_picture_is_judged_before_the_rest_is_decoded(
    pool: WorkerPool,
) -> None:
    url = bytes(data_url(png_bomb(30_000, 30_000))) + b"@@@@"
    refusal = await refusal_of(pipeline(pool), InlineImage(memoryview(url), PARAM))
    assert type(refusal) is MediaRejected


@pytest.mark.parametrize("name", SOUND | PICKY)
async def test_truncated_pictures_are_refused_at_every_tenth(
    pool: WorkerPool, name: str
) -> None:
    data = (SOUND | PICKY)[name]
    for tenths in range(10):
        refusal = await refusal_of(pipeline(pool), inline(data[: len(data) * tenths // 10]))
        assert isinstance(refusal, MediaRejected)


@pytest.mark.parametrize("spare", [1, 0, -1])
async def test_a_file_over_the_limit_of_bytes_is_refused(pool: WorkerPool, spare: int) -> None:
    data = SOUND["jpeg"]
    media = pipeline(pool, max_bytes=len(data) + spare)
    if spare >= 0:
        assert len(await prepare(media, inline(data))) == 1
    else:
        assert "larger than" in (await refusal_of(media, inline(data))).message


async def test_a_broken_picture_that_must_be_decoded_is_refused(pool: WorkerPool) -> None:
    data = bytearray(encode(noisy(64, 48), "WEBP", lossless=True, exif=exif(6)))
    start = data.index(b"VP8L") + 20
    data[start : start + 400] = bytes(400)
    refusal = await refusal_of(pipeline(pool), inline(bytes(data)))
    assert (type(refusal), refusal.param) == (MediaRejected, PARAM)
    assert refusal.message == "The image could not be decoded."


@pytest.mark.parametrize("entry", ["dies", "hangs", "raises", "babbles"])
async def test_a_picture_that_kills_its_worker_is_a_bad_picture(entry: str) -> None:
    async with worker_pool(f"bad_decoders:{entry}", deadline_s=0.3) as pool:
        media = pipeline(pool)
        refusal = await refusal_of(media, inline(turned(6)))
        assert type(refusal) is MediaRejected
        assert refusal.message == "The image could not be decoded."
        assert refusal.param == PARAM
        assert len(await prepare(media, inline(SOUND["jpeg"]))) == 1


async def test_workers_that_cannot_start_are_our_fault() -> None:
    async with worker_pool("nothing:here") as pool:
        with pytest.raises(NoWorker):
            await prepare(pipeline(pool), inline(turned(6)))


# --- Linked pictures -------------------------------------------------------------------------


async def test_a_linked_picture_is_sniffed_cleaned_and_fitted_like_any_other(
    pool: WorkerPool,
) -> None:
    origin = Origin(
        {
            "u:clean": SOUND["png"],
            "u:exif": encode(halves(), "JPEG", exif=exif()),
            "u:lying": turned(6),
        }
    )
    links = [LinkedImage(url, url) for url in origin.files]
    clean, stripped, upright = await prepare(pipeline(pool, origin=origin), *links)
    assert file_of(clean) == SOUND["png"]
    assert SECRET not in file_of(stripped)
    assert (upright.width_px, upright.height_px) == (64, 48)


async def test_one_address_is_fetched_once_and_answered_in_every_place(
    pool: WorkerPool,
) -> None:
    origin = Origin({"u:a": SOUND["png"], "u:b": SOUND["jpeg"]}, delay_s=0.01)
    links = [LinkedImage("u:ab"[:2] + "ab"[i % 2], f"p{i}") for i in range(10)]
    found = await prepare(pipeline(pool, origin=origin), *links)
    assert sorted(origin.asked) == ["u:a", "u:b"]
    assert [image.param for image in found] == [f"p{i}" for i in range(10)]
    assert [image.media_type for image in found] == ["image/png", "image/jpeg"] * 5


async def test_pictures_are_fetched_side_by_side_but_not_all_at_once(
    pool: WorkerPool,
) -> None:
    origin = Origin({f"u:{i}": SOUND["png"] for i in range(12)}, delay_s=0.02)
    links = [LinkedImage(url, url) for url in origin.files]
    await prepare(pipeline(pool, origin=origin, max_at_once=3), *links)
    assert origin.most_at_once == 3


async def test_one_refusal_ends_the_fetches_of_the_others(pool: WorkerPool) -> None:
    origin = Origin({f"u:{i}": SOUND["png"] for i in range(8)}, delay_s=0.02)
    links = [LinkedImage("u:gone", PARAM), *(LinkedImage(u, u) for u in origin.files)]
    refusal = await refusal_of(pipeline(pool, origin=origin, max_at_once=2), *links)
    assert (type(refusal), refusal.param) == (ImageUrlRejected, PARAM)
    assert len(origin.asked) < 8
    assert origin.at_once == 0


@pytest.mark.parametrize("data", [b"<html>login</html>", b"{}", SOUND["jpeg"][:-5]])
async def test_what_is_no_picture_is_refused_at_its_link(pool: WorkerPool, data: bytes) -> None:
    origin = Origin({"u:x": data})
    refusal = await refusal_of(pipeline(pool, origin=origin), LinkedImage("u:x", PARAM))
    assert isinstance(refusal, MediaRejected)
    assert refusal.param == PARAM


async def test_all_pictures_together_have_a_deadline(pool: WorkerPool) -> None:
    origin = Origin({"u:x": SOUND["png"]}, delay_s=30)
    media = pipeline(pool, origin=origin, prepare_s=0.1)
    with anyio.fail_after(5):
        refusal = await refusal_of(media, LinkedImage("u:x", PARAM))
    assert (type(refusal), refusal.param) == (MediaRejected, "messages")
    assert origin.at_once == 0


# --- Hostile masses --------------------------------------------------------------------------


async def test_fifty_large_pictures_are_walked_without_being_decoded(
    pool: WorkerPool,
) -> None:
    large = inline(encode(Pillow.new("RGB", (5000, 4000), RED), "PNG"))
    statm = Path("/proc/self/statm")
    before = int(statm.read_text().split()[1])
    assert len(await prepare(pipeline(pool), *[large] * 50)) == 50
    assert (int(statm.read_text().split()[1]) - before) * 4096 < 50 * MIB


async def test_mutated_pictures_are_prepared_or_refused_and_nothing_else(
    pool: WorkerPool,
) -> None:
    chance = random.Random(20)
    seeds = list((SOUND | PICKY).values())
    # Formats that the model does not take: every mutant that survives the walk is decoded.
    media, sees = pipeline(pool), Vision(formats=("image/jpeg",), max_pixels=2000)
    outcomes = {"prepared": 0, "refused": 0}
    for _ in range(400):
        data = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            await prepare(media, inline(bytes(data)), sees=sees)
            outcomes["prepared"] += 1
        except MediaRejected as refusal:
            assert refusal.param == PARAM
            assert not re.search(r"0x[0-9a-f]{4}|<_|Error", refusal.message)
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 20


@hypothesis_settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.binary(max_size=120))
async def test_any_data_url_is_prepared_or_refused_at_its_place(
    pool: WorkerPool, noise: bytes
) -> None:
    for start in (b"", b"data:image/png;base64,", b"data:image/png;base64,iVBORw0KGgo"):
        picture = InlineImage(memoryview(start + noise), PARAM)
        refusal = await refusal_of(pipeline(pool), picture)
        assert refusal.status == 400
        assert refusal.param == PARAM


async def test_the_front_imports_no_decoder() -> None:
    script = (
        "import sys, visus.media.pipeline\n"
        "sys.exit(any(name in sys.modules for name in ('PIL', 'numpy', 'cv2')))"
    )
    assert (
        await anyio.run_process([sys.executable, "-c", script], check=False)
    ).returncode == 0


def test_the_samples_are_what_they_should_be() -> None:
    assert decode(animation("GIF")).n_frames == 3
