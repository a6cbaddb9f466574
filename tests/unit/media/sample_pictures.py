"""Pictures with known content, made for each test run; and ways to spoil them."""

import struct
import zlib
from io import BytesIO

import pillow_heif
from PIL import Image, PngImagePlugin

pillow_heif.register_heif_opener()

RED, BLUE = (200, 30, 30), (20, 40, 190)
ICC_MARK = b"acsp"
SECRET = b"GPS 52.5200 13.4050"
TYPES = {
    "JPEG": "image/jpeg",
    "PNG": "image/png",
    "WEBP": "image/webp",
    "GIF": "image/gif",
    "BMP": "image/bmp",
    "TIFF": "image/tiff",
    "AVIF": "image/avif",
    "HEIF": "image/heic",
}


def halves(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """The left half red, the right half blue."""
    picture = Image.new("RGB", (width, height), RED)
    picture.paste(BLUE, (width // 2, 0, width, height))
    return picture.quantize(4) if mode == "P" else picture.convert(mode)


def encode(picture: Image.Image, kind: str, **options: object) -> bytes:
    sink = BytesIO()
    picture.save(sink, kind, **options)
    return sink.getvalue()


def decode(data: bytes) -> Image.Image:
    picture = Image.open(BytesIO(data))
    picture.load()
    return picture


def noisy(width: int, height: int) -> Image.Image:
    """Every pixel different: files of this grow with the picture."""
    return Image.effect_noise((width, height), 80).convert("RGB")


def exif(orientation: int = 1) -> Image.Exif:
    block = Image.Exif()
    block[0x0112] = orientation
    block[0x010E] = SECRET.decode()
    return block


def turned(orientation: int, kind: str = "JPEG") -> bytes:
    """A file whose pixels lie so that `orientation` makes them `halves()` again."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    picture = halves()
    if orientation in undo:
        picture = picture.transpose(undo[orientation])
    return encode(picture, kind, exif=exif(orientation))


def animation(kind: str, frames: int = 3, size: tuple[int, int] = (32, 24)) -> bytes:
    """The first frame is red, the others are green to blue."""
    rest = [Image.new("RGB", size, (0, 30 * i, 255 - 30 * i)) for i in range(frames - 1)]
    first = Image.new("RGB", size, RED)
    return encode(first, kind, save_all=True, append_images=rest, duration=50, loop=0)


def chunk(kind: bytes, body: bytes) -> bytes:
    """One PNG chunk with a right checksum."""
    return struct.pack(">I", len(body)) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def png(*chunks: bytes) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def png_header(width: int, height: int, depth: int = 8, colour_type: int = 2) -> bytes:
    body = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    return chunk(b"IHDR", body)


def png_bomb(width: int, height: int) -> bytes:
    """A whole PNG of one colour, 1 bit a pixel, far smaller than its pixels."""
    deflate = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    body = b"".join(deflate.compress(row) for _ in range(height)) + deflate.flush()
    return png(png_header(width, height, 1, 0), chunk(b"IDAT", body), chunk(b"IEND", b""))


def png_with(*extra: bytes) -> bytes:
    """A sound PNG with more chunks behind its header."""
    plain = encode(halves(), "PNG")
    return plain[:33] + b"".join(extra) + plain[33:]


def png_with_text() -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", SECRET.decode())
    info.add_itxt("XML:com.adobe.xmp", SECRET.decode(), zip=True)
    return encode(halves(), "PNG", pnginfo=info, exif=exif())


def segment(marker: int, body: bytes) -> bytes:
    """One JPEG segment."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def jpeg_with(*extra: bytes) -> bytes:
    """A sound JPEG with more segments behind SOI."""
    plain = encode(halves(), "JPEG")
    return plain[:2] + b"".join(extra) + plain[2:]


def riff(*chunks: bytes) -> bytes:
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + len(body).to_bytes(4, "little") + body


def riff_chunk(kind: bytes, body: bytes) -> bytes:
    return kind + len(body).to_bytes(4, "little") + body + bytes(len(body) & 1)


def sound_files() -> dict[str, bytes]:
    """One file of every kind that is accepted (threats.md, I01)."""
    grey_alpha = halves(mode="L").convert("LA")
    return {
        "jpeg": encode(halves(), "JPEG", quality=95),
        "jpeg grey": encode(halves(mode="L"), "JPEG"),
        "jpeg progressive": encode(halves(), "JPEG", progressive=True),
        "jpeg restarts": encode(noisy(64, 48), "JPEG", restart_marker_blocks=1),
        "png 1x1": encode(Image.new("RGB", (1, 1), RED), "PNG"),
        "png": encode(halves(), "PNG"),
        "png 1 bit": encode(halves(mode="1"), "PNG"),
        "png palette": encode(halves(mode="P"), "PNG"),
        "png grey and alpha": encode(grey_alpha, "PNG"),
        "png alpha": encode(halves(mode="RGBA"), "PNG"),
        "webp lossy": encode(halves(), "WEBP"),
        "webp lossless": encode(halves(), "WEBP", lossless=True),
        "webp alpha": encode(Image.new("RGBA", (9, 7), (9, 9, 200, 90)), "WEBP"),
        "gif": encode(halves(mode="P"), "GIF"),
    }


def picky_files() -> dict[str, bytes]:
    """Files that no model should get as they are."""
    return {
        "jpeg cmyk": encode(halves(mode="CMYK"), "JPEG"),
        "jpeg turned": turned(6),
        "png turned": turned(3, "PNG"),
        "webp turned": turned(8, "WEBP"),
        "gif animated": animation("GIF"),
        "webp animated": animation("WEBP"),
    }
