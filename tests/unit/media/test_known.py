"""Pictures that come again are recognised, for their owner alone, and nothing is let off."""

import base64

import pytest
from tests.unit.media.sample_pictures import encode, noisy

from visus.core.question import InlineImage
from visus.errors import MediaRejected
from visus.media.known import KnownPictures
from visus.media.resolving import Resolver, Source
from visus.media.settings import MediaSettings

PLAIN = encode(noisy(60, 40), "PNG")
PHOTO = encode(noisy(60, 40), "JPEG", exif=b"Exif\0\0" + b"GPS" * 50)
PARAM = "messages[0].content[0].image_url.url"


class Nowhere:
    """No link leads anywhere."""

    async def fetch(self, url: str, *, param: str, max_bytes: int | None = None) -> None:
        raise AssertionError(url, param, max_bytes)


def resolver(most: int = 10) -> Resolver:
    settings = MediaSettings(known_pictures=most)
    return Resolver(settings=settings, fetcher=Nowhere(), files=None, known=KnownPictures(most))


def url(data: bytes, label: str = "image/png") -> InlineImage:
    text = f"data:{label};base64,".encode() + base64.b64encode(data)
    return InlineImage(memoryview(text), PARAM)


async def had(resolver: Resolver, picture: InlineImage, owner: str = "ada") -> Source:
    source = (await resolver.resolve([picture], owner=owner)).source(0)
    assert isinstance(source, Source)
    return source


async def test_a_picture_that_comes_again_is_not_decoded_and_told_the_same() -> None:
    house = resolver()
    first, again = await had(house, url(PLAIN)), await had(house, url(PLAIN, "image/jpeg"))
    assert (first.decoded, again.decoded) == (PLAIN, None)
    assert (again.data, again.clean, again.clean_bytes) == (PLAIN, PLAIN, len(PLAIN))
    assert again.found == first.found
    assert (first.declared, again.declared) == ("image/png", "image/jpeg")


async def test_nobody_profits_from_the_pictures_of_another() -> None:
    house = resolver()
    await had(house, url(PLAIN), "ada")
    assert (await had(house, url(PLAIN), "bob")).decoded == PLAIN


async def test_a_picture_with_metadata_is_cleaned_every_time() -> None:
    house = resolver()
    for _ in range(2):
        source = await had(house, url(PHOTO))
        assert b"GPS" in source.data
        assert b"GPS" not in source.clean


async def test_a_bad_picture_is_refused_every_time() -> None:
    house = resolver()
    for _ in range(2):
        with pytest.raises(MediaRejected):
            await had(house, url(PLAIN[:-20]))


async def test_one_other_byte_is_another_picture() -> None:
    house = resolver()
    await had(house, url(PLAIN))
    for place in range(0, len(PLAIN), 97):
        changed = bytearray(PLAIN)
        changed[place] ^= 1
        with pytest.raises(MediaRejected):
            await had(house, url(bytes(changed)))


async def test_white_space_in_the_text_is_taken_out_every_time() -> None:
    house = resolver()
    text = b"data:image/png;base64," + base64.encodebytes(PLAIN)
    for _ in range(2):
        source = await had(house, InlineImage(memoryview(text), PARAM))
        assert source.data == PLAIN
        assert base64.b64decode(source.base64 or b"", validate=True) == PLAIN


@pytest.mark.parametrize(("most", "is_known"), [(0, False), (1, False), (2, True)])
async def test_so_many_pictures_are_remembered(most: int, is_known: bool) -> None:  # noqa: FBT001
    house = resolver(most)
    other = encode(noisy(50, 40), "PNG")
    for data in (PLAIN, other):
        await had(house, url(data))
    assert ((await had(house, url(PLAIN))).decoded is None) is is_known
