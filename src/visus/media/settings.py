"""Limits of media before a model gets them, and of fetches and webhooks."""

from ipaddress import ip_address, ip_network
from typing import Annotated, Final, TypeAlias
from urllib.parse import urlsplit

import msgspec

from visus.media.addresses import Address, Network
from visus.media.hosts import canonical_host
from visus.units import MEGAPIXEL, MIB
from visus.workers.settings import WorkerSettings

Positive: TypeAlias = Annotated[int, msgspec.Meta(gt=0)]
Deadline: TypeAlias = Annotated[float, msgspec.Meta(gt=0, le=600)]

MAX_PORT: Final = 65_535


class VideoSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Limits for videos, and the workers that decode them."""

    max_bytes: Positive = 100 * MIB
    """The largest video file, in bytes."""
    max_duration_s: Annotated[float, msgspec.Meta(gt=0)] = 600.0
    """The longest video, in seconds."""
    max_pixels: Positive = 10 * MEGAPIXEL
    """The largest frame, in pixels (width times height)."""
    max_coded_frames: Positive = 100_000
    """The most frames that a file may hold, whether they are looked at or not."""
    default_frames: Positive = 32
    """The most frames of one video that a model gets where a request has no `max_frames`."""
    max_frames: Positive = 64
    """The most frames of one video that a model gets, whatever a request asks for. They count
    as pictures, so that `[media] max_images` bounds them too."""
    frame_side_px: Positive = 768
    """The longest side of a frame that a model gets, in pixels."""
    max_fps: Annotated[float, msgspec.Meta(gt=0)] = 60.0
    """The most frames a second that a request may ask for."""
    decode_s: Deadline = 25.0
    """Finding and decoding the frames of one video, in seconds; the workers' own deadline
    stands behind it."""
    workers: WorkerSettings = WorkerSettings(
        memory_bytes=1024 * MIB,
        address_space_bytes=2048 * MIB,
        max_message_bytes=128 * MIB,
        deadline_s=30.0,
    )
    """The processes that decode videos."""


class DocumentSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Limits for PDF files, and the workers that render them."""

    max_bytes: Positive = 50 * MIB
    """The largest document, in bytes."""
    max_pages: Positive = 500
    """The most pages that a document may have, whether they are looked at or not."""
    dpi: Annotated[int, msgspec.Meta(ge=36, le=600)] = 150
    """The resolution of a drawn page, unless a limit asks for less, in dots per inch."""
    max_pixels: Positive = 4 * MEGAPIXEL
    """The largest picture of a page, in pixels; a larger page is drawn smaller."""
    max_text_bytes: Positive = 8 * MIB
    """The most text of one document, in bytes of UTF-8."""
    render_s: Deadline = 25.0
    """Drawing the pages of one document, in seconds; the workers' own deadline stands
    behind it."""
    workers: WorkerSettings = WorkerSettings(
        memory_bytes=768 * MIB,
        address_space_bytes=1536 * MIB,
        max_message_bytes=128 * MIB,
        deadline_s=30.0,
    )
    """The processes that render documents."""


class MediaSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Limits for pictures, and for fetching them.

    Bytes and pixels are limited separately on purpose: a file of 40 kB can decode to a
    gigapixel.
    """

    max_bytes: Positive = 20 * MIB
    """The largest picture file, inline or fetched, in bytes."""
    max_pixels: Positive = 50 * MEGAPIXEL
    """The largest picture, in pixels (width times height)."""
    max_side_px: Positive = 16_384
    """The longest side of a picture, in pixels."""
    max_images: Positive = 50
    """The most pictures in one request."""
    max_frames: Positive = 60
    """The most frames of one animation, or pages of one TIFF file."""
    max_frames_pixels: Positive = 100 * MEGAPIXEL
    """The most pixels of all frames of one animation together, or of all pages that are asked
    for."""
    background: Annotated[str, msgspec.Meta(pattern="^#[0-9a-fA-F]{6}$")] = "#ffffff"
    """The background colour under transparent pixels of a picture that is decoded, as
    `#rrggbb`."""
    video: VideoSettings = VideoSettings()
    """Limits for videos."""
    documents: DocumentSettings = DocumentSettings()
    """Limits for documents."""

    admit_networks: tuple[str, ...] = ()
    """Networks that may be fetched from although they are not public, such as `10.1.0.0/16`.

    This server's own sockets and its upstreams stay closed. The metadata service of a cloud is
    opened only by its exact address.
    """
    ports: tuple[int, ...] = (80, 443)
    """The ports that a picture's URL may name, 1 to 65535."""
    allow_hosts: tuple[str, ...] = ()
    """When set, only these hosts are fetched from: exact names, or `*.example.com` for all
    names under it (but not itself)."""
    hosts: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    """Names that are not looked up but stand for this address, or `address:port`; the address
    still has to be public or admitted."""
    ca_file: str | None = None
    """A PEM file of certificate authorities that are trusted besides the system's."""
    proxy: str | None = None
    """`http://host:port` of a proxy. When set, every fetch goes through it, none direct; names
    are then looked up by the proxy, which has to guard them."""

    cache_bytes: Annotated[int, msgspec.Meta(ge=0)] = 4 * MIB
    """The size of the cache of converted pictures, in bytes; each is kept for the same owner
    only. 0: no cache."""
    known_pictures: Annotated[int, msgspec.Meta(ge=0)] = 4096
    """Pictures inside requests that needed no change and are recognised when the same caller
    sends them again, as every turn of a conversation does; about 700 bytes each. 0 recognises
    none."""
    prepare_s: Deadline = 45.0
    """How long fetching, checking and converting all pictures of a request may take, in
    seconds."""
    max_at_once: Positive = 4
    """Pictures of one request that are fetched or fitted at the same time."""

    connect_s: Deadline = 3.0
    """Name lookup, connection and TLS handshake together, in seconds."""
    first_byte_s: Deadline = 5.0
    """From the request to the end of the answer's headers, in seconds."""
    idle_s: Deadline = 3.0
    """The longest pause inside the answer, in seconds."""
    total_s: Deadline = 10.0
    """One fetch with all its redirects, in seconds, once it has its turn."""
    turn_s: Deadline = 30.0
    """The longest wait for a slot when too many fetches are under way, in seconds."""
    max_redirects: Annotated[int, msgspec.Meta(ge=0, le=10)] = 3
    """How many redirects are followed; from https to http never."""
    max_fetches: Positive = 32
    """The most fetches at once."""
    max_fetches_per_host: Positive = 4
    """The most fetches at once from one host."""
    max_url_length: Positive = 8_192
    """The longest URL, in characters."""

    def __post_init__(self) -> None:
        self.admitted()
        self.host_addresses()
        self.allowed_hosts()
        self.proxy_origin()
        for port in self.ports:
            _check_port(port, setting="ports")

    def admitted(self) -> tuple[Network, ...]:
        """`admit_networks`, parsed."""
        return tuple(_network(text) for text in self.admit_networks)

    def allowed_hosts(self) -> tuple[str, ...]:
        """`allow_hosts` in canonical spelling."""
        return tuple(_pattern(text) for text in self.allow_hosts)

    def host_addresses(self) -> dict[str, tuple[Address, int | None]]:
        """`hosts`: for each canonical name its address, and the port if one is named."""
        return {_name(name): _endpoint(text) for name, text in self.hosts.items()}

    def proxy_origin(self) -> tuple[str, int] | None:
        """Host and port of `proxy`."""
        return None if self.proxy is None else _proxy_origin(self.proxy)


class WebhookSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Webhooks, which tell how a job or a batch ended: where they may go, and how often.

    They use the same guarded client as fetches, and share `proxy`, `ca_file` and `hosts` of
    `[media]`, but not what is admitted there: a store of pictures need not be a receiver.
    """

    workers: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 16
    """How many webhooks one server process sends at the same time; 0 leaves them to other
    processes."""
    max_per_origin: Positive = 4
    """How many of them may go to the same host and port, so that a receiver that hangs does not
    delay others."""
    max_attempts: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10
    """After so many attempts without a 2xx a webhook fails; with the waits below, 14 hours
    after the end of the job."""
    first_wait_s: Annotated[float, msgspec.Meta(ge=0.1, le=3600)] = 5.0
    """Between the first attempt and the second, in seconds; each further wait is four times as
    long."""
    max_wait_s: Annotated[float, msgspec.Meta(ge=0.1, le=86_400)] = 14_400.0
    """The longest of these waits, in seconds."""
    connect_s: Deadline = 5.0
    """Name lookup, connection and TLS handshake together, in seconds."""
    total_s: Deadline = 15.0
    """One attempt, to the end of the answer's headers, in seconds; its body is not read."""
    lease_s: Annotated[float, msgspec.Meta(ge=1, le=3600)] = 60.0
    """How long after the death of a process others send its webhooks; at least twice
    `total_s`."""
    look_every_s: Annotated[float, msgspec.Meta(ge=0.1, le=60)] = 1.0
    """How often a process looks for something to send."""
    allow_http: bool = False
    """Whether a URL may begin with `http://`: the webhook is then not encrypted on its way."""
    ports: tuple[int, ...] = (80, 443)
    """The ports that a URL may name, 1 to 65535."""
    admit_networks: tuple[str, ...] = ()
    """Networks that webhooks may be sent to although they are not public, as in `[media]`."""
    allow_hosts: tuple[str, ...] = ()
    """When set, webhooks are sent to these hosts only, as in `[media]`."""
    max_url_length: Positive = 2048
    """The longest URL, in characters."""

    def __post_init__(self) -> None:
        self.outbound(MediaSettings())
        if self.lease_s < 2 * self.total_s:
            raise ValueError("lease_s: must be at least twice total_s")

    def outbound(self, media: MediaSettings) -> MediaSettings:
        """The settings of the guarded client for webhooks."""
        return msgspec.structs.replace(
            media,
            ports=self.ports,
            admit_networks=self.admit_networks,
            allow_hosts=self.allow_hosts,
            max_url_length=self.max_url_length,
            connect_s=self.connect_s,
            first_byte_s=self.total_s,
            idle_s=self.total_s,
        )


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as fault:
        raise ValueError(f"admit_networks: {text!r} is not a network: {fault}") from fault


def _name(text: str) -> str:
    try:
        host = canonical_host(text)
    except ValueError as fault:
        raise ValueError(f"hosts: {text!r} is not a host name") from fault
    if host.address is not None:
        raise ValueError(f"hosts: {text!r} is an address, not a name")
    return host.name


def _pattern(text: str) -> str:
    wildcard, bare = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    try:
        return f"{wildcard}{canonical_host(bare).name}"
    except ValueError as fault:
        raise ValueError(f"allow_hosts: {text!r} is no host name and no `*.name`") from fault


def _endpoint(text: str) -> tuple[Address, int | None]:
    try:
        return ip_address(text), None
    except ValueError:
        host, _, port = text.rpartition(":")
    try:
        address = canonical_host(host).address
        number = int(port)
    except ValueError as fault:
        raise ValueError(f"hosts: {text!r} is no address and no address:port") from fault
    if address is None:
        raise ValueError(f"hosts: {text!r} must be an address, not a name")
    _check_port(number, setting="hosts")
    return address, number


def _proxy_origin(text: str) -> tuple[str, int]:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as fault:
        raise ValueError(f"proxy: {text!r} is not a URL: {fault}") from fault
    if parts.scheme != "http" or not parts.hostname or port is None:
        raise ValueError("proxy: must be http://host:port")
    if "@" in parts.netloc or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("proxy: must be http://host:port, without credentials or path")
    _check_port(port, setting="proxy")
    return parts.hostname, port


def _check_port(port: int, *, setting: str) -> None:
    if not 1 <= port <= MAX_PORT:
        raise ValueError(f"{setting}: {port} is not a port (1 to {MAX_PORT})")
