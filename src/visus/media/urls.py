"""Parses URLs that callers name, of pictures and of webhooks.

Pure: text in, a checked `MediaUrl` out, or a refusal. What is built here is what the connector
gets, so there is no second parser to disagree with. Whether the address behind the host may be
used is not decided here; `connect` asks `addresses` about it.
"""

import re
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias
from urllib.parse import quote, urljoin

from typing_extensions import override

from visus.errors import ImageUrlRejected
from visus.media.hosts import Host, canonical_host, has_refused_suffix, matches
from visus.media.settings import MAX_PORT, MediaSettings

Scheme: TypeAlias = Literal["http", "https"]

NEUTRAL_MESSAGE: Final = "The file could not be fetched from its URL."
"""For every refusal that depends on more than the URL's form: it must not tell which."""
_NO_URL: Final = (
    "Only http:// and https:// URLs can be fetched; a file of your own is sent as a data URL."
)

_DEFAULT_PORTS: Final[dict[Scheme, int]] = {"http": 80, "https": 443}
_ANY_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE | re.ASCII)
_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<authority>[^/?#]*)(?P<target>[^#]*)(?:#.*)?",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)
_AUTHORITY: Final = re.compile(
    r"(?P<host>\[[^\[\]]*\]|[^:\[\]]+)(?::(?P<port>[1-9][0-9]{0,4}))?"
)
_BROKEN_ESCAPE: Final = re.compile(r"%(?![0-9a-f]{2})", re.IGNORECASE)
_ESCAPED_CONTROL: Final = re.compile(r"%(?:[01][0-9a-f]|7f)", re.IGNORECASE)
_UNTOUCHED: Final = "%/?:@!$&'()*+,;=~[]"


@dataclass(frozen=True, slots=True)
class MediaUrl:
    """Where a picture is, in canonical form and with a port that the settings allow."""

    scheme: Scheme
    host: Host
    port: int
    target: str
    """Path and query as the origin will see them: ASCII, starting with `/`."""

    @override
    def __str__(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}{self.target}"


def parse_media_url(url: str, settings: MediaSettings, param: str) -> MediaUrl:
    """Read a caller's URL.

    Raises:
        ImageUrlRejected: not an http or https URL in strict spelling, or one whose port or
            host the settings do not allow.
    """
    try:
        return read_url(url, settings)
    except UrlRefused as fault:
        raise ImageUrlRejected(fault.message, param=param, detail=fault.reason) from fault


class UrlRefused(ValueError):
    """A URL that is not followed: `message` for who wrote it, `reason` for our log."""

    def __init__(self, reason: str, message: str = NEUTRAL_MESSAGE) -> None:
        super().__init__(reason)
        self.reason = reason
        self.message = message


def redirect_target(base: MediaUrl, location: str, settings: MediaSettings) -> MediaUrl:
    """Where a redirect from `base` leads, checked as strictly as a first URL.

    Raises:
        UrlRefused: not followed; its message must not reach the caller, who did not write it.
    """
    _check_characters(location, settings)
    url = read_url(_absolute(base, location), settings)
    if (base.scheme, url.scheme) == ("https", "http"):
        raise UrlRefused("redirect from https to http")
    return url


def _absolute(base: MediaUrl, location: str) -> str:
    if _ANY_SCHEME.match(location):
        return location
    if location.startswith("///"):
        raise UrlRefused("location")
    try:
        return urljoin(str(base), location)
    except ValueError as fault:
        raise UrlRefused("location") from fault


def read_url(url: str, settings: MediaSettings) -> MediaUrl:
    """Reads a URL.

    Raises:
        UrlRefused: as `parse_media_url`.
    """
    parts = _URL.fullmatch(url)
    if parts is None:
        raise UrlRefused("scheme", _NO_URL)
    _check_characters(url, settings)
    scheme: Scheme = "https" if parts["scheme"].lower() == "https" else "http"
    host, port = _read_authority(parts["authority"], scheme)
    if port not in settings.ports:
        raise UrlRefused("port not allowed")
    _check_name(host, settings)
    return MediaUrl(scheme, host, port, _read_target(parts["target"]))


def _check_characters(url: str, settings: MediaSettings) -> None:
    if len(url) > settings.max_url_length:
        raise UrlRefused(
            "too long", f"The URL is longer than {settings.max_url_length} characters."
        )
    if not url.isprintable() or " " in url or "\\" in url:
        raise UrlRefused("characters", "The URL holds characters that a URL may not hold.")


def _read_authority(authority: str, scheme: Scheme) -> tuple[Host, int]:
    if "@" in authority:
        raise UrlRefused("user info", "The URL may not hold a user name or password.")
    parts = _AUTHORITY.fullmatch(authority)
    if parts is None:
        raise UrlRefused("authority", "The URL's host or port is malformed.")
    port = int(parts["port"] or _DEFAULT_PORTS[scheme])
    try:
        host = canonical_host(parts["host"])
    except ValueError as fault:
        raise UrlRefused("host", "The URL's host or port is malformed.") from fault
    if port > MAX_PORT:
        raise UrlRefused("port", "The URL's host or port is malformed.")
    return host, port


def _check_name(host: Host, settings: MediaSettings) -> None:
    if settings.allow_hosts:
        if not any(matches(host.name, pattern) for pattern in settings.allowed_hosts()):
            raise UrlRefused("host not allowed")
    elif has_refused_suffix(host.name) and host.name not in settings.host_addresses():
        raise UrlRefused("host name refused")


def _read_target(target: str) -> str:
    if _BROKEN_ESCAPE.search(target) or _ESCAPED_CONTROL.search(target):
        raise UrlRefused("escapes", "The URL holds escapes that a URL may not hold.")
    rooted = target if target.startswith("/") else f"/{target}"
    return quote(rooted, safe=_UNTOUCHED)
