"""Bitmaps, TIFF and box files with known content, built by hand where no writer makes them."""

import struct
from collections.abc import Mapping, Sequence
from io import BytesIO

import numpy as np
import tifffile
from PIL import Image
from sample_pictures import BLUE, RED, encode, halves, noisy

Entries = Mapping[int, tuple[str, Sequence[int]]]
"""TIFF directory: by tag, the type (`H` or `I`, as `struct` writes it) and the values."""


# --- BMP -------------------------------------------------------------------------------------

HEADERS = (12, 40, 52, 56, 64, 108, 124)
RGB565 = (0xF800, 0x7E0, 0x1F)
RGB555 = (0x7C00, 0x3E0, 0x1F)
BGRA = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)


def bmp(  # noqa: PLR0913 - what a header can say
    header: int = 40,
    depth: int = 24,
    *,
    top_down: bool = False,
    masks: Sequence[int] = (),
    run_lengths: bool = False,
    width: int = 61,
    height: int = 7,
) -> bytes:
    """`halves(width, height)` as a bitmap of that version and depth."""
    index = np.zeros((height, width), np.uint8)
    index[:, width // 2 :] = 1
    rows = [_bmp_row(row, depth, masks) for row in (index if top_down else index[::-1])]
    pixels = b"".join(row + bytes(-len(row) % 4) for row in rows)
    compression = 3 if masks else 0
    if run_lengths:
        pixels, compression = _runs(index[::-1], depth), {8: 1, 4: 2}[depth]
    palette = b""
    if depth <= 8:
        pad = b"" if header == 12 else b"\0"
        colours = [RED, BLUE] + [(0, 0, 0)] * (2**depth - 2)
        palette = b"".join(bytes(colour[::-1]) + pad for colour in colours)
    if header == 12:
        body = struct.pack("<IHHHH", 12, width, height, 1, depth)
    else:
        fields = (header, width, -height if top_down else height, 1, depth, compression)
        body = struct.pack("<IiiHHIIiiII", *fields, len(pixels), 2835, 2835, 0, 0)
        packed = struct.pack(f"<{len(masks)}I", *masks)
        body = body + packed if header == 40 else (body + packed).ljust(header, b"\0")
    start = 14 + len(body) + len(palette)
    return (
        struct.pack("<2sIHHI", b"BM", start + len(pixels), 0, 0, start)
        + body
        + palette
        + pixels
    )


def _bmp_row(row: np.ndarray, depth: int, masks: Sequence[int]) -> bytes:
    if depth == 1:
        return np.packbits(row).tobytes()
    if depth == 4:
        even = np.append(row, 0)[: len(row) + len(row) % 2]
        return ((even[::2] << 4) | even[1::2]).astype(np.uint8).tobytes()
    if depth == 8:
        return row.tobytes()
    colours = [RED, BLUE]
    if depth == 16:
        return b"".join(_word(colours[i], masks or RGB555).to_bytes(2, "little") for i in row)
    tail = b"\xff" if depth == 32 else b""
    return b"".join(bytes(colours[i][::-1]) + tail for i in row)


def _word(colour: Sequence[int], masks: Sequence[int]) -> int:
    word = 0
    for value, mask in zip(colour, masks, strict=False):
        shift = (mask & -mask).bit_length() - 1
        word |= value * (mask >> shift) // 255 << shift
    return word


def _runs(rows: np.ndarray, depth: int) -> bytes:
    coded = b""
    for row in rows:
        left = int((row == 0).sum())
        for value, length in ((0, left), (1, len(row) - left)):
            coded += bytes([length, value | value << 4 if depth == 4 else value])
        coded += b"\0\0"
    return coded + b"\0\1"


def bitmaps() -> dict[str, bytes]:
    """Every version and depth that is read."""
    files = {
        f"bmp v{header} {depth} bits": bmp(header, depth)
        for header in HEADERS
        for depth in (1, 4, 8, 24)
    }
    files |= {f"bmp v{header} top down": bmp(header, top_down=True) for header in HEADERS[1:]}
    files |= {
        "bmp 16 bits": bmp(40, 16),
        "bmp 16 bits 565": bmp(40, 16, masks=RGB565),
        "bmp 16 bits 555": bmp(108, 16, masks=RGB555),
        "bmp 32 bits": bmp(40, 32),
        "bmp 32 bits masked": bmp(40, 32, masks=BGRA[:3]),
        "bmp 32 bits alpha": bmp(124, 32, masks=BGRA),
        "bmp run lengths 8": bmp(40, 8, run_lengths=True),
        "bmp run lengths 4": bmp(40, 4, run_lengths=True),
    }
    return files


# --- TIFF ------------------------------------------------------------------------------------


def tiff(*pages: Entries, order: str = "<", pixels: bytes = b"") -> bytes:
    """A file of hand-made directories; `pixels` begin at byte 8."""
    start = 8 + len(pixels) + len(pixels) % 2
    mark = b"II*\0" if order == "<" else b"MM\0*"
    data = bytearray(mark + struct.pack(f"{order}I", start) + pixels.ljust(start - 8, b"\0"))
    for number, entries in enumerate(pages):
        spill_at = len(data) + 2 + 12 * len(entries) + 4
        body, spill = b"", b""
        for tag, (kind, values) in sorted(entries.items()):
            packed = struct.pack(f"{order}{len(values)}{kind}", *values)
            if len(packed) > 4:
                place = struct.pack(f"{order}I", spill_at + len(spill))
                spill += packed
            else:
                place = packed.ljust(4, b"\0")
            code = {"B": 1, "H": 3, "I": 4}[kind]
            body += struct.pack(f"{order}HHI", tag, code, len(values)) + place
        following = spill_at + len(spill) if number + 1 < len(pages) else 0
        data += struct.pack(f"{order}H", len(entries)) + body
        data += struct.pack(f"{order}I", following) + spill
    return bytes(data)


def page(width: int, height: int, **changes: tuple[str, Sequence[int]]) -> Entries:
    """A grey page whose pixels begin at byte 8; `t259=("H", [5])` sets a tag."""
    entries: dict[int, tuple[str, Sequence[int]]] = {
        256: ("I", [width]),
        257: ("I", [height]),
        258: ("H", [8]),
        259: ("H", [1]),
        262: ("H", [1]),
        273: ("I", [8]),
        277: ("H", [1]),
        278: ("I", [height]),
        279: ("I", [min(width * height, 2**32 - 1)]),
    }
    entries.update({int(name[1:]): value for name, value in changes.items()})
    return entries


def tiff_by(picture: np.ndarray, **options: object) -> bytes:
    """A file by another writer, which knows tiles, planes and both byte orders."""
    sink = BytesIO()
    tifffile.imwrite(sink, picture, metadata=None, **options)
    return sink.getvalue()


def tiffs() -> dict[str, bytes]:
    """`halves()` in as many ways as its colours allow: strips, tiles, codings, byte orders."""
    files = {
        f"tiff {mode} {coding}": encode(halves(mode=mode), "TIFF", compression=coding)
        for mode in ("RGB", "RGBA", "P", "CMYK")
        for coding in (None, "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits")
    }
    files["tiff RGB jpeg"] = encode(halves(), "TIFF", compression="jpeg", quality=95)
    colour = np.asarray(halves())
    deep = colour.astype(np.uint16) * 257
    for order in "<>":
        files |= {
            f"tiff {order} strips": tiff_by(colour, byteorder=order, rowsperstrip=1),
            f"tiff {order} tiles": tiff_by(colour, byteorder=order, tile=(16, 16)),
            f"tiff {order} deflated tiles": tiff_by(
                colour, byteorder=order, tile=(32, 32), compression="zlib"
            ),
            f"tiff {order} planes": tiff_by(
                colour.transpose(2, 0, 1).copy(),
                byteorder=order,
                photometric="rgb",
                planarconfig="separate",
            ),
            f"tiff {order} 16 bits": tiff_by(deep, byteorder=order, photometric="rgb"),
            f"tiff {order} 16 bits deflated": tiff_by(
                deep, byteorder=order, photometric="rgb", compression="zlib", predictor=True
            ),
        }
    return files


# --- Boxes -----------------------------------------------------------------------------------


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return (8 + len(body)).to_bytes(4) + kind + body


def full_box(kind: bytes, *parts: bytes, version: int = 0, flags: int = 0) -> bytes:
    return box(kind, bytes([version]), flags.to_bytes(3), *parts)


def u16(*values: int) -> bytes:
    return b"".join(value.to_bytes(2) for value in values)


def u32(*values: int) -> bytes:
    return b"".join((value & 0xFFFFFFFF).to_bytes(4) for value in values)


def ispe(width: int, height: int) -> bytes:
    return full_box(b"ispe", u32(width, height))


def heif(  # noqa: PLR0913 - what the boxes can say
    kinds: Sequence[bytes] = (b"hvc1",),
    properties: Sequence[Sequence[bytes]] = ((ispe(64, 48),),),
    *,
    iloc: bytes | None = None,
    iref: bytes = b"",
    own: bytes = b"\0" * 16,
    primary: int = 1,
    brand: bytes = b"heic",
    tail: bytes = b"",
) -> bytes:
    """A box file whose items 1, 2 … have these kinds and properties; nothing decodes it."""
    infe = [
        full_box(b"infe", u16(number, 0), kind, b"\0", version=2)
        for number, kind in enumerate(kinds, 1)
    ]
    container = list(dict.fromkeys(one for some in properties for one in some))
    numbers = {one: 0x8000 | number for number, one in enumerate(container, 1)}
    links = b"".join(
        u16(number) + bytes([len(some)]) + u16(*(numbers[one] for one in some))
        for number, some in enumerate(properties, 1)
    )
    if iloc is None:
        places = [
            u16(number, 1, 0, 1) + u32(0, len(own)) for number in range(1, len(kinds) + 1)
        ]
        iloc = full_box(b"iloc", b"\x44\0", u16(len(kinds)), *places, version=1)
    meta = full_box(
        b"meta",
        full_box(b"hdlr", u32(0), b"pict", bytes(13)),
        full_box(b"pitm", u16(primary)),
        full_box(b"iinf", u16(len(kinds)), *infe),
        iloc,
        box(
            b"iprp",
            box(b"ipco", *container),
            full_box(b"ipma", u32(len(properties)), links, flags=1),
        ),
        iref,
        box(b"idat", own),
    )
    return box(b"ftyp", brand, u32(0), brand) + meta + tail


def references(*links: tuple[bytes, int, Sequence[int]]) -> bytes:
    return full_box(
        b"iref", *(box(kind, u16(start, len(ends), *ends)) for kind, start, ends in links)
    )


def rewrapped(picture: Image.Image, kind: str, *extra: bytes) -> bytes:
    """`picture` coded by a library (`AVIF` or `HEIF`), in boxes of ours and `extra`."""
    data = encode(picture, kind, quality=95)
    coding = b"av1C" if kind == "AVIF" else b"hvcC"
    at = data.index(coding) - 4
    own = [ispe(*picture.size), data[at : at + int.from_bytes(data[at : at + 4])], *extra]
    coded = data[data.index(b"mdat") + 4 :]
    brand, item = (b"avif", b"av01") if kind == "AVIF" else (b"heic", b"hvc1")
    return heif((item,), (own,), own=coded, brand=brand)


def irot(quarters: int) -> bytes:
    return box(b"irot", bytes([quarters]))


def imir(axis: int) -> bytes:
    return box(b"imir", bytes([axis]))


def clap(width: int, height: int, right: int = 0, down: int = 0, over: int = 1) -> bytes:
    return box(b"clap", u32(width, 1, height, 1, right, over, down, over))


def boxed() -> dict[str, bytes]:
    """Sound HEIC and AVIF files."""
    ghost = Image.new("RGBA", (64, 48), (9, 9, 200, 90))
    return {
        "heic": encode(halves(), "HEIF", quality=90),
        "heic grey": encode(halves(mode="L"), "HEIF", quality=90),
        "heic alpha": encode(ghost, "HEIF"),
        "heic tiles": encode(noisy(200, 150), "HEIF", tile_size=64),
        "heic odd": encode(halves(63, 47), "HEIF"),
        "avif": encode(halves(), "AVIF", quality=90),
        "avif grey": encode(halves(mode="L"), "AVIF"),
        "avif alpha": encode(ghost, "AVIF"),
        "avif 4:4:4": encode(halves(), "AVIF", subsampling="4:4:4"),
        "avif lossless": encode(halves(), "AVIF", quality=100),
        "avif animated": encode(
            halves(), "AVIF", save_all=True, append_images=[halves(), halves()], duration=40
        ),
    }
