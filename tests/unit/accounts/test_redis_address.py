"""What a URL of a Redis server says, and what is said of it to others."""

import pytest

from visus.accounts.limiter import LimitsSettings
from visus.accounts.redis_address import redis_address
from visus.config import ConfigRefused, load


@pytest.mark.parametrize(
    ("url", "shown", "host", "user", "password"),
    [
        ("redis://db", "redis://db:6379/0", "db", None, None),
        ("redis://:an%40t@db:1/2", "redis://db:1/2", "db", None, "an@t"),
        ("rediss://me:an@t@[::1]/", "rediss://[::1]:6379/0", "::1", "me", "an@t"),
    ],
)
def test_a_url_is_read_whole_and_shown_without_its_password(
    url: str, shown: str, host: str, user: str | None, password: str | None
) -> None:
    address = redis_address(url)
    assert (address.host, address.user, address.password) == (host, user, password)
    assert address.is_encrypted is url.startswith("rediss")
    assert f"{address}" == shown
    for text in (repr(address), repr(LimitsSettings(redis=url))):
        assert "an@t" not in text
        assert "%40" not in text
        assert shown in text


@pytest.mark.parametrize(
    "url",
    [
        "db:6379", "http://db", "redis://:hush/hush@db", "redis://:hush@db:99999",
        "redis://:hush@db/x", "redis://:hush@db?x=hush", "redis://:hush#hush@db",
    ],
)  # fmt: skip
def test_what_is_none_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ConfigRefused) as caught:
        load(None, {"VISUS_LIMITS__REDIS": url})
    assert "VISUS_LIMITS__REDIS: redis is redis://HOST" in str(caught.value)
    assert "hush" not in str(caught.value)
