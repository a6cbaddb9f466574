"""Damaged pictures through the real route: answered or refused, soon, by a living worker."""

import base64
import io

import pillow_heif
import pytest
from PIL import Image
from tests.support.mutations import answered_or_refused, mutated
from tests.support.service import Service, ask, picture, text

WHOLE, FIXED = 20_000, 200


def seeds() -> list[bytes]:
    """Small pictures of every format that is taken."""
    pillow_heif.register_heif_opener()
    drawn = Image.effect_mandelbrot((64, 48), (-2, -1, 1, 1), 40).convert("RGB")
    more = {"save_all": True, "append_images": [drawn.rotate(90)]}
    files: list[bytes] = []
    for form, options in (
        ("PNG", {}), ("JPEG", {}), ("JPEG", {"progressive": True}), ("WEBP", {}),
        ("WEBP", {"lossless": True}), ("GIF", {}),
        ("GIF", more), ("WEBP", more), ("PNG", more), ("BMP", {}), ("TIFF", {}), ("TIFF", more),
        ("TIFF", {"compression": "tiff_lzw"}), ("TIFF", {"compression": "jpeg"}),
        ("AVIF", {}), ("AVIF", more), ("HEIF", {}), ("HEIF", {"tile_size": 32}),
    ):  # fmt: skip
        file = io.BytesIO()
        drawn.save(file, form, **options)
        files.append(file.getvalue())
    return files


@pytest.mark.timeout(7200)
def test_a_damaged_picture_is_answered_or_refused(
    lite: Service, request: pytest.FixtureRequest
) -> None:
    count = WHOLE if request.config.getoption("--fuzz-whole") else FIXED
    urls = (
        f"data:image/png;base64,{base64.b64encode(one).decode()}"
        for one in mutated(seeds(), count)
    )
    question = text("Which colour is this?")
    answered_or_refused(lite, (ask("visus-lite", [question, picture(url)]) for url in urls))
