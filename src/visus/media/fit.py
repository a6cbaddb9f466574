"""Which size, format and detail of a picture a model can use. Pure: no file, no pixel.

No pixel is sent that the model would throw away, and none is lost that it could use: the
target is the size at which the model itself looks at the picture (`core.tokens`), or smaller
where the server's limits or the caller's number of tokens demand it. Never larger, never
another shape. Fitting what was fitted changes nothing.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from visus.core.prompt import Image, ImageType
from visus.core.question import Detail
from visus.core.tokens import ImageRule, Size, at_most
from visus.errors import MediaRejected, UnsupportedParameter
from visus.models.catalogue import Vision

_MADE_HERE: Final[tuple[ImageType, ...]] = ("image/jpeg", "image/png")
"""What the worker writes."""


class Picture(NamedTuple):
    """What is known of a checked file without decoding it."""

    media_type: str
    width_px: int
    height_px: int
    """Upright: with the sides swapped where its orientation says so."""
    size_bytes: int


class Fitting(NamedTuple):
    """What a model should get of a picture."""

    as_it_is: bool
    """The file itself fits; whether it has an obstacle besides is known to `survey`."""
    width_px: int
    height_px: int
    """The size to send, exactly: at most the picture's own."""
    formats: tuple[ImageType, ...]
    """What may be sent where the picture has to be made anew. Empty only with `as_it_is`."""
    max_bytes: int | None
    """What the file sent may have at most; smaller pixels are the last resort."""
    detail: Detail
    """`low` where no other size costs few enough tokens; else as asked."""
    tokens: int | None
    """What the model's formula says that it costs; None without a formula."""


@lru_cache(maxsize=1024)
def fit(
    picture: Picture, sees: Vision, *, detail: Detail, max_tokens_per_image: int | None = None
) -> Fitting:
    """What of `picture` a model that `sees` should get.

    Args:
        picture: the file as it came.
        sees: the model's limits, formats and formula.
        detail: as the caller asked.
        max_tokens_per_image: the caller's bound; the model's own holds besides.

    Raises:
        MediaRejected: a shape that the model refuses, more tokens than allowed at any size, or
            no format that the model reads can be made here.
        UnsupportedParameter: a bound on tokens where the model has no formula to count them.
    """
    size = Size(picture.width_px, picture.height_px)
    _check_shape(size, sees)
    bounds = [each for each in (max_tokens_per_image, sees.max_tokens_per_image) if each]
    if sees.tokens is None:
        if bounds:
            raise UnsupportedParameter("Nobody knows what an image costs on this model.")
        return _fitting(picture, sees, _within_pixels(size, sees), detail, None)
    rule = sees.tokens.rule
    target = _looked_at(size, sees, rule, detail)
    if bounds and rule.count(target, detail) > min(bounds):
        target, detail = _within_tokens(target, rule, detail, max_tokens=min(bounds))
        target = _no_narrower(target, sees)
    return _fitting(picture, sees, target, detail, rule.count(target, detail))


def _check_shape(size: Size, sees: Vision) -> None:
    if sees.max_aspect is not None and max(size) > sees.max_aspect * min(size):
        raise MediaRejected(
            f"The image is more than {sees.max_aspect} times as long as it is wide,"
            " which this model refuses.",
            detail=f"{size.width_px}x{size.height_px}",
        )


def _looked_at(size: Size, sees: Vision, rule: ImageRule, detail: Detail) -> Size:
    """The model's own size; where the server takes fewer pixels, its size of those."""
    seen = _seen(size, sees, rule, detail)
    allowed = _within_pixels(seen, sees)
    return seen if allowed == seen else _seen(allowed, sees, rule, detail)


def _seen(size: Size, sees: Vision, rule: ImageRule, detail: Detail) -> Size:
    """The model's own size, unless its server would refuse that for its shape."""
    seen = rule.seen(size, detail)
    taken = _no_narrower(seen, sees)
    return size if taken != seen and detail != "low" else taken


def _no_narrower(size: Size, sees: Vision) -> Size:
    """Whole squares can make a strip narrower than its server takes; its ends are drawn in."""
    if sees.max_aspect is None:
        return size
    longest = sees.max_aspect * min(size)
    return Size(min(size.width_px, longest), min(size.height_px, longest))


def _within_pixels(size: Size, sees: Vision) -> Size:
    return size if sees.max_pixels is None else at_most(size, sees.max_pixels)


def _within_tokens(
    size: Size, rule: ImageRule, detail: Detail, *, max_tokens: int
) -> tuple[Size, Detail]:
    """Smaller, and where that is not enough, at low detail."""
    smaller = rule.within(size, max_tokens=max_tokens)
    if smaller is not None:
        return smaller, detail
    lowest = rule.seen(size, "low")
    if rule.count(lowest, "low") <= max_tokens:
        return lowest, "low"
    raise MediaRejected(f"No size of this image costs {max_tokens} tokens or less here.")


def _fitting(
    picture: Picture, sees: Vision, target: Size, detail: Detail, tokens: int | None
) -> Fitting:
    as_it_is = (
        target == (picture.width_px, picture.height_px)
        and picture.media_type in sees.formats
        and (sees.max_bytes is None or picture.size_bytes <= sees.max_bytes)
    )
    formats = _made_for(sees.formats)
    if not as_it_is and not formats:
        raise MediaRejected("This model cannot take an image like this.")
    return Fitting(as_it_is, *target, formats, sees.max_bytes, detail, tokens)


@lru_cache(maxsize=64)
def _made_for(formats: tuple[str, ...]) -> tuple[ImageType, ...]:
    return tuple(kind for kind in _MADE_HERE if kind in formats)


def image_tokens(images: Sequence[Image], sees: Vision) -> int | None:
    """What pictures cost as they are sent; None without a formula."""
    if sees.tokens is None:
        return None
    rule = sees.tokens.rule
    return sum(rule.count(Size(one.width_px, one.height_px), one.detail) for one in images)
