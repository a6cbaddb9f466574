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
from msgspec.structs import replace
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
    Detail,
    ImageReference,
    InlineImage,
    LinkedImage,
    MediaWishes,
    Options,
    Question,
    StoredImage,
    Text,
    ToolCall,
    Turn,
)
from visus.errors import (
    Base64Rejected,
    FileNotFound,
    FileTooLarge,
    ImageFormatRejected,
    ImageUrlRejected,
    InvalidValue,
    MediaRejected,
    ServiceError,
    TooManyImages,
    UnsupportedModality,
    UnsupportedParameter,
)
from visus.media.attachments import Attachments
from visus.media.fetch import FetchedMedia
from visus.media.known import KnownPictures
from visus.media.library import StoredFile
from visus.media.pipeline import WORKER_ENTRY, MediaPipeline
from visus.media.renditions import Renditions
from visus.media.resolving import FileSource, Resolver
from visus.media.settings import MediaSettings
from visus.models.catalogue import Vision
from visus.models.counting import OpenAITilesRow, QwenPixelsRow
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


class Shelf:
    """Keeps files of owners in memory; remembers what was opened."""

    def __init__(self, owner: str, files: dict[str, bytes]) -> None:
        self.owner = owner
        self.files = files
        self.opened: list[str] = []

    async def open(
        self, file_id: str, *, owner: str, max_bytes: int, param: str | None = None
    ) -> StoredFile:
        self.opened.append(file_id)
        if owner != self.owner or file_id not in self.files:
            raise FileNotFound("There is no such file.", param=param)
        data = self.files[file_id]
        if len(data) > max_bytes:
            raise FileTooLarge("The file is too large.", param=param)
        return StoredFile(data, b"digest", "a.bin", "text/plain")


def worker_pool(entry: str = WORKER_ENTRY, **changes: object) -> WorkerPool:
    settings = WorkerSettings(**{"deadline_s": 10.0, "import_path": (HERE,), **changes})
    return WorkerPool(entry, name="media", settings=settings)


@pytest.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    async with worker_pool() as pool:
        yield pool


def pipeline(
    pool: WorkerPool,
    *,
    origin: Origin | None = None,
    files: FileSource | None = None,
    **changes: object,
) -> MediaPipeline:
    settings, door = MediaSettings(**changes), origin or Origin({})
    attachments = Attachments(
        settings=settings,
        videos=pool,
        documents=pool,
        renditions=Renditions(0),
    )
    return MediaPipeline(
        settings=settings,
        resolver=Resolver(
            settings=settings,
            fetcher=door,
            files=files,
            known=KnownPictures(settings.known_pictures),
        ),
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


# --- Stored pictures -------------------------------------------------------------------------

FILE_PARAM = "messages[0].content[1].image_url.file_id"


async def stored(
    media: MediaPipeline, *pictures: ImageReference, owner: str = "me"
) -> Sequence[Image]:
    asked = replace(question(*pictures), owner=owner)
    return images(await media.prepare(asked, upstream_id="up", sees=EVERYTHING))


async def test_a_stored_picture_is_sniffed_cleaned_and_fitted_like_any_other(
    pool: WorkerPool,
) -> None:
    files = {
        "clean": SOUND["png"],
        "exif": encode(halves(), "JPEG", exif=exif()),
        "lying": turned(6),
    }
    media = pipeline(pool, files=Shelf("me", files))
    clean, stripped, upright = await stored(media, *(StoredImage(f, f) for f in files))
    assert file_of(clean) == SOUND["png"]
    assert SECRET not in file_of(stripped)
    assert (upright.width_px, upright.height_px) == (64, 48)


async def test_a_stored_picture_is_opened_once_for_all_its_places(pool: WorkerPool) -> None:
    shelf = Shelf("me", {"f1": SOUND["png"], "u:x": SOUND["gif"]})
    origin = Origin({"u:x": SOUND["jpeg"], "f1": SOUND["jpeg"]})
    media = pipeline(pool, files=shelf, origin=origin)
    pictures = [
        StoredImage("f1", "p0"),
        LinkedImage("u:x", "p1"),
        StoredImage("u:x", "p2"),
        LinkedImage("f1", "p3"),
        StoredImage("f1", "p4"),
    ]
    found = await stored(media, *pictures)
    assert sorted(shelf.opened) == ["f1", "u:x"]
    assert sorted(origin.asked) == ["f1", "u:x"]
    assert [(image.param, image.media_type) for image in found] == [
        ("p0", "image/png"),
        ("p1", "image/jpeg"),
        ("p2", "image/gif"),
        ("p3", "image/jpeg"),
        ("p4", "image/png"),
    ]


@pytest.mark.parametrize(
    ("owner", "file_id"), [("you", "f1"), ("", "f1"), ("me", "f2"), ("me", "")]
)
async def test_a_foreign_file_and_an_unknown_one_are_missing_in_the_same_words(
    pool: WorkerPool, owner: str, file_id: str
) -> None:
    media = pipeline(pool, files=Shelf("me", {"f1": SOUND["png"]}))
    with pytest.raises(FileNotFound) as caught:
        await stored(media, StoredImage(file_id, FILE_PARAM), owner=owner)
    refusal = caught.value
    assert (refusal.status, refusal.code) == (404, "file_not_found")
    assert (refusal.message, refusal.param) == ("There is no such file.", FILE_PARAM)


async def test_without_a_library_every_file_is_missing(pool: WorkerPool) -> None:
    with pytest.raises(FileNotFound) as caught:
        await stored(pipeline(pool), StoredImage("f1", FILE_PARAM))
    assert caught.value.param == FILE_PARAM


@pytest.mark.parametrize("data", [b"<html>login</html>", b"%PDF-1.7", SOUND["jpeg"][:-5]])
async def test_a_stored_file_that_is_no_picture_is_refused_at_its_id(
    pool: WorkerPool, data: bytes
) -> None:
    media = pipeline(pool, files=Shelf("me", {"f1": data}))
    with pytest.raises(MediaRejected) as caught:
        await stored(media, StoredImage("f1", FILE_PARAM))
    assert caught.value.param == FILE_PARAM


@pytest.mark.parametrize("spare", [1, 0, -1])
async def test_a_stored_file_obeys_the_limit_of_pictures(pool: WorkerPool, spare: int) -> None:
    data = SOUND["jpeg"]
    shelf = Shelf("me", {"f1": data})
    media = pipeline(pool, files=shelf, max_bytes=len(data) + spare)
    if spare >= 0:
        assert len(await stored(media, StoredImage("f1", FILE_PARAM))) == 1
        return
    with pytest.raises(FileTooLarge) as caught:
        await stored(media, StoredImage("f1", FILE_PARAM))
    assert caught.value.param == FILE_PARAM


# --- What the caller wishes ------------------------------------------------------------------

SQUARES = Vision(tokens=QwenPixelsRow(min_tokens=4))
TILES = Vision(tokens=OpenAITilesRow())
WIDE = encode(halves(128, 96), "PNG")
"""Four squares across and three down."""


async def wished(
    media: MediaPipeline, sees: Vision, wishes: MediaWishes, *pictures: ImageReference
) -> Prompt:
    asked = replace(question(*pictures), media=wishes)
    return await media.prepare(asked, upstream_id="up", sees=sees)


@pytest.mark.parametrize(("bound", "tokens"), [(13, 12), (12, 12), (11, 9), (6, 6), (4, 4)])
async def test_a_picture_costs_no_more_tokens_than_the_caller_allows(
    pool: WorkerPool, bound: int, tokens: int
) -> None:
    prompt = await wished(pipeline(pool), SQUARES, MediaWishes(bound), inline(WIDE))
    (image,), (report,) = images(prompt), prompt.reports
    assert report.tokens == tokens
    assert (file_of(image) == WIDE) == (bound >= 12)
    assert decode(file_of(image)).size == (image.width_px, image.height_px)
    assert ("resized" in report.steps) == (bound < 12)


@pytest.mark.parametrize(("wish", "own"), [(12, 11), (11, 12), (None, 11)])
async def test_the_caller_s_bound_and_the_model_s_hold_both(
    pool: WorkerPool, wish: int | None, own: int
) -> None:
    sees = Vision(tokens=QwenPixelsRow(min_tokens=4), max_tokens_per_image=own)
    prompt = await wished(pipeline(pool), sees, MediaWishes(wish), inline(WIDE))
    assert prompt.reports[0].tokens == 9


@pytest.mark.parametrize(("bound", "detail"), [(255, "high"), (254, "low"), (85, "low")])
async def test_where_no_size_is_small_enough_the_detail_is_lowered(
    pool: WorkerPool, bound: int, detail: Detail
) -> None:
    asked = replace(inline(WIDE), detail="high")
    prompt = await wished(pipeline(pool), TILES, MediaWishes(bound), asked)
    assert [image.detail for image in images(prompt)] == [detail]
    assert prompt.reports[0].tokens == (255 if detail == "high" else 85)


async def test_a_bound_that_no_size_meets_is_refused_at_the_picture(pool: WorkerPool) -> None:
    with pytest.raises(MediaRejected) as caught:
        await wished(pipeline(pool), SQUARES, MediaWishes(3), inline(WIDE))
    assert caught.value.param == PARAM


async def test_a_bound_where_nobody_can_count_is_refused_before_anything_is_fetched(
    pool: WorkerPool,
) -> None:
    origin = Origin({"u:x": WIDE})
    media = pipeline(pool, origin=origin)
    with pytest.raises(UnsupportedParameter) as caught:
        await wished(media, EVERYTHING, MediaWishes(1000), LinkedImage("u:x", PARAM))
    assert caught.value.param == "visus.max_tokens_per_image"
    assert (caught.value.status, caught.value.code) == (400, "unsupported_parameter")
    assert origin.asked == []


@pytest.mark.parametrize(
    ("detail", "size", "tokens"),
    [("low", (512, 384), 85), ("auto", (1024, 768), 765), ("high", (1024, 768), 765)],
)
async def test_a_picture_is_sent_as_the_model_looks_at_it(
    pool: WorkerPool, detail: Detail, size: tuple[int, int], tokens: int
) -> None:
    large = replace(inline(encode(halves(2048, 1536), "PNG")), detail=detail)
    prompt = await wished(pipeline(pool), TILES, MediaWishes(), large)
    (image,), (report,) = images(prompt), prompt.reports
    assert (image.width_px, image.height_px, image.detail) == (*size, detail)
    assert decode(file_of(image)).size == size
    assert report.tokens == tokens


async def test_one_address_at_two_details_is_fetched_once_and_fitted_twice(
    pool: WorkerPool,
) -> None:
    origin = Origin({"u:x": encode(halves(1024, 768), "PNG")}, delay_s=0.01)
    media = pipeline(pool, origin=origin)
    links = [LinkedImage("u:x", "p0", "low"), LinkedImage("u:x", "p1", "high")]
    prompt = await wished(media, TILES, MediaWishes(), *links)
    assert origin.asked == ["u:x"]
    assert [(i.param, i.width_px, i.detail) for i in images(prompt)] == [
        ("p0", 512, "low"),
        ("p1", 1024, "high"),
    ]
    assert [report.tokens for report in prompt.reports] == [85, 765]


# --- Frames and pages ------------------------------------------------------------------------


def colours(prompt: Prompt) -> list[object]:
    """The lines of text, and of each picture the pixel near its corner."""
    return [
        part.text if isinstance(part, Text) else decode(file_of(part)).getpixel((3, 3))
        for part in prompt.turns[0].parts[1:]
    ]


def paged() -> bytes:
    pages = [Pillow.new("RGB", (30, 20), colour) for colour in (RED, (0, 99, 0), BLUE)]
    return encode(pages[0], "TIFF", save_all=True, append_images=pages[1:])


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
async def test_frames_arrive_in_order_under_their_times(pool: WorkerPool, kind: str) -> None:
    moving = encode(
        Pillow.new("RGB", (32, 24), RED),
        kind,
        save_all=True,
        append_images=[Pillow.new("RGB", (32, 24), one) for one in ((0, 99, 0), BLUE)],
        duration=50,
        **({"lossless": True} if kind == "WEBP" else {}),
    )
    prompt = await wished(pipeline(pool), EVERYTHING, MediaWishes(frames=3), inline(moving))
    lines = ["Frame at 0.00 s:", "Frame at 0.05 s:", "Frame at 0.10 s:"]
    assert colours(prompt)[::2] == lines
    for seen, colour in zip(colours(prompt)[1::2], (RED, (0, 99, 0), BLUE), strict=True):
        assert isinstance(seen, tuple)
        assert all(abs(a - b) < 3 for a, b in zip(seen, colour, strict=True))
    (report,) = prompt.reports
    assert (report.frames_in, len(report.images)) == (3, 3)
    assert {image.param for image in report.images} == {PARAM}
    assert "frames taken from the animation" in report.steps


async def test_pages_are_told_of_as_pages(pool: WorkerPool) -> None:
    prompt = await wished(pipeline(pool), EVERYTHING, MediaWishes(frames=2), inline(paged()))
    assert prompt.reports[0].steps[:3] == ["decoded", "converted", "pages taken"]


@pytest.mark.parametrize(
    ("wanted", "pages"), [(1, [RED]), (2, [RED, BLUE]), (9, [RED, (0, 99, 0), BLUE])]
)
async def test_pages_arrive_under_their_numbers(
    pool: WorkerPool, wanted: int, pages: list[tuple[int, ...]]
) -> None:
    wishes = MediaWishes(frames=wanted)
    prompt = await wished(pipeline(pool), EVERYTHING, wishes, inline(paged()))
    found = colours(prompt)
    numbers = {1: [], 2: [1, 3], 9: [1, 2, 3]}[wanted]
    assert [one for one in found if isinstance(one, str)] == [
        f"Page {number} of 3:" for number in numbers
    ]
    assert [one for one in found if not isinstance(one, str)] == pages
    assert ("first of 3 pages" in prompt.reports[0].steps) == (wanted == 1)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
async def test_without_a_wish_the_first_frame_arrives_and_the_report_says_so(
    pool: WorkerPool, kind: str
) -> None:
    prompt = await wished(pipeline(pool), EVERYTHING, MediaWishes(), inline(animation(kind)))
    (image,), (report,) = images(prompt), prompt.reports
    shown = decode(file_of(image))
    assert getattr(shown, "n_frames", 1) == 1
    seen = shown.convert("RGB").getpixel((5, 5))
    assert isinstance(seen, tuple)
    assert all(abs(a - b) < 16 for a, b in zip(seen, RED, strict=True))
    assert report.frames_in == 3
    assert "first of 3 frames" in report.steps


async def test_a_picture_with_one_frame_passes_unchanged_however_many_are_wanted(
    pool: WorkerPool,
) -> None:
    prompt = await wished(
        pipeline(pool), EVERYTHING, MediaWishes(frames=5), inline(SOUND["png"])
    )
    (image,) = images(prompt)
    assert file_of(image) == SOUND["png"]
    assert len(prompt.turns[0].parts) == 2
    assert prompt.reports[0].steps == ()


@pytest.mark.parametrize("own_limit", [None, 4])
@pytest.mark.parametrize(("frames", "taken"), [(2, 3), (3, 4), (4, None)])
async def test_frames_count_as_pictures(
    pool: WorkerPool, own_limit: int | None, frames: int, taken: int | None
) -> None:
    media = pipeline(pool, max_images=50 if own_limit else 4)
    pictures = inline(animation("GIF", 5)), inline(SOUND["png"])
    sees, wishes = Vision(max_images=own_limit), MediaWishes(frames=frames)
    if taken is not None:
        assert len(images(await wished(media, sees, wishes, *pictures))) == taken
        return
    with pytest.raises(TooManyImages) as caught:
        await wished(media, sees, wishes, *pictures)
    assert caught.value.param == "visus.frames"
    assert caught.value.code == "too_many_images"


async def test_the_same_animation_in_two_places_is_fetched_once_and_shown_in_both(
    pool: WorkerPool,
) -> None:
    origin = Origin({"u:x": animation("GIF")})
    media = pipeline(pool, origin=origin)
    links = LinkedImage("u:x", "p0"), LinkedImage("u:x", "p1")
    prompt = await wished(media, EVERYTHING, MediaWishes(frames=2), *links)
    assert [image.param for image in images(prompt)] == ["p0", "p0", "p1", "p1"]
    assert [report.path for report in prompt.reports] == ["p0", "p1"]
    assert origin.asked == ["u:x"]


async def test_pictures_of_a_tool_move_with_their_captions_told_in_the_report(
    pool: WorkerPool,
) -> None:
    call = ToolCall("c1", "look", "{}")
    asked = Question(
        "m",
        [
            Turn("assistant", [], "messages[0]", tool_calls=[call]),
            Turn(
                "tool",
                [inline(animation("GIF"), param="p0"), inline(SOUND["png"], param="p1")],
                "messages[1]",
                tool_call_id="c1",
            ),
            Turn("user", [Text("What?"), inline(SOUND["gif"], param="p2")], "messages[2]"),
        ],
        media=MediaWishes(frames=2),
    )
    prompt = await pipeline(pool).prepare(asked, upstream_id="up", sees=EVERYTHING)
    assert [turn.role for turn in prompt.turns] == ["assistant", "tool", "user"]
    assert [image.param for image in images(prompt)] == ["p0", "p0", "p1", "p2"]
    assert all(isinstance(part, Text) for part in prompt.turns[1].parts)
    moved = ["moved into the next user turn" in report.steps for report in prompt.reports]
    assert moved == [True, True, False]


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
