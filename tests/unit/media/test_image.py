import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin
from sample_pictures import (
    BLUE,
    RED,
    SECRET,
    animation,
    decode,
    encode,
    exif,
    halves,
    jpeg_with,
    noisy,
    segment,
    sound_files,
)

from visus.core.prompt import ImageType
from visus.errors import ImageFormatRejected, MediaRejected
from visus.media.fitting import (
    Fit,
    Fitted,
    pack_frames,
    unpack_frames,
)
from visus.media.image import frames, normalise
from visus.media.jobs import pack_job, unpack_job

ANY = Fit()
SOUND = sound_files()
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def close(picture: Image.Image, at: tuple[int, int], colour: tuple[int, ...]) -> bool:
    seen = picture.convert("RGB").getpixel(at)
    assert isinstance(seen, tuple)
    return all(abs(a - b) <= 8 for a, b in zip(seen, colour, strict=True))


def shows_halves(data: bytes) -> bool:
    """Red on the left, blue on the right, whatever the size."""
    picture = decode(data)
    middle = picture.height // 2
    left, right = (2, middle), (picture.width - 3, middle)
    return close(picture, left, RED) and close(picture, right, BLUE)


@pytest.mark.parametrize("name", SOUND)
def test_every_sound_file_keeps_its_size(name: str) -> None:
    fitted = normalise(SOUND[name], ANY)
    assert decode(fitted.data).size == (fitted.width_px, fitted.height_px)
    assert decode(fitted.data).size == decode(SOUND[name]).size


@pytest.mark.parametrize(
    "name", ["jpeg", "jpeg progressive", "png", "png palette", "webp lossy", "gif"]
)
def test_colours_stay_what_they_were(name: str) -> None:
    assert shows_halves(normalise(SOUND[name], ANY).data)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_picture_is_set_upright(orientation: int) -> None:
    undo = [None, None, 0, 3, 1, 5, 2, 6, 4][orientation]
    lying = halves() if undo is None else halves().transpose(Image.Transpose(undo))
    upright = normalise(encode(lying, "PNG"), Fit(orientation=orientation))
    assert (upright.width_px, upright.height_px) == (64, 48)
    assert np.array_equal(decode(upright.data), halves())


def test_cmyk_as_adobe_writes_it_is_not_inverted() -> None:
    data = encode(halves(mode="CMYK"), "JPEG", quality=95)
    assert b"Adobe" in data
    fitted = normalise(data, ANY)
    assert fitted.media_type == "image/jpeg"
    assert shows_halves(fitted.data)


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    ramp = np.linspace(0, 65_535, 256, dtype=np.uint16).reshape(16, 16)
    fitted = normalise(encode(Image.fromarray(ramp), "PNG"), ANY)
    assert np.abs(np.asarray(decode(fitted.data), int).ravel() - np.arange(256)).max() <= 1


def test_a_colour_profile_is_applied_and_dropped() -> None:
    lab_like = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
    plain = normalise(encode(halves(), "PNG", icc_profile=lab_like.tobytes()), ANY)
    assert shows_halves(plain.data)
    assert "icc_profile" not in decode(plain.data).info


def test_a_profile_with_other_primaries_changes_the_numbers() -> None:
    swapped = bytearray(SRGB)
    red, blue = swapped.index(b"rXYZ"), swapped.index(b"bXYZ")
    swapped[red : red + 4], swapped[blue : blue + 4] = b"bXYZ", b"rXYZ"
    picture = decode(normalise(encode(halves(), "PNG", icc_profile=bytes(swapped)), ANY).data)
    assert not close(picture, (2, 24), RED)
    assert close(picture, (2, 24), (RED[2], RED[1], RED[0]))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "CMYK", "P"])
@pytest.mark.parametrize("profile", [SRGB, SRGB[:200], b"nonsense"])
def test_a_profile_that_does_not_suit_is_ignored(mode: str, profile: bytes) -> None:
    kind = "JPEG" if mode == "CMYK" else "PNG"
    fitted = normalise(encode(halves(mode=mode), kind, icc_profile=profile), ANY)
    assert (fitted.width_px, fitted.height_px) == (64, 48)


@pytest.mark.parametrize("formats", [("image/png",), ("image/jpeg",)])
@pytest.mark.parametrize(
    ("background", "colour"), [("#ffffff", (255, 255, 255)), ("#10c020", (16, 192, 32))]
)
def test_transparency_lies_on_the_stated_colour(
    formats: tuple[ImageType, ...], background: str, colour: tuple[int, int, int]
) -> None:
    ghost = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    for kind in ("PNG", "WEBP", "TIFF", "AVIF"):
        fitted = normalise(encode(ghost, kind), Fit(formats=formats, background=background))
        assert fitted.media_type == formats[0]
        assert decode(fitted.data).mode == "RGB"
        assert close(decode(fitted.data), (16, 16), colour)


def test_what_is_half_transparent_is_mixed_with_the_ground() -> None:
    ghost = Image.new("RGBA", (40, 40), (200, 0, 0, 128))
    for fit in (ANY, Fit(max_side_px=20)):
        assert close(decode(normalise(encode(ghost, "PNG"), fit).data), (5, 5), (227, 127, 127))


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_an_animation_becomes_its_first_frame(kind: str) -> None:
    fitted = normalise(animation(kind), ANY)
    assert fitted.media_type in {"image/png", "image/jpeg"}
    assert close(decode(fitted.data), (16, 12), RED)


@pytest.mark.parametrize(
    ("name", "media_type"),
    [("jpeg", "image/jpeg"), ("webp lossy", "image/jpeg"), ("png", "image/png")],
)
def test_photographs_become_jpeg_and_lossless_files_png(name: str, media_type: str) -> None:
    assert normalise(SOUND[name], ANY).media_type == media_type


@pytest.mark.parametrize("limit", [3071, 3072, 3073])
def test_pixels_are_brought_under_their_limit(limit: int) -> None:
    fitted = normalise(SOUND["jpeg"], Fit(max_pixels=limit))
    assert fitted.width_px * fitted.height_px <= limit
    assert (fitted.width_px == 64) == (limit >= 64 * 48)
    assert shows_halves(fitted.data)


@pytest.mark.parametrize("limit", [1, 16, 63, 64, 65])
def test_the_longer_side_is_brought_under_its_limit(limit: int) -> None:
    fitted = normalise(SOUND["jpeg"], Fit(max_side_px=limit))
    assert max(fitted.width_px, fitted.height_px) == min(limit, 64)


@pytest.mark.parametrize("formats", [("image/jpeg",), ("image/png",)])
@pytest.mark.parametrize("limit", [3_000, 8_000, 40_000])
def test_the_file_is_brought_under_its_limit(formats: tuple[str, ...], limit: int) -> None:
    fitted = normalise(encode(noisy(200, 150), "PNG"), Fit(formats=formats, max_bytes=limit))
    assert len(fitted.data) <= limit
    assert fitted.media_type == formats[0]


def test_what_cannot_be_made_small_enough_is_refused() -> None:
    with pytest.raises(MediaRejected, match="small enough"):
        normalise(SOUND["jpeg"], Fit(max_bytes=10))


def test_no_metadata_comes_out() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", SECRET.decode())
    sources = [
        encode(halves(), "PNG", pnginfo=info, exif=exif()),
        encode(halves(), "WEBP", xmp=SECRET, exif=exif()),
        encode(halves(), "JPEG", comment=SECRET, exif=exif(), icc_profile=SRGB),
        encode(halves(), "TIFF", exif=exif(), icc_profile=SRGB),
        encode(halves(), "AVIF", exif=exif(), icc_profile=SRGB, xmp=SECRET),
        encode(halves(), "HEIF", exif=exif(), icc_profile=SRGB, xmp=SECRET),
        encode(halves(), "PNG", save_all=True, append_images=[halves()], exif=exif()),
    ]
    for source in sources:
        fitted = normalise(source, Fit(max_side_px=32))
        assert SECRET not in fitted.data
        assert not {"exif", "icc_profile", "comment", "xmp"} & set(decode(fitted.data).info)
        assert all(SECRET not in one.data for one in frames(source, Fit(frames=2)))


@pytest.mark.parametrize("source_max_pixels", [3071, 3072])
def test_more_pixels_than_allowed_are_never_decoded(source_max_pixels: int) -> None:
    fit = Fit(source_max_pixels=source_max_pixels)
    if source_max_pixels >= 64 * 48:
        assert normalise(SOUND["png"], fit).width_px == 64
    else:
        with pytest.raises(MediaRejected, match="3071 pixels"):
            normalise(SOUND["png"], fit)


@pytest.mark.parametrize(
    "data",
    [
        SOUND["jpeg"][:300],
        SOUND["png"][:-30],
        SOUND["webp lossy"][:60],
        encode(noisy(64, 48), "GIF")[:500],
        jpeg_with(segment(0xC0, b"\x08\0\x08\0\x08\1\1\x11\0")),
    ],
)
def test_what_cannot_be_decoded_is_refused_in_clean_words(data: bytes) -> None:
    with pytest.raises(MediaRejected) as caught:
        normalise(data, ANY)
    assert caught.value.message == "The image could not be decoded."


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"nothing",
        encode(halves(), "ICO"),
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n",
    ],
)
def test_what_is_no_accepted_format_reaches_no_decoder(data: bytes) -> None:
    with pytest.raises(ImageFormatRejected):
        normalise(data, ANY)


def test_a_job_and_its_result_cross_the_boundary_unchanged() -> None:
    fit = Fit(formats=("image/png",), max_pixels=5, max_bytes=7, orientation=6)
    assert unpack_job(pack_job(b"\0file\xff", fit), Fit) == (b"\0file\xff", fit)
    fitted = Fitted("image/png", 3, 4, b"\0file\xff")
    again = Fitted("image/png", 3, 4, b"", time_s=1.5, page=2)
    packed = pack_frames([fitted, again])
    assert unpack_frames(packed) == [fitted, again]
