"""Awkward pictures of other projects: shown as a second decoder has them, or refused."""

import re
from collections.abc import Callable, Iterator, Sequence
from io import BytesIO
from pathlib import Path

import av
import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageCms
from tests.conftest import FAST, upstream_config
from tests.server.test_chat_proxy import data_url
from tests.support.claims import answered, refused
from tests.support.service import Service, ask, picture
from tests.support.upstream import Upstream

Pixels = npt.NDArray[np.float64]

FOLDER = Path(__file__).parents[1] / "files" / "pictures"
KINDS = ("bmp", "tiff", "avif", "gif", "webp", "apng")
FILES = {
    f"{kind}/{path.stem}": path for kind in KINDS for path in sorted((FOLDER / kind).iterdir())
}
ONLY_PNG = """
[[models]]
id = "png"
provider = "scripted"
upstream_id = "good"
input_modalities = ["text", "image"]
vision = { formats = ["image/png"] }
"""
"""Nothing is lost on the way to it."""


@pytest.fixture(scope="module")
def drawing(upstream: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with a model that takes PNG alone."""
    running = Service(
        tmp_path_factory.mktemp("drawing"),
        upstream_config(upstream.port, FAST, ONLY_PNG),
        SCRIPTED_KEY="sk-upstream",
    )
    yield running
    running.stop()


def shown(service: Service, upstream: Upstream, path: Path, frames: int = 1) -> list[Pixels]:
    """What the model gets of a file."""
    body = ask("png", [picture(data_url(path.read_bytes()))], visus={"frames": frames})
    answered(service, service.post(body))
    files = upstream.last("good").pictures()
    return [on_white(np.asarray(Image.open(BytesIO(one)).convert("RGBA"))) for one in files]


# --- Other decoders --------------------------------------------------------------------------


def on_white(rgba: npt.NDArray[np.uint8]) -> Pixels:
    opacity = rgba[..., 3:].astype(np.float64) / 255
    return rgba[..., :3] * opacity + 255 * (1 - opacity)


def by_ffmpeg(path: Path) -> list[Pixels]:
    with av.open(str(path)) as container:
        return [on_white(one.to_ndarray(format="rgba")) for one in container.decode(video=0)]


def by_opencv(data: bytes, bits: int = 16) -> Pixels:
    """`bits`: of each sample, where they are more than eight."""
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert found is not None
    eight = (found >> (bits - 8) if found.dtype == np.uint16 else found).astype(np.uint8)
    if eight.ndim == 2:
        return np.repeat(eight[..., None], 3, axis=2).astype(np.float64)
    if eight.shape[2] == 3:
        return eight[..., ::-1].astype(np.float64)
    return on_white(eight[..., [2, 1, 0, 3]])


def distance(one: Pixels, other: Pixels) -> float:
    """Of a sample, on average; 0 to 255."""
    assert one.shape == other.shape
    return float(np.abs(one - other).mean())


TURNED: Sequence[Callable[[Pixels], Pixels]] = (
    lambda shown: shown,
    lambda shown: shown[:, ::-1],
    lambda shown: shown[::-1, ::-1],
    lambda shown: shown[::-1],
    lambda shown: shown.transpose(1, 0, 2),
    lambda shown: np.rot90(shown, -1),
    lambda shown: np.rot90(shown, 2).transpose(1, 0, 2),
    np.rot90,
)
"""What makes the eight orientations of Exif upright; OpenCV leaves that to others."""


def first_by_opencv(path: Path) -> Pixels:
    """The first picture, upright; of a PNG the one that is no animation's."""
    data = path.read_bytes()
    if path.parent.name == "apng":
        return by_opencv(without_animation(data))
    deep = DEEP.fullmatch(path.stem)
    stored = by_opencv(data, int(deep[1]) if deep else 16)
    if path.parent.name == "webp" and (exif := re.search(r"orientation_(\d)", path.stem)):
        return TURNED[int(exif[1]) - 1](stored)
    if f"{path.parent.name}/{path.stem}" in PROFILED:
        return in_srgb(stored, path)
    if path.parent.name == "avif" and (boxes := re.fullmatch(r"rot(\d)mir(\d)", path.stem)):
        return np.flip(np.rot90(stored, int(boxes[1])), axis=int(boxes[2]))
    return stored


def in_srgb(stored: Pixels, path: Path) -> Pixels:
    """Pixels that OpenCV leaves in the colours of the file's profile."""
    with Image.open(path) as opened:
        profile = ImageCms.ImageCmsProfile(BytesIO(opened.info["icc_profile"]))
    there = Image.fromarray(stored.round().astype(np.uint8))
    here = ImageCms.profileToProfile(there, profile, ImageCms.createProfile("sRGB"))
    return np.asarray(here, dtype=np.float64)


def without_animation(data: bytes) -> bytes:
    """A PNG without the chunks that only animations have."""
    kept, place = data[:8], 8
    while place < len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4])
        if data[place + 4 : place + 8] not in {b"acTL", b"fcTL", b"fdAT"}:
            kept += data[place:end]
        place = end
    return kept


# --- Which is what ---------------------------------------------------------------------------

DAMAGED = frozenset({
    "bmp/badbitcount", "bmp/badpalettesize", "bmp/badwidth", "bmp/l2rgb_read",
    "bmp/mmap_error", "bmp/reallybig", "bmp/shortfile", "tiff/tiff_wrong_bits_per_sample",
    "tiff/multipage_multiple_frame_loop", "tiff/multipage_single_frame_loop",
    "tiff/oom-225817ca0f8c663be7ab4b9e717b02c661e66834", "gif/decompression_bomb",
    "gif/decompression_bomb_extents", "gif/test_extents", "gif/test_extents_transparency",
    "gif/zero_width", "apng/blend_op_over_near_transparent",
    "apng/syntax_num_frames_invalid", "apng/syntax_num_frames_zero", "avif/corrupted",
})  # fmt: skip
"""Cut off, contradicting itself, larger than allowed, or of more frames."""
FOREIGN = frozenset({
    "bmp/pal2", "bmp/rgb16-231", "bmp/rgb24jpeg", "bmp/rgb24png", "bmp/rgb32bf",
    "bmp/rgba32abf",
    "bmp/badheadersize", "bmp/pal8os2v2-16", "tiff/16_bit_binary_pgm", "tiff/16bit.s",
    "tiff/8bit.s", "tiff/hopper_webp", "tiff/lab", "tiff/libtiff_segfault",
    "tiff/seek_too_large", "tiff/separate_planar_extra_samples",
})  # fmt: skip
"""Of a kind that is refused by its name."""
REFUSED = dict.fromkeys(DAMAGED, "invalid_image") | dict.fromkeys(
    FOREIGN, "invalid_image_format"
)
BY_FFMPEG = {
    "bmp/pal8os2",
    "bmp/pal8os2sp",
    "tiff/hopper2",
    "tiff/hopper4I",
    "tiff/hopper_gray_4bpp",
    "tiff/multipage",
    "tiff/multipage-lastframe",
    "tiff/multipage_out_of_order",
    "gif/background_outside_palette",
    "gif/dispose_bgnd_rgba",
    "gif/no_palette_with_background",
    "apng/dispose_op_background_p_mode",
    "apng/mode_palette_1bit_alpha",
    "bmp/rgb16",
    "bmp/rgb16-565",
    "tiff/tiff_strip_planar_16bit_RGB",
}
"""What OpenCV does not read, or not rightly."""
PROFILED = {"webp/hopper_ps", "webp/show_hopper"}
"""Whose profile is that of a screen."""
SLACK = {"bmp": 0.5, "tiff": 0.5, "avif": 0.3, "gif": 0.01, "webp": 0.2, "apng": 0.01}
DEEP = re.compile(r"\w+_(10|12)__29x100")
DEEP_SLACK = 2.0
"""Of 10 and 12 bits; decoders enlarge their halved colours each in its own way."""


def test_the_files_are_there() -> None:
    counts = {kind: sum(name.startswith(kind) for name in FILES) for kind in KINDS}
    assert counts == {"bmp": 49, "tiff": 45, "avif": 25, "gif": 32, "webp": 20, "apng": 54}
    assert FILES.keys() >= REFUSED.keys() | BY_FFMPEG | PROFILED


@pytest.mark.parametrize("name", FILES)
def test_a_picture_is_shown_as_another_decoder_has_it_or_refused(
    drawing: Service, upstream: Upstream, name: str
) -> None:
    path = FILES[name]
    if name in REFUSED:
        reply = drawing.post(ask("png", [picture(data_url(path.read_bytes()))]))
        refused(drawing, reply, 400, REFUSED[name], "messages[0].content[0].image_url.url")
        return
    (seen,) = shown(drawing, upstream, path)
    other = by_ffmpeg(path)[0] if name in BY_FFMPEG else first_by_opencv(path)
    slack = DEEP_SLACK if DEEP.fullmatch(path.stem) else SLACK[path.parent.name]
    assert distance(seen, other) < slack


# --- Animations ------------------------------------------------------------------------------

UNLIKE_FFMPEG = frozenset({
    "gif/dispose_bgnd", "gif/dispose_bgnd_rgba", "apng/dispose_op_previous",
    "apng/dispose_op_previous_region", "apng/mode_grayscale_alpha",
    "apng/mode_palette_1bit_alpha", "apng/syntax_num_frames_low",
})  # fmt: skip
"""Where FFmpeg lays a frame on another ground than browsers do, or counts one too many."""
OUT_OF_ORDER = frozenset({
    "apng/sequence_fdat_fctl", "apng/sequence_gap", "apng/sequence_reorder",
    "apng/sequence_reorder_chunk", "apng/sequence_repeat", "apng/sequence_repeat_chunk",
    "apng/sequence_start", "apng/syntax_num_frames_high", "apng/chunk_no_fdat",
})  # fmt: skip
"""Whose first picture can be shown, but not their animation."""


def played(path: Path) -> list[Pixels]:
    """All frames by FFmpeg, or by OpenCV where FFmpeg reads stills alone; none where neither
    can."""
    if path.parent.name == "webp":
        _, found = cv2.imdecodeanimation(np.frombuffer(path.read_bytes(), np.uint8))
        return [on_white(np.asarray(one)[..., [2, 1, 0, 3]]) for one in found.frames]
    try:
        return by_ffmpeg(path)
    except av.error.FFmpegError:
        return []


MOVING = [
    name
    for name, path in FILES.items()
    if name.startswith(("gif", "apng", "webp/iss"))
    and name not in {*REFUSED, *UNLIKE_FFMPEG, *OUT_OF_ORDER}
    and len(played(path)) > 1
]


@pytest.mark.parametrize("name", MOVING)
def test_every_frame_of_an_animation_is_shown_as_another_decoder_has_it(
    drawing: Service, upstream: Upstream, name: str
) -> None:
    others = played(FILES[name])
    seen = shown(drawing, upstream, FILES[name], frames=50)
    assert len(seen) == len(others)
    for one, other in zip(seen, others, strict=True):
        assert distance(one, other) < SLACK[FILES[name].parent.name]


@pytest.mark.parametrize("name", sorted(OUT_OF_ORDER))
def test_an_animation_that_is_out_of_order_is_refused_where_its_frames_are_wanted(
    drawing: Service, name: str
) -> None:
    body = ask("png", [picture(data_url(FILES[name].read_bytes()))], visus={"frames": 50})
    where = "messages[0].content[0].image_url.url"
    refused(drawing, drawing.post(body), 400, "invalid_image", where)
