"""Every role, kind of medium, source, house and way of answering, each with each.

A cell is one request. It is proved by the hash of the file where that passes unchanged, by the
colours of its pixels where it is converted, or by the exact error; in the messages that the
upstream got, with every word around it in its place. The colours and words are the role's own,
so that no cell can be proved by the picture of another.
"""

import base64
import hashlib
import http.server
import itertools
import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from typing import Any, Literal, NamedTuple

import pytest
from PIL import Image
from tests.conftest import FAST, upstream_config
from tests.support.claims import text_of
from tests.support.films import COLOURS, bare, pdf
from tests.support.gemini_upstream import GeminiServer
from tests.support.openai_family import AzureServer, VllmServer
from tests.support.rows import AZURE, GEMINI, VLLM, at_ports
from tests.support.service import Reply, Service, ask
from tests.support.upstream import WORDS, Asked, Upstream
from tests.unit.media.sample_pictures import encode

from visus.accounts.database import open_database
from visus.accounts.keys import KeyBook

ROLES = ("system", "developer", "user", "assistant", "tool")
SOURCES = ("data", "url", "file_id")


class Model(NamedTuple):
    """What one of the models takes as it is; it is made into that, or moved, for the others."""

    roles: Sequence[str]
    """In which its server takes media."""
    house: str = "scripted"
    files: frozenset[str] = frozenset()
    """Kinds besides pictures."""
    stills: frozenset[str] = frozenset({"png", "jpeg", "webp", "gif", "png as input_image"})
    """Kinds of pictures."""


STILLS = Model(()).stills
FILES = frozenset({"mp4", "pdf"})
MODELS = {
    "good": Model(ROLES[:4]),
    "user-only": Model(("user",)),
    "native": Model(ROLES[:4], files=FILES),
    "azure": Model(("user",), "azure"),
    "vllm": Model(ROLES[:4], "vllm"),
    "gemini": Model(("user",), "gemini", FILES, STILLS - {"gif"}),
}
"""The first says nothing of its server; the last three stand before servers as strict as the
clouds' own."""
AT_ONCE = 4
WIDTH, HEIGHT = 64, 48
CONFIG = """
[media]
admit_networks = ["127.0.0.1/32"]
ports = [{port}]
[[models]]
id = "user-only"
provider = "scripted"
upstream_id = "good"
input_modalities = ["text", "image"]
vision = { image_roles = ["user"] }
[[models]]
id = "native"
provider = "scripted"
upstream_id = "good"
input_modalities = ["text", "image"]
vision = { video = true, video_sampling = true, pdf = true }
[[models]]
id = "azure"
provider = "azure"
upstream_id = "good"
input_modalities = ["text", "image"]
vision = { image_roles = ["user"], max_images = 10 }
[[models]]
id = "vllm"
provider = "vllm"
upstream_id = "good"
input_modalities = ["text", "image"]
vision = { video = true, max_images = 4 }
[[models]]
id = "gemini"
provider = "gemini"
upstream_id = "good"
input_modalities = ["text", "image"]
[models.vision]
formats = ["image/jpeg", "image/png", "image/webp", "image/heic", "image/heif"]
image_roles = ["user"]
video = true
video_sampling = ["fps", "start", "end"]
pdf = true
"""


# --- Media -----------------------------------------------------------------------------------

CORNERS = ((220, 20, 20), (20, 20, 220), (20, 160, 20), (230, 220, 20), (120, 120, 120))
"""Those of the first role, in the order of reading; the next role begins one further on."""


def corners(role: str) -> list[tuple[int, ...]]:
    at = ROLES.index(role)
    return [*CORNERS[at:], *CORNERS[:at]][:4]


def quarters(role: str) -> Image.Image:
    """A picture whose four quarters tell how it lies, and whose it is."""
    found = Image.new("RGB", (2, 2))
    found.putdata(corners(role))
    return found.resize((WIDTH, HEIGHT), Image.Resampling.NEAREST)


def still(kind: str, mode: str = "RGB", **options: Any) -> Callable[[str], bytes]:
    return lambda role: encode(quarters(role).convert(mode), kind, **options)


def gif(role: str) -> bytes:
    return encode(quarters(role).quantize(8), "GIF")


def first_of(kind: str, **options: Any) -> Callable[[str], bytes]:
    """A file with more pictures, all of them black but the first."""
    more = [Image.new("RGB", (WIDTH, HEIGHT), (0, shade, 0)) for shade in (0, 9)]
    return still(kind, save_all=True, append_images=more, **options)


def turned(role: str) -> bytes:
    block = Image.Exif()
    block[0x0112] = 6
    lying = quarters(role).transpose(Image.Transpose.ROTATE_90)
    return encode(lying, "JPEG", exif=block, quality=95)


def truncated(role: str) -> bytes:
    return still("JPEG")(role)[:-9]


FILM = bare(fps=2, size=(WIDTH, HEIGHT))
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'


class Kind(NamedTuple):
    """What is sent, and what has to become of it."""

    file: Callable[[str], bytes]
    """A role's."""
    proof: Literal["hash", "pixels", "video", "pages", "error"]
    part: Literal["image_url", "input_image", "video_url", "file"] = "image_url"
    code: str = ""
    """Of the error."""
    label: str = "image/png"
    """What is claimed; of pictures, right or wrong."""


KINDS = {
    "png": Kind(still("PNG"), "hash"),
    "jpeg": Kind(still("JPEG", quality=95), "hash"),
    "webp": Kind(still("WEBP", quality=95), "hash"),
    "gif": Kind(gif, "hash"),
    "png as input_image": Kind(still("PNG"), "hash", "input_image"),
    "gif animated": Kind(first_of("GIF", duration=50), "pixels"),
    "png animated": Kind(first_of("PNG", duration=50), "pixels"),
    "webp animated": Kind(first_of("WEBP", duration=50, quality=95), "pixels"),
    "bmp": Kind(still("BMP"), "pixels"),
    "tiff": Kind(still("TIFF"), "pixels"),
    "tiff of pages": Kind(first_of("TIFF"), "pixels"),
    "avif": Kind(still("AVIF", quality=95), "pixels"),
    "heic": Kind(still("HEIF", quality=95), "pixels"),
    "jpeg cmyk": Kind(still("JPEG", "CMYK", quality=95), "pixels"),
    "jpeg turned": Kind(turned, "pixels"),
    "heic as input_image": Kind(still("HEIF", quality=95), "pixels", "input_image"),
    "mp4": Kind(lambda _: FILM, "video", "video_url", label="video/mp4"),
    "pdf": Kind(lambda role: pdf([role]), "pages", "file", label="application/pdf"),
    "svg": Kind(lambda _: SVG, "error", code="invalid_image_format"),
    "pdf as image": Kind(lambda _: pdf(), "error", code="invalid_image_format"),
    "mp4 as image": Kind(lambda _: FILM, "error", code="invalid_image_format"),
    "half a jpeg": Kind(truncated, "error", code="invalid_image"),
    "svg as input_image": Kind(
        lambda _: SVG, "error", "input_image", code="invalid_image_format"
    ),
    "gif as video": Kind(gif, "error", "video_url", "invalid_video", "video/mp4"),
    "png as file": Kind(
        still("PNG"), "error", "file", "unsupported_file_type", "application/pdf"
    ),
}


class Cell(NamedTuple):
    """One request."""

    kind: str
    role: str
    source: str
    model: str
    streamed: bool

    @property
    def mark(self) -> str:
        """Stands in the request, and in nobody else's."""
        return "/".join(map(str, self))


CELLS = [Cell(*one) for one in itertools.product(KINDS, ROLES, SOURCES, MODELS, (False, True))]
BESIDE = "png"
"""The kind of a picture that stands in every cell beside its own medium."""
Files = dict[tuple[str, str], str]
"""Ids of what was uploaded, by kind and role."""
EACH = len(ROLES) * len(SOURCES) * len(MODELS) * 2
"""Cells of one kind."""


# --- A service, and where it finds media -----------------------------------------------------


class _Site(http.server.BaseHTTPRequestHandler):
    """Serves the file of `/kind/role`, under a label that says nothing."""

    def do_GET(self) -> None:
        _, kind, role = self.path.replace("%20", " ").split("/")
        data = KINDS[kind].file(role)
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Keeps quiet."""


@pytest.fixture(scope="module")
def site() -> Iterator[int]:
    """The port of a site with every file."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def houses(upstream: Upstream) -> Iterator[dict[str, Upstream]]:
    """Every server, by its name in `Model.house`."""
    with AzureServer() as azure, VllmServer() as vllm, GeminiServer() as gemini:
        yield {"scripted": upstream, "azure": azure, "vllm": vllm, "gemini": gemini}


@pytest.fixture(scope="module")
def matrix(
    houses: dict[str, Upstream], site: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """The service with every model."""
    rows = CONFIG + AZURE + VLLM + GEMINI + "options = { wants_signatures = true }"
    ports = {name: server.port for name, server in houses.items()}
    config = at_ports(rows, {**ports, "port": site})
    running = Service(
        tmp_path_factory.mktemp("matrix"),
        upstream_config(houses["scripted"].port, FAST, config),
        SCRIPTED_KEY=AzureServer.key,
        GEMINI_KEY=GeminiServer.key,
    )
    for kind in ("mp4", "pdf"):  # their workers begin with the first file and stay
        cell = Cell(kind, "user", "url", "good", streamed=False)
        part = part_of(cell, site, {})
        assert running.post(ask("good", [part])).status == 200
    yield running
    running.stop()


# --- What is asked ---------------------------------------------------------------------------


def part_of(cell: Cell, site: int, files: "Files") -> dict[str, Any]:
    """The medium as the cell's source has it."""
    kind = KINDS[cell.kind]
    data = kind.file(cell.role)
    found = {
        "data": f"data:{kind.label};base64,{base64.b64encode(data).decode()}",
        "url": f"http://127.0.0.1:{site}/{cell.kind}/{cell.role}".replace(" ", "%20"),
        "file_id": files.get((cell.kind, cell.role), ""),
    }[cell.source]
    place = {field_of(cell): found}
    if kind.part == "input_image":
        return {"type": "input_image", "detail": "high", **place}
    if kind.part == "image_url":
        place["detail"] = "high"
    elif kind.part == "video_url":
        start = ROLES.index(cell.role)
        place |= {"fps": 2, "start": start, "end": start + 1}
    return {"type": kind.part, kind.part: place}


def field_of(cell: Cell) -> str:
    if cell.source == "file_id":
        return "file_id"
    match KINDS[cell.kind].part:
        case "file":
            return {"data": "file_data", "url": "file_url"}[cell.source]
        case "input_image":
            return "image_url"
        case _:
            return "url"


CALL = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": "{}"}}


def other_than(cell: Cell) -> Cell:
    """What stands beside a cell's medium: a picture from the same source, of another role."""
    role = ROLES[ROLES.index(cell.role) - 1]
    return cell._replace(kind=BESIDE, role=role)


def messages_of(
    cell: Cell, part: dict[str, Any], beside: dict[str, Any]
) -> list[dict[str, Any]]:
    """A conversation in which the cell's role shows two things between words."""
    words = "input_text" if KINDS[cell.kind].part == "input_image" else "text"
    content = [
        {"type": words, "text": f"before {cell.mark}"},
        part,
        {"type": words, "text": f"between {cell.mark}"},
        beside,
        {"type": words, "text": f"after {cell.mark}"},
    ]
    shown = {"role": cell.role, "content": content}
    match cell.role:
        case "user":
            return [{"role": "system", "content": "Be brief."}, shown]
        case "assistant":
            return [{"role": "user", "content": "Draw."}, shown, ask_back()]
        case "tool":
            asked = {"role": "assistant", "tool_calls": [CALL]}
            result = {**shown, "tool_call_id": "c1"}
            return [{"role": "user", "content": "Look."}, asked, result]
        case _:
            return [shown, ask_back()]


def ask_back() -> dict[str, Any]:
    return {"role": "user", "content": "Well?"}


def path_of(cell: Cell) -> str:
    """Where the medium stands in the request."""
    number = {"user": 1, "assistant": 1, "tool": 2}.get(cell.role, 0)
    part = KINDS[cell.kind].part
    inside = "" if part == "input_image" else f".{part}"
    return f"messages[{number}].content[1]{inside}.{field_of(cell)}"


# --- What has to arrive ----------------------------------------------------------------------

PICTURE = None
"""Stands for a picture, or another medium, among lines of text."""
Content = list[str | None]


def is_native(cell: Cell) -> bool:
    """Whether the medium arrives as the file that it is."""
    return cell.kind in MODELS[cell.model].files


def noun(cell: Cell) -> str:
    """What the cell's medium is called, where it is moved."""
    if not is_native(cell):
        return "Image"
    return "Video" if KINDS[cell.kind].proof == "video" else "File"


def shown_as(cell: Cell) -> Content:
    """What a medium becomes: lines, and pictures."""
    if is_native(cell):
        return [PICTURE]
    match KINDS[cell.kind].proof:
        case "video":
            at = ROLES.index(cell.role)
            first = "A video of 5.00 s, shown as 2 frames."
            return [first, f"Frame at {at}.00 s:", PICTURE, f"Frame at {at}.50 s:", PICTURE]
        case "pages":
            return ["Page 1 of 1:", PICTURE, f"Text of page 1:\n{cell.role}"]
        case _:
            return [PICTURE]


def arrived(cell: Cell) -> list[tuple[str, Content]]:
    """The messages that the upstream has to get."""
    sent = messages_of(cell, {}, {})
    place = next(at for at, one in enumerate(sent) if isinstance(one.get("content"), list))
    before, between, after = (f"{one} {cell.mark}" for one in ("before", "between", "after"))
    found: list[tuple[str, Content]] = [
        (one["role"], [one["content"]] if one.get("content") else []) for one in sent
    ]
    shown = [*shown_as(cell), between, PICTURE]
    if cell.role in MODELS[cell.model].roles:
        found[place] = cell.role, [before, *shown, after]
        return found
    nouns = [noun(cell)] * shown_as(cell).count(PICTURE) + ["Image"]
    gone = iter([f"[{one}: see the next user message.]" for one in nouns])
    found[place] = cell.role, [before, *(line or next(gone) for line in shown), after]
    origin = "the result of look (tool call c1)" if cell.role == "tool" else None
    names = iter(nouns)
    moved: Content = []
    for before_it, part in itertools.pairwise(["", *shown]):
        if part is PICTURE:
            line = f"{next(names)} from {origin or f'the {cell.role} message'}"
            is_caption = (before_it or "").startswith(("Frame at", "Page "))
            moved += [f"{line}. {before_it}" if is_caption else f"{line}:", part]
    own = [text for role, content in found[place + 1 :] for text in content]
    return [*found[: place + 1], ("user", [*moved, *own])]


def in_gemini(messages: list[tuple[str, Content]]) -> list[tuple[str, Content]]:
    """The same messages as its API has them: instructions apart, a result in one text."""
    apart = ("system", "developer")
    told = [line for role, content in messages if role in apart for line in content]
    rest = [
        (role, ["\n".join(filter(None, content))] if role == "tool" else content)
        for role, content in messages
        if role not in apart
    ]
    return [("system", told), *rest] if told else rest


def from_gemini(body: dict[str, Any]) -> list[dict[str, Any]]:
    """The messages of a request to it, in the form of everybody else's."""
    resolution = body["generationConfig"]["mediaResolution"]
    detail = resolution.removeprefix("MEDIA_RESOLUTION_").lower()
    said = (
        [("system", body["systemInstruction"]["parts"])] if "systemInstruction" in body else []
    )
    said += [(one["role"], one["parts"]) for one in body["contents"]]
    found: list[dict[str, Any]] = []
    for role, parts in said:
        if "functionResponse" in parts[0]:
            (result,) = parts
            content = result["functionResponse"]["response"]["output"]
            found.append({"role": "tool", "content": content, "tool_call_id": "c1"})
            continue
        shown = [part_from_gemini(part, detail) for part in parts if "functionCall" not in part]
        found.append({"role": {"model": "assistant"}.get(role, role), "content": shown})
    return found


def part_from_gemini(part: dict[str, Any], detail: str) -> dict[str, Any]:
    if "text" in part:
        return {"type": "text", **part}
    kind, coded = part["inlineData"]["mimeType"], part["inlineData"]["data"]
    url = f"data:{kind};base64,{coded}"
    if kind == "application/pdf":
        return {"type": "file", "file": {"filename": "document.pdf", "file_data": url}}
    if kind.startswith("image/"):
        return {"type": "image_url", "image_url": {"url": url, "detail": detail}}
    wishes = part["videoMetadata"]
    names = {"fps": "fps", "startOffset": "start", "endOffset": "end"}
    told = {names[one]: int(float(str(it).removesuffix("s"))) for one, it in wishes.items()}
    return {"type": "video_url", "video_url": {"url": url, **told}}


def read(content: Any, pictures: list[dict[str, Any]]) -> Content:
    """The lines of a message that arrived; its pictures are put aside."""
    if not isinstance(content, list):
        return [content] if content else []
    lines: Content = []
    for part in content:
        if part["type"] in {"image_url", "video_url", "file"}:
            pictures.append(part[part["type"]])
            lines.append(PICTURE)
        else:
            assert part == {"type": "text", "text": part["text"]}
            lines.append(part["text"])
    return lines


# --- Proofs ----------------------------------------------------------------------------------


def proved(cell: Cell, reply: Reply, asked: Asked | None) -> str:
    """What a cell was proved by.

    Args:
        cell: the request.
        reply: what the caller got.
        asked: what the upstream got; None if nothing.
    """
    kind = KINDS[cell.kind]
    if kind.proof == "error":
        assert reply.error() == (400, kind.code, path_of(cell)), cell
        assert asked is None, cell
        return "error"
    assert reply.status == 200, (cell, reply.body)
    assert answer_of(reply, streamed=cell.streamed) == "".join(WORDS), cell
    assert asked is not None, cell
    body = asked.body
    pictures: list[dict[str, Any]] = []
    if cell.model == "gemini":
        wanted, messages = in_gemini(arrived(cell)), from_gemini(body)
        assert ("streamGenerateContent" in asked.path) is cell.streamed, cell
    else:
        wanted, messages = arrived(cell), body["messages"]
        assert body.get("stream", False) is cell.streamed, cell
    got = [(one["role"], read(one["content"], pictures)) for one in messages]
    assert got == wanted, cell
    calls = [one.get("tool_call_id") for one in messages if one["role"] == "tool"]
    assert calls == (["c1"] if cell.role == "tool" else []), cell
    *own, beside = pictures
    is_image = kind.part in {"image_url", "input_image"}
    assert {one.get("detail") for one in own} == {"high" if is_image else None}, cell
    if is_native(cell):
        assert own == [native(cell)], cell
    else:
        for one in own:
            check(cell, one["url"])
    assert beside["detail"] == "high", cell
    check(other_than(cell), beside["url"])
    return kind.proof


def native(cell: Cell) -> dict[str, Any]:
    """The medium as a model gets it that takes it as it is: unchanged, with every wish."""
    kind = KINDS[cell.kind]
    coded = base64.b64encode(kind.file(cell.role)).decode()
    if kind.proof == "pages":
        return {
            "filename": "document.pdf",
            "file_data": f"data:application/pdf;base64,{coded}",
        }
    start = ROLES.index(cell.role)
    wishes = {"fps": 2, "end": start + 1} | ({"start": start} if start else {})
    return {"url": f"data:video/mp4;base64,{coded}", **wishes}


def check(cell: Cell, url: str) -> None:
    """One picture that arrived is the one that was sent."""
    kind = KINDS[cell.kind]
    label, _, coded = url.partition(";base64,")
    data = base64.b64decode(coded, validate=True)
    if cell.kind in MODELS[cell.model].stills:
        want = hashlib.sha256(kind.file(cell.role)).digest()
        assert hashlib.sha256(data).digest() == want, cell
    with Image.open(BytesIO(data)) as opened:
        assert label == f"data:image/{(opened.format or '').lower()}", cell
        assert getattr(opened, "n_frames", 1) == 1, cell
        assert opened.mode in {"L", "P", "RGB", "RGBA"}, cell
        seen = opened.convert("RGB")
    for at, colour in spots(cell, seen.size):
        found = seen.getpixel(at)
        assert isinstance(found, tuple)
        assert all(abs(a - b) < 30 for a, b in zip(found, colour, strict=True)), (cell, found)


def spots(
    cell: Cell, size: tuple[int, int]
) -> Sequence[tuple[tuple[int, int], tuple[int, ...]]]:
    """Points of a picture, and the colour that each has to have."""
    match KINDS[cell.kind].proof:
        case "pages":
            assert size == (416, 625), cell
            return [((30, 600), (255, 0, 0)), ((400, 20), (255, 255, 255))]
        case "video":
            assert size == (WIDTH, HEIGHT), cell
            return [((WIDTH // 2, HEIGHT // 2), COLOURS[ROLES.index(cell.role)])]
        case _:
            assert size == (WIDTH, HEIGHT), cell
            centres = [(x, y) for y in (HEIGHT // 4, 36) for x in (WIDTH // 4, 48)]
            return list(zip(centres, corners(cell.role), strict=True))


def answer_of(reply: Reply, *, streamed: bool) -> str:
    if not streamed:
        return reply.json()["choices"][0]["message"]["content"]
    events = reply.events()
    assert events[-1] == "[DONE]"
    return text_of(events)


def mark_in(body: dict[str, Any]) -> str:
    """The mark of the cell that a server was asked for."""
    found = re.search(r'"before ([^"\\]+)', json.dumps(body))
    assert found is not None
    return found[1]


def logged(service: Service, replies: Sequence[Reply]) -> Counter[tuple[str, int]]:
    """How often each request and its status stand in the log.

    A record is written after the last byte of its answer, so that each is waited for.
    """
    ids = [reply.headers["x-request-id"] for reply in replies]
    found = (record for one in ids for record in service.records(one))
    return Counter((record["request"], record["status"]) for record in found)


# --- The matrix ------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_every_cell_gets_the_right_picture_or_the_exact_error(
    matrix: Service, houses: dict[str, Upstream], site: int, kind: str
) -> None:
    files = {
        (one, role): matrix.upload(KINDS[one].file(role))
        for one in (kind, BESIDE)
        for role in ROLES
    }
    cells = [cell for cell in CELLS if cell.kind == kind]
    already = {name: len(server.asked) for name, server in houses.items()}

    def asked(cell: Cell) -> Reply:
        parts = [part_of(one, site, files) for one in (cell, other_than(cell))]
        messages = messages_of(cell, *parts)
        body = {"model": cell.model, "messages": messages, "user": cell.mark}
        return matrix.post({**body, "stream": cell.streamed})

    with ThreadPoolExecutor(AT_ONCE) as threads:
        replies = list(threads.map(asked, cells))
    asked_there = {name: houses[name].asked[count:] for name, count in already.items()}
    by_mark = {mark_in(one.body): one for there in asked_there.values() for one in there}
    proofs = [
        proved(cell, reply, by_mark.get(cell.mark))
        for cell, reply in zip(cells, replies, strict=True)
    ]
    assert proofs == [KINDS[kind].proof] * EACH
    if KINDS[kind].proof != "error":
        by_house = Counter(MODELS[cell.model].house for cell in cells)
        assert {name: len(there) for name, there in asked_there.items()} == by_house
    assert logged(matrix, replies) == {
        (reply.headers["x-request-id"], reply.status): 1 for reply in replies
    }


def test_the_matrix_has_no_silent_cell() -> None:
    assert len(set(CELLS)) == len({cell.mark for cell in CELLS}) == len(KINDS) * EACH == 4500
    assert Counter(cell.kind for cell in CELLS) == dict.fromkeys(KINDS, EACH)
    proofs = Counter(KINDS[cell.kind].proof for cell in CELLS)
    assert proofs == {"hash": 900, "pixels": 1980, "video": 180, "pages": 180, "error": 1260}


def test_no_two_roles_have_the_same_picture() -> None:
    for name, kind in KINDS.items():
        if kind.proof in {"hash", "pixels", "pages"}:
            assert len({kind.file(role) for role in ROLES}) == len(ROLES), name
    assert len({tuple(corners(role)) for role in ROLES}) == len(ROLES)


# --- Through the socket besides --------------------------------------------------------------


def pages_of(cell: Cell, count: int, frames: int) -> dict[str, Any]:
    """A request with so many files of three pages, and so many pages wanted of each."""
    part = part_of(cell, 0, {})
    return {**ask(cell.model, [part] * count), "visus": {"frames": frames}}


def test_as_many_pages_arrive_as_are_asked_for(matrix: Service, upstream: Upstream) -> None:
    cell = Cell("tiff of pages", "user", "data", "good", streamed=False)
    assert matrix.post(pages_of(cell, 1, 2)).status == 200
    pictures: list[dict[str, Any]] = []
    (message,) = upstream.last("good").body["messages"]
    lines = ["Page 1 of 3:", PICTURE, "Page 3 of 3:", PICTURE]
    assert read(message["content"], pictures) == lines
    check(cell, pictures[0]["url"])


@pytest.mark.parametrize(("count", "status"), [(24, 200), (25, 200), (26, 400)])
def test_the_pages_of_all_files_count_as_pictures(
    matrix: Service, count: int, status: int
) -> None:
    cell = Cell("tiff of pages", "user", "data", "good", streamed=False)
    reply = matrix.post(pages_of(cell, count, 2))
    assert reply.status == status
    if status == 400:
        assert reply.error() == (400, "too_many_images", "visus.frames")


@pytest.mark.parametrize("kind", ["png", "png as input_image", "mp4", "pdf"])
def test_a_file_of_another_key_is_missing_by_its_place(
    matrix: Service, upstream: Upstream, kind: str
) -> None:
    cell = Cell(kind, "user", "file_id", "good", streamed=False)
    file_id = matrix.upload(KINDS[kind].file("user"))
    engine = open_database(matrix.folder / "state" / "visus.db")
    try:
        stranger = KeyBook(engine).create("a stranger")[1]
    finally:
        engine.dispose()
    body = ask("good", [part_of(cell, 0, {(kind, "user"): file_id})])
    assert matrix.post(body).status == 200
    before = len(upstream.asked)
    reply = matrix.post(body, Authorization=f"Bearer {stranger}")
    where = path_of(cell).replace("messages[1].content[1]", "messages[0].content[0]")
    assert reply.error() == (404, "file_not_found", where)
    assert len(upstream.asked) == before
