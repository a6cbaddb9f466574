"""Every awkward kind of file, compared with what was drawn and with a second decoder."""

from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image
from sample_formats import bitmaps, boxed, clap, imir, irot, rewrapped, tiff_by, tiffs
from sample_pictures import decode, encode, exif, halves, noisy, sound_files, turned

from visus.errors import ImageFormatRejected, MediaRejected
from visus.media.fitting import Fit
from visus.media.image import normalise
from visus.media.settings import MediaSettings
from visus.media.survey import survey

Pixels = npt.NDArray[np.int16]

SETTINGS = MediaSettings()
BITMAPS, TIFFS, BOXED, SOUND = bitmaps(), tiffs(), boxed(), sound_files()
HEIC_FILES = sorted((Path(__file__).parents[2] / "files" / "heic").glob("*.hei[cf]"))
DAMAGED = {"corrupted.heic", "truncated.heic"}
LOSSLESS, CODED = 0.5, 3.5


def seen(data: bytes) -> Pixels:
    """What a model would see: the file surveyed, then decoded as the pipeline does it."""
    found = survey(data, SETTINGS)
    clean = data if found.cleaned is None else found.cleaned
    fitted = normalise(clean, Fit(orientation=found.orientation, formats=("image/png",)))
    turned_size = (fitted.height_px, fitted.width_px)
    upright_size = (fitted.width_px, fitted.height_px)
    stored = upright_size if found.orientation < 5 else turned_size
    assert (found.width_px, found.height_px) == stored
    return pixels(decode(fitted.data))


def pixels(picture: Image.Image) -> Pixels:
    return np.asarray(picture.convert("RGB")).astype(np.int16)


def distance(one: Pixels, other: Pixels) -> float:
    assert one.shape == other.shape
    return float(np.abs(one - other).mean())


def by_opencv(data: bytes) -> Pixels | None:
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    return None if decoded is None else decoded[..., ::-1].astype(np.int16)


def by_ffmpeg(path: Path) -> Pixels:
    with av.open(str(path)) as container:
        frame = next(container.decode(container.streams.video[0]))
        return frame.to_ndarray(format="rgb24").astype(np.int16)


# --- What was drawn --------------------------------------------------------------------------


@pytest.mark.parametrize("name", BITMAPS)
def test_every_version_of_bmp_shows_what_was_drawn(name: str) -> None:
    slack = 5 if "16 bits" in name else LOSSLESS
    assert distance(seen(BITMAPS[name]), pixels(halves(61, 7))) < slack


@pytest.mark.parametrize("name", TIFFS)
def test_every_coding_of_tiff_shows_what_was_drawn(name: str) -> None:
    slack = CODED if "jpeg" in name else LOSSLESS
    assert distance(seen(TIFFS[name]), pixels(halves())) < slack


@pytest.mark.parametrize("coding", [None, "group3", "group4", "tiff_ccitt", "packbits"])
def test_a_page_from_a_fax_machine_is_read(coding: str | None) -> None:
    drawn = halves(mode="L").point([0] * 60 + [255] * 196).convert("1")
    assert distance(seen(encode(drawn, "TIFF", compression=coding)), pixels(drawn)) == 0


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("bits", [8, 16])
def test_grey_of_any_depth_and_direction_is_scaled_and_not_clipped(
    order: str, photometric: str, bits: int
) -> None:
    ramp = np.linspace(0, 2**bits - 1, 64 * 48).reshape(48, 64).astype(f"uint{bits}")
    data = tiff_by(ramp, byteorder=order, photometric=photometric)
    if (order, photometric, bits) == (">", "miniswhite", 16):
        with pytest.raises(MediaRejected, match="could not be decoded"):
            seen(data)
        return
    if photometric == "miniswhite":
        ramp = 2**bits - 1 - ramp
    wanted = np.repeat((ramp >> (bits - 8))[..., None], 3, axis=2).astype(np.int16)
    assert np.abs(seen(data) - wanted).max() <= 1


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_sixteen_bits_of_a_png_are_scaled_and_not_clipped(mode: str) -> None:
    ramp = np.linspace(0, 65_535, 64 * 48).reshape(48, 64).astype(np.uint16)
    grey = ramp if mode == "L" else np.repeat(ramp[..., None], 3, axis=2)
    ok, coded = cv2.imencode(".png", grey)
    assert ok
    wanted = np.repeat((ramp >> 8)[..., None], 3, axis=2).astype(np.int16)
    assert np.abs(seen(coded.tobytes()) - wanted).max() <= 1
    assert (survey(coded.tobytes(), SETTINGS).obstacle == "depth") == (mode == "L")


@pytest.mark.parametrize("name", [name for name in BOXED if "tiles" not in name])
def test_heic_and_avif_show_what_was_drawn(name: str) -> None:
    drawn = halves(63, 47) if "odd" in name else halves()
    if "grey" in name:
        drawn = drawn.convert("L")
    if "alpha" in name:
        drawn = Image.new("RGB", (64, 48), (168, 168, 236))
    assert distance(seen(BOXED[name]), pixels(drawn)) < CODED


@pytest.mark.parametrize("bits", [8, 10, 12])
def test_avif_of_any_depth_is_scaled_and_not_clipped(bits: int) -> None:
    drawn = np.asarray(halves())[..., ::-1].astype(np.uint16) << (bits - 8)
    options = [cv2.IMWRITE_AVIF_DEPTH, bits, cv2.IMWRITE_AVIF_QUALITY, 95]
    ok, coded = cv2.imencode(".avif", drawn.astype(np.uint8) if bits == 8 else drawn, options)
    assert ok
    assert distance(seen(coded.tobytes()), pixels(halves())) < CODED


def test_a_picture_in_tiles_is_put_together() -> None:
    drawn = noisy(200, 150).resize((20, 15)).resize((200, 150))
    data = encode(drawn, "HEIF", tile_size=64, quality=95)
    assert b"grid" in data
    assert distance(seen(data), pixels(drawn)) < CODED


# --- Turned, mirrored and cut, exactly once --------------------------------------------------


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["TIFF", "AVIF", "HEIF"])
def test_a_turned_file_is_set_upright_once(kind: str, orientation: int) -> None:
    data = turned(orientation, kind)
    if kind == "HEIF":  # its writer turns boxes only by what stands in the picture itself
        lying = decode(turned(orientation, "PNG"))
        lying.info["exif"] = exif(orientation).tobytes()
        data = encode(lying, kind)
    assert survey(data, SETTINGS).orientation == orientation
    assert distance(seen(data), pixels(halves())) < CODED


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_boxes_turn_and_mirror_in_this_order(
    kind: str, quarters: int, axis: int | None
) -> None:
    lying = noisy(64, 64).resize((8, 8)).resize((64, 64), Image.Resampling.NEAREST)
    extra = (irot(quarters), *(() if axis is None else (imir(axis),)))
    wanted = lying.rotate(90 * quarters)
    if axis is not None:
        flips = (Image.Transpose.FLIP_TOP_BOTTOM, Image.Transpose.FLIP_LEFT_RIGHT)
        wanted = wanted.transpose(flips[axis])
    assert distance(seen(rewrapped(lying, kind, *extra)), pixels(wanted)) < 12


@pytest.mark.parametrize("kind", ["AVIF", "HEIF"])
def test_a_picture_is_cut_before_it_is_turned(kind: str) -> None:
    whole = halves(64, 64)
    data = rewrapped(whole, kind, clap(40, 24, -8, -20), irot(1))
    wanted = whole.crop((4, 0, 44, 24)).rotate(90, expand=True)
    assert distance(seen(data), pixels(wanted)) < CODED


def test_what_exif_alone_says_of_a_heic_file_does_not_count() -> None:
    data = turned(6, "HEIF")
    assert b"irot" not in data
    assert survey(data, SETTINGS).orientation == 1
    lying = halves().transpose(Image.Transpose.ROTATE_90)
    assert distance(seen(data), pixels(lying)) < CODED


# --- A second decoder ------------------------------------------------------------------------


FOR_OPENCV = {  # which drops transparency, and knows no HEIC
    name: data
    for name, data in (BITMAPS | TIFFS | BOXED | SOUND).items()
    if "alpha" not in name and "heic" not in name
}


@pytest.mark.parametrize("name", FOR_OPENCV)
def test_opencv_sees_the_same_wherever_it_sees_anything(name: str) -> None:
    data = FOR_OPENCV[name]
    other = by_opencv(data)
    if other is None:
        assert name in {"tiff < tiles", "tiff > tiles", "bmp 16 bits 555", "gif"}
    else:
        assert distance(seen(data), other) < 5


@pytest.mark.parametrize("path", HEIC_FILES, ids=lambda path: path.name)
def test_real_heic_files_are_seen_as_ffmpeg_sees_them(path: Path) -> None:
    data = path.read_bytes()
    if path.name in DAMAGED:
        with pytest.raises(MediaRejected):
            seen(data)
        return
    shown = seen(data)
    if path.name.startswith(("LA", "RGBA", "crop", "transform", "stereo")):
        return  # transparency, crops and turns are ours to apply, and tested above
    other = by_ffmpeg(path)[: shown.shape[0], : shown.shape[1]]
    assert distance(shown, other) < CODED


def test_there_are_enough_real_heic_files() -> None:
    assert len(HEIC_FILES) >= 20


def test_real_pages_are_read(pictures: Path) -> None:
    data = (pictures / "multipage.tif").read_bytes()
    assert survey(data, SETTINGS).frames > 1
    other = by_opencv(data)
    assert other is not None
    assert distance(seen(data), other) < LOSSLESS


def test_real_pages_of_floating_point_numbers_are_refused(pictures: Path) -> None:
    with pytest.raises(ImageFormatRejected, match="samples of this kind"):
        seen((pictures / "multipage_rgb.tif").read_bytes())


@pytest.mark.parametrize("kind", ["BMP", "TIFF", "AVIF", "HEIF", "WEBP", "JPEG"])
@pytest.mark.parametrize("name", ["coffee", "chelsea", "rocket"])
def test_photographs_survive_every_format(pictures: Path, kind: str, name: str) -> None:
    (path,) = pictures.glob(f"{name}.*")
    photo = decode(path.read_bytes()).convert("RGB").resize((150, 100))
    photo.info.clear()
    data = encode(photo, kind, **({} if kind in {"BMP", "TIFF"} else {"quality": 92}))
    assert distance(seen(data), pixels(photo)) < 4.5
