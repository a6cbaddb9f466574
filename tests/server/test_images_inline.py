"""Pictures inside the request, from the socket to the model's server (threats.md, 7.2, 7.3)."""

import base64
import hashlib
import json
import random
import re
import struct
import time
import zlib
from io import BytesIO

import pytest
from PIL import Image, ImageChops, ImageOps
from tests.support.claims import answered, refused, rss_mb
from tests.support.service import Reply, Service, ask, picture, text
from tests.support.upstream import Upstream
from tests.unit.media.sample_pictures import (
    RED,
    SECRET,
    animation,
    chunk,
    encode,
    exif,
    halves,
    jpeg_with,
    noisy,
    picky_files,
    png,
    png_bomb,
    png_header,
    png_with,
    png_with_text,
    segment,
    sound_files,
    turned,
)

PLACE = "messages[0].content[1].image_url.url"
SOUND, PICKY = sound_files(), picky_files()
PNG = SOUND["png"]


def _url(file: bytes, kind: str = "image/png") -> str:
    return f"data:{kind};base64,{base64.b64encode(file).decode()}"


def _send(service: Service, file: bytes, kind: str = "image/png") -> Reply:
    return service.post(ask("good", [text("What is it?"), picture(_url(file, kind))]))


def _got(upstream: Upstream) -> bytes:
    (file,) = upstream.last("good").pictures()
    return file


def _reference(file: bytes) -> Image.Image:
    with Image.open(BytesIO(file)) as opened:
        opened.load()
        return ImageOps.exif_transpose(opened).convert("RGB")


# --- Sound pictures --------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_picture_without_metadata_arrives_byte_for_byte(
    service: Service, upstream: Upstream, name: str
) -> None:
    answered(service, _send(service, SOUND[name]))
    got = _got(upstream)
    if got != SOUND[name]:  # a writer's comment was cut out: the pixels are the same
        assert len(got) < len(SOUND[name])
        assert ImageChops.difference(_reference(got), _reference(SOUND[name])).getbbox() is None


@pytest.mark.parametrize("name", ["jpeg", "png", "webp lossy", "gif"])
def test_the_plain_formats_are_not_touched(
    service: Service, upstream: Upstream, name: str
) -> None:
    answered(service, _send(service, SOUND[name]))
    want = hashlib.sha256(SOUND[name]).hexdigest()
    assert upstream.last("good").hashes() == [want]


@pytest.mark.parametrize("name", PICKY)
def test_what_models_misread_is_made_plain(
    service: Service, upstream: Upstream, name: str
) -> None:
    answered(service, _send(service, PICKY[name]))
    got, want = _reference(_got(upstream)), _reference(PICKY[name])
    assert got.size == want.size
    difference = ImageChops.difference(got, want).resize((8, 6), Image.Resampling.BOX)
    assert max(high for _, high in difference.getextrema()) < 16
    with Image.open(BytesIO(_got(upstream))) as opened:
        assert opened.mode in {"L", "RGB", "RGBA"}
        assert getattr(opened, "n_frames", 1) == 1


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "AVIF", "HEIF"])
def test_what_models_do_not_read_arrives_as_what_they_read(
    service: Service, upstream: Upstream, kind: str
) -> None:
    answered(service, _send(service, encode(halves(), kind), "image/jpeg"))
    with Image.open(BytesIO(_got(upstream))) as opened:
        assert opened.format in {"JPEG", "PNG"}
    difference = ImageChops.difference(_reference(_got(upstream)), halves())
    assert (
        max(high for _, high in difference.resize((8, 6), Image.Resampling.BOX).getextrema())
        < 16
    )


@pytest.mark.parametrize("orientation", range(2, 9))
def test_a_picture_arrives_upright(
    service: Service, upstream: Upstream, orientation: int
) -> None:
    answered(service, _send(service, turned(orientation), "image/jpeg"))
    got = _reference(_got(upstream))
    assert got.size == (64, 48)
    difference = ImageChops.difference(got, halves()).resize((8, 6), Image.Resampling.BOX)
    # The columns beside the seam are blurred by JPEG.
    assert max(high for _, high in difference.crop((0, 0, 3, 6)).getextrema()) < 12


def test_of_an_animation_the_first_frame_arrives(service: Service, upstream: Upstream) -> None:
    answered(service, _send(service, animation("GIF"), "image/gif"))
    assert _reference(_got(upstream)).getpixel((5, 5)) == RED


@pytest.mark.parametrize(
    "claimed", ["image/png", "image/webp", "image/x-y", "application/octet-stream"]
)
def test_the_bytes_decide_and_not_the_label(
    service: Service, upstream: Upstream, claimed: str
) -> None:
    answered(service, _send(service, SOUND["jpeg"], claimed))
    part = upstream.last("good").body["messages"][0]["content"][1]
    assert part["image_url"]["url"].startswith("data:image/jpeg;base64,")


HIDDEN = {
    "jpeg exif": encode(halves(), "JPEG", exif=exif()),
    "jpeg xmp": jpeg_with(segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET)),
    "jpeg comment": jpeg_with(segment(0xFE, SECRET)),
    "png text": png_with_text(),
    "webp exif": encode(halves(), "WEBP", exif=exif()),
    "turned": turned(6),
    "jpeg and php": SOUND["jpeg"] + b"<?php " + SECRET,
    "png and zip": PNG + b"PK\x03\x04" + SECRET,
    "gif and script": SOUND["gif"] + b"/*" + SECRET + b"*/",
    "webp and more": SOUND["webp lossy"] + SECRET,
}


@pytest.mark.parametrize("name", HIDDEN)
def test_nothing_but_the_picture_leaves_the_house(
    service: Service, upstream: Upstream, name: str
) -> None:
    assert SECRET in HIDDEN[name] or name == "png text"
    answered(service, _send(service, HIDDEN[name]))
    got = _got(upstream)
    assert SECRET not in got
    assert b"zTXt" not in got
    assert b"iTXt" not in got
    assert _reference(got).size == (64, 48)


def test_of_a_huge_colour_profile_little_leaves_the_house(
    service: Service, upstream: Upstream
) -> None:
    profile = [
        segment(0xE2, b"ICC_PROFILE\0" + bytes([1 + i, 80]) + bytes(64_000)) for i in range(80)
    ]
    answered(service, _send(service, jpeg_with(*profile)))
    assert len(_got(upstream)) < 1_100_000


def test_pictures_of_equal_pixels_in_another_shape_stay_apart(
    service: Service, upstream: Upstream
) -> None:
    raw = random.Random(1).randbytes(30 * 100 * 3)  # noqa: S311 -- a picture
    shapes = [(30, 100), (100, 30)]
    files = [encode(Image.frombytes("RGB", shape, raw), "PNG") for shape in shapes]
    reply = service.post(ask("good", [picture(_url(file)) for file in files]))
    answered(service, reply)
    assert upstream.last("good").pictures() == files


# --- Refused pictures ------------------------------------------------------------------------


def _changed(file: bytes, place: int, replacement: bytes) -> bytes:
    return file[:place] + replacement + file[place + len(replacement) :]


def _table(marker: bytes, past: int, replacement: bytes) -> bytes:
    """A JPEG with other bytes in the first segment of this kind."""
    file = SOUND["jpeg"]
    return _changed(file, file.index(b"\xff" + marker) + 4 + past, replacement)


def _png(
    pixels: bytes, size: tuple[int, int] = (8, 8), *, is_interlaced: bool = False
) -> bytes:
    """A PNG of these pixels, every checksum right."""
    header = bytearray(png_header(*size)[8:21])
    header[-1] = is_interlaced
    return png(chunk(b"IHDR", bytes(header)), chunk(b"IDAT", pixels), chunk(b"IEND", b""))


ROW = bytes(1 + 8 * 3)
_LOSSY, _LOSSLESS, _GIF = SOUND["webp lossy"], SOUND["webp lossless"], SOUND["gif"]
_CODED = _GIF.index(b"\x2c") + 10
"""Where the coded data of the GIF begin, with the size of their codes."""
BAD_CODES = {
    "jpeg, more codes than there can be": _table(b"\xc4", 1, b"\3\1"),
    "jpeg, a table without a place": _table(b"\xc4", 0, b"\x24"),
    "jpeg, a mean of 255 bits": _table(b"\xc4", 17, b"\xff"),
    "jpeg, a table that ends early": _table(b"\xc4", 16, b"\1"),
    "jpeg, no quantisation": _table(b"\xdb", 0, b"\x24"),
    "jpeg, a scan by no table": _table(b"\xda", 2, b"\x44"),
    "png, a row missing": _png(zlib.compress(ROW * 7)),
    "png, a pixel missing": _png(zlib.compress((ROW * 8)[:-1])),
    "png, a row without a filter": _png(zlib.compress(ROW * 5 + b"\5" + ROW * 3)),
    "png, not deflated": _png(ROW * 8),
    "png, cut off": _png(zlib.compress(bytes(range(200)))[:60]),
    "png, passes missing": _png(zlib.compress(ROW * 6), is_interlaced=True),
    "png, larger than can be": _png(zlib.compress(bytes(100_000)), (3000, 3000)),
    "webp lossy": _changed(_LOSSY, 30, b"\xff" * 40),
    "webp lossless": _changed(_LOSSLESS, 26, bytes(range(1, 40))),
    "gif": _changed(_GIF, _CODED + 2, b"\xff" * 30),
    "gif, codes of 255 bits": _changed(_GIF, _CODED, b"\xff"),
}
BOMB = png_bomb(30_000, 30_000)
BAD = BAD_CODES | {
    "bomb": BOMB,
    "2^31 wide": png(
        png_header(2**31 - 1, 2**31 - 1), chunk(b"IDAT", b"x"), chunk(b"IEND", b"")
    ),
    "no pixels": png(png_header(0, 0), chunk(b"IDAT", b"x"), chunk(b"IEND", b"")),
    "1 by 100,000": png_bomb(1, 100_000),
    "61 frames": encode(
        Image.new("L", (8, 8)),
        "GIF",
        save_all=True,
        append_images=[Image.new("L", (8, 8), 4 * i) for i in range(1, 61)],
    ),
    "checksum": PNG[:60] + bytes([PNG[60] ^ 1]) + PNG[61:],
    "signature alone": PNG[:8],
    "jpeg start alone": b"\xff\xd8\xff",
    "gif start alone": b"GIF89a",
    "riff start alone": b"RIFF\x04\0\0\0WEBP",
    "broken cmyk": PICKY["jpeg cmyk"][:-200] + b"\xff\xd9",
}


@pytest.mark.parametrize("name", BAD)
def test_a_picture_that_is_too_much_or_broken_is_refused_quickly(
    service: Service, name: str
) -> None:
    before = rss_mb(service, "VmHWM")
    began_s = time.monotonic()
    refused(service, _send(service, BAD[name]), 400, "invalid_image", PLACE)
    assert time.monotonic() - began_s < 2
    assert rss_mb(service, "VmHWM") - before < 50


COLOURED = noisy(300, 203)
STRIPS = encode(COLOURED, "TIFF", compression="jpeg", strip_size=16 * 300 * 3)


def _tag(file: bytes, tag: int, *values: int, listed: bool = False) -> bytes:
    """A TIFF with other numbers of 32 bits in its first directory, or in the list it names."""
    start = struct.unpack_from("<I", file, 4)[0]
    count = struct.unpack_from("<H", file, start)[0]
    entries = range(start + 2, start + 2 + 12 * count, 12)
    (entry,) = (one for one in entries if struct.unpack_from("<H", file, one) == (tag,))
    place = struct.unpack_from("<I", file, entry + 8)[0] if listed else entry + 8
    changed = bytearray(file)
    struct.pack_into(f"<{len(values)}I", changed, place, *values)
    return bytes(changed)


def test_a_tiff_of_jpeg_in_strips_arrives(service: Service, upstream: Upstream) -> None:
    answered(service, _send(service, STRIPS))
    difference = ImageChops.difference(_reference(_got(upstream)), COLOURED)
    small = difference.resize((8, 6), Image.Resampling.BOX)
    assert max(high for _, high in small.getextrema()) < 16


@pytest.mark.parametrize(
    "file",
    [
        _tag(STRIPS, 279, *[500] * 13, listed=True),
        _tag(STRIPS, 256, 310),
        _tag(STRIPS, 278, 24),
        _tag(STRIPS, 257, 208),
    ],
    ids=["cut off", "too narrow", "too low", "the last too low"],
)
def test_a_tiff_whose_parts_do_not_make_up_the_whole_is_refused(
    service: Service, file: bytes
) -> None:
    """Its decoder would show the rest grey or black."""
    refused(service, _send(service, file), 400, "invalid_image", PLACE)


@pytest.mark.parametrize(
    "file",
    [
        _png(zlib.compress(ROW * 8)),
        _png(zlib.compress(ROW * 9)),
        _png(zlib.compress(ROW * 8 + bytes(7)), is_interlaced=True),
        _png(zlib.compress(bytes(301 * 100)), (100, 100)),
        _png(zlib.compress(bytes(301 * 120)), (100, 120)),
        _png(zlib.compress(bytes(3 * 9_000_000 + 3000), 9), (3000, 3000)),
    ],
    ids=["sound", "a row too many", "interlaced", "looked through", "looked into", "flat"],
)
def test_sound_pixels_of_any_size_are_taken(
    service: Service, upstream: Upstream, file: bytes
) -> None:
    answered(service, _send(service, file))
    assert _got(upstream) == file


@pytest.mark.parametrize("name", BAD_CODES)
def test_damaged_codes_are_refused_however_often_they_are_sent(
    service: Service, upstream: Upstream, name: str
) -> None:
    before = len(upstream.asked)
    for _ in range(3):
        refused(service, _send(service, BAD_CODES[name]), 400, "invalid_image", PLACE)
    assert len(upstream.asked) == before


def test_a_jpeg_that_goes_over_its_pixels_without_end_is_refused(service: Service) -> None:
    """Each further look at 16 megapixels costs 50 bytes."""
    whole = encode(Image.new("RGB", (4000, 4000), "red"), "JPEG", progressive=True)
    scan = whole[whole.rindex(b"\xff\xda") : -2]
    for more, status in ((83, 200), (84, 400)):
        reply = _send(service, whole[:-2] + scan * more + whole[-2:])
        assert reply.status == status, reply.body
    refused(service, reply, 400, "invalid_image", PLACE)


@pytest.mark.parametrize("frames", [1, 2])
def test_an_avif_that_draws_far_more_than_it_says_is_refused(
    service: Service, frames: int
) -> None:
    """The boxes around the coded pictures are made to say that they are small."""
    large = Image.new("L", (3000, 2500), 77)
    more = {"save_all": True, "append_images": [large] * (frames - 1)} if frames > 1 else {}
    file = bytearray(encode(large, "AVIF", speed=10, quality=1, **more))
    for kind, past, size in ((b"ispe", 8, (64, 48)), (b"tkhd", 92, (64 << 16, 48 << 16))):
        for found in re.finditer(kind, bytes(file)):
            struct.pack_into(">II", file, found.start() + past, *size)
    refused(service, _send(service, bytes(file)), 400, "invalid_image", PLACE)


@pytest.mark.parametrize(
    "name", ["jpeg", "jpeg progressive", "png", "webp lossy", "webp lossless", "gif"]
)
def test_a_truncated_picture_is_refused_wherever_it_ends(service: Service, name: str) -> None:
    file = SOUND[name]
    for tenth in range(1, 10):
        reply = _send(service, file[: len(file) * tenth // 10])
        status, code, param = reply.error()
        assert (status, param) == (400, PLACE), tenth
        assert code in {"invalid_image", "invalid_image_format"}


def test_a_text_that_would_inflate_to_a_gigabyte_is_cut_out_unread(
    service: Service, upstream: Upstream
) -> None:
    deflate = zlib.compressobj(9)
    bomb = b"".join(deflate.compress(bytes(10_000_000)) for _ in range(20)) + deflate.flush()
    before = rss_mb(service, "VmHWM")
    answered(service, _send(service, png_with(chunk(b"zTXt", b"Comment\0\0" + bomb))))
    assert _got(upstream) == PNG
    assert rss_mb(service, "VmHWM") - before < 30


FOREIGN = {
    "SVG": b'<svg xmlns="http://www.w3.org/2000/svg"><image href="http://127.0.0.1/x"/></svg>',
    "SVG with an entity": b'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]><svg>&x;</svg>',
    "HTML": b"<!DOCTYPE html><html><script>1</script></html>",
    "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%id) (w) file",
    "WMF": b"\xd7\xcd\xc6\x9a" + bytes(60),
    "PSD": b"8BPS\0\1" + bytes(60),
    "FITS": b"SIMPLE  =                    T",
    "TGA": bytes([0, 0, 2]) + bytes(60),
    "ICO": b"\0\0\1\0\1\0" + bytes(60),
    "JPEG 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(60),
    "BigTIFF": b"II+\0\x08\0\0\0" + bytes(60),
    "JPEG XL": b"\xff\x0a" + bytes(60),
    "PDF": b"%PDF-1.7\n" + bytes(60),
    "MP4": b"\0\0\0\x18ftypisom" + bytes(60),
    "data URL": b"data:image/png;base64,AAAA",
    "text": b"hello",
    "a zero": b"\0",
}


@pytest.mark.parametrize("name", FOREIGN)
def test_another_format_is_refused_as_such(service: Service, name: str) -> None:
    reply = _send(service, FOREIGN[name])
    refused(service, reply, 400, "invalid_image_format", PLACE)
    message = reply.json()["error"]["message"]
    assert not re.search(r"0x|object|Error|Traceback|/usr|PIL", message)


@pytest.mark.parametrize(
    ("count", "status", "code"), [(2, 200, None), (3, 400, "too_many_images")]
)
def test_more_pictures_than_a_limit_are_refused(
    tight: Service, count: int, status: int, code: str | None
) -> None:
    reply = tight.post(ask("good", [picture(_url(PNG))] * count))
    if status == 200:
        answered(tight, reply)
    else:
        refused(tight, reply, status, str(code), "messages")


@pytest.mark.parametrize(
    "parts", [[picture("data:image/png;base64,AAAA")] * 51, [text("x")] * 501]
)
def test_too_many_parts_are_refused_before_any_is_looked_at(
    service: Service, parts: list[object]
) -> None:
    began_s = time.monotonic()
    refused(service, service.post(ask("good", parts)), 400, "too_many_images", "messages")
    assert time.monotonic() - began_s < 2


def test_as_many_as_allowed_are_taken(service: Service, upstream: Upstream) -> None:
    answered(service, service.post(ask("good", [picture(_url(PNG))] * 50)))
    assert len(upstream.last("good").pictures()) == 50
    answered(service, service.post(ask("good", [text("x")] * 500)))


def test_fifty_bombs_are_refused_by_their_headers(service: Service) -> None:
    before = rss_mb(service, "VmHWM")
    content = [text("?"), picture(_url(PNG)), *[picture(_url(BOMB))] * 40]
    reply = service.post(ask("good", content))
    refused(service, reply, 400, "invalid_image", "messages[0].content[2].image_url.url")
    assert rss_mb(service, "VmHWM") - before < 300


def test_mutated_pictures_are_taken_or_refused_and_never_more(service: Service) -> None:
    """Threats.md, I13, with a fixed seed; the long run is the fuzzer's."""
    chance = random.Random(7)  # noqa: S311 -- repeatable
    corpus = [*SOUND.values(), *PICKY.values()]
    for _ in range(300):
        file = bytearray(chance.choice(corpus))
        for _ in range(chance.randint(1, 8)):
            file[chance.randrange(len(file))] = chance.randrange(256)
        began_s = time.monotonic()
        reply = _send(service, bytes(file))
        assert reply.status in {200, 400}, reply.body
        assert time.monotonic() - began_s < 10
        if reply.status == 400:
            assert reply.error()[1] in {"invalid_image", "invalid_image_format"}
            assert b"0x" not in reply.body


# --- Data URLs -------------------------------------------------------------------------------

B64 = base64.b64encode(PNG).decode()
URLS = [
    ("data:image/png;base64,@@@", "invalid_base64"),
    ("data:image/png;base64," + B64[:-1], "invalid_base64"),
    ("data:image/png;base64,AA=A", "invalid_base64"),
    ("data:image/png;base64,_-_-", "invalid_base64"),
    ("data:image/png;base64,ÄÄÄÄ", "invalid_base64"),
    ("data:image/png;base64,", "invalid_image"),
    ("data:,hello", "invalid_value"),
    ("data:image/png,%89PNG", "invalid_value"),
    ("data:;base64," + B64, "invalid_value"),
    ("data:text/html;base64," + B64, "invalid_image_format"),
    ("data:application/pdf;base64," + B64, "invalid_image_format"),
    ("data:image/png;base64", "invalid_value"),
    ("data:" + "a=b;" * 1000 + "base64," + B64, "invalid_value"),
    ("data:image/png" + ";" * 1_000_000 + "base64", "invalid_value"),
    (_url(_url(PNG).encode()), "invalid_image_format"),
    ("data:image/png;base64,data:image/png;base64," + B64, "invalid_base64"),
]


@pytest.mark.parametrize(("url", "code"), URLS, ids=lambda one: one[:40])
def test_a_bad_data_url_is_refused_by_what_is_wrong(
    service: Service, url: str, code: str
) -> None:
    began_s = time.monotonic()
    reply = service.post(ask("good", [text("?"), picture(url)]))
    refused(service, reply, 400, code, PLACE)
    assert time.monotonic() - began_s < 2


@pytest.mark.parametrize(
    "url",
    [
        "DATA:IMAGE/PNG;BASE64," + B64,
        "data:image/png;charset=utf-8;base64," + B64,
        "data:image/png;base64," + "\n".join(B64[i : i + 76] for i in range(0, len(B64), 76)),
        "data:image/png;base64, " + B64 + "\t",
    ],
    ids=lambda one: repr(one[:44]),
)
def test_a_data_url_in_another_spelling_is_taken(
    service: Service, upstream: Upstream, url: str
) -> None:
    answered(service, service.post(ask("good", [text("?"), picture(url)])))
    assert _got(upstream) == PNG


def test_escapes_in_the_json_change_nothing(service: Service, upstream: Upstream) -> None:
    body = ask("good", [text("?"), picture("URL")])
    spelled = json.dumps(body).replace(
        "URL", _url(PNG).replace("/", "\\/").replace("A", "\\u0041")
    )
    answered(service, service.post(spelled.encode()))
    assert _got(upstream) == PNG


def test_a_bare_string_is_the_url(service: Service, upstream: Upstream) -> None:
    part = {"type": "image_url", "image_url": _url(PNG)}
    answered(service, service.post(ask("good", [text("?"), part])))
    assert _got(upstream) == PNG


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": _url(PNG), "detail": None}},
        {"type": "input_image", "image_url": _url(PNG), "detail": None},
    ],
    ids=lambda part: part["type"],
)
def test_no_detail_is_no_wish(
    service: Service, upstream: Upstream, part: dict[str, object]
) -> None:
    answered(service, service.post(ask("good", [part])))
    assert _got(upstream) == PNG
    (sent,) = upstream.last("good").body["messages"][0]["content"]
    assert set(sent["image_url"]) == {"url"}


BARE = "messages[0].content[0].image_url"


@pytest.mark.parametrize(
    ("location", "code", "param"),
    [
        ({}, "missing_required_parameter", BARE + ".url"),
        ({"url": None}, "invalid_value", BARE + ".url"),
        ({"url": 5}, "invalid_value", BARE + ".url"),
        ({"url": ["x"]}, "invalid_value", BARE + ".url"),
        ({"url": {}}, "invalid_value", BARE + ".url"),
        ({"url": ""}, "invalid_image_url", BARE + ".url"),
        ({"url": _url(PNG), "detail": "ultra"}, "invalid_value", BARE + ".detail"),
        (None, "invalid_value", BARE),
        (5, "invalid_value", BARE),
        ([], "invalid_value", BARE),
        ("", "invalid_image_url", BARE),
    ],
    ids=str,
)
def test_a_location_of_another_shape_is_refused_with_its_place(
    service: Service, location: object, code: str, param: str
) -> None:
    reply = service.post(ask("good", [{"type": "image_url", "image_url": location}]))
    refused(service, reply, 400, code, param)


def test_unknown_keys_beside_the_url_are_ignored_aloud(
    service: Service, upstream: Upstream
) -> None:
    reply = service.post(ask("good", [picture(_url(PNG), format="png")]))
    answered(service, reply)
    assert reply.headers["x-visus-ignored"] == "messages[0].content[0].image_url.format"
    assert _got(upstream) == PNG
