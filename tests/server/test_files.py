"""`/v1/files` over its socket, by the stock client and by hand (threats.md F09, F12, F15)."""

import re
import resource
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from socket import socket
from typing import Any

import openai
import pytest
from openai import OpenAI
from tests.support.claims import answered, open_files, refused
from tests.support.raw import connected, one_reply, reset
from tests.support.service import Reply, Service

from visus.accounts.database import open_database
from visus.accounts.keys import KeyBook

MAX_BYTES = 100_000
MAX_OWNER_BYTES = 250_000
MAX_OWNER_FILES = 5
FORM_BYTES = 65_536
SMALL = f"""
[lite]
enabled = false
[server]
body_timeout_s = 1
[files]
max_bytes = {MAX_BYTES}
max_owner_bytes = {MAX_OWNER_BYTES}
max_owner_files = {MAX_OWNER_FILES}
max_uploads = 3
max_owner_uploads = 2
sweep_s = 1
"""
LARGE = "[lite]\nenabled = false\n"
BOUNDARY = b"a-line-between"
UNKNOWN = "file-" + "0" * 32
PURPOSES = ("assistants", "batch", "fine-tune", "vision", "user_data", "evals", "visual-rag")


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service with bounds on files that a test can reach."""
    running = Service(tmp_path_factory.mktemp("shelf"), SMALL)
    yield running
    running.stop()


@pytest.fixture
def key(shelf: Service) -> str:
    """A key of the test's own, so that its files and its quota are."""
    return new_key(shelf)


@pytest.fixture
def client(shelf: Service, key: str) -> Iterator[OpenAI]:
    with OpenAI(base_url=shelf.url, api_key=key, max_retries=0) as made:
        yield made


def new_key(service: Service, *, project_id: str | None = None) -> str:
    """A key of that project, or of one of its own."""
    engine = open_database(service.folder / "state" / "visus.db")
    try:
        return KeyBook(engine).create("a test", project_id=project_id)[1]
    finally:
        engine.dispose()


def new_project(service: Service) -> str:
    engine = open_database(service.folder / "state" / "visus.db")
    try:
        return KeyBook(engine).create("a test")[0].project_id
    finally:
        engine.dispose()


def part(
    name: str, value: bytes | str, filename: bytes | None = None, kind: str | None = None
) -> bytes:
    """One part of a form; with a file name, a file."""
    head = f'Content-Disposition: form-data; name="{name}"'.encode()
    if filename is not None:
        head += b'; filename="' + filename + b'"'
    if kind is not None:
        head += f"\r\nContent-Type: {kind}".encode()
    data = value if isinstance(value, bytes) else value.encode()
    return b"--" + BOUNDARY + b"\r\n" + head + b"\r\n\r\n" + data + b"\r\n"


def form(*parts: bytes) -> bytes:
    return b"".join(parts) + b"--" + BOUNDARY + b"--\r\n"


def a_form(data: bytes, *more: bytes) -> bytes:
    return form(part("purpose", "user_data"), part("file", data, b"a.bin"), *more)


def send(service: Service, key: str, body: bytes, **headers: str) -> Reply:
    kind = f"multipart/form-data; boundary={BOUNDARY.decode()}"
    given = {"Authorization": f"Bearer {key}", "Content-Type": kind} | headers
    return service.request("POST", "/v1/files", body, given)


def ask(service: Service, key: str, path: str = "", method: str = "GET") -> Reply:
    given = {"Authorization": f"Bearer {key}"}
    return service.request(method, f"/v1/files{path}", None, given)


def begun(service: Service, key: str, sent: bytes, length: int) -> socket:
    """An upload under way: its headers and the first bytes of its body."""
    head = (
        "POST /v1/files HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {key}\r\nContent-Length: {length}\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY.decode()}\r\n\r\n"
    )
    return connected(service, head.encode() + sent)


def listed(service: Service, key: str, query: str = "") -> list[str]:
    return [file["id"] for file in ask(service, key, query).json()["data"]]


def contents(service: Service) -> set[Path]:
    folder = service.folder / "state" / "files" / "contents"
    return {path for path in folder.rglob("*") if path.is_file()}


def arriving(service: Service) -> list[int]:
    """The sizes of the uploads that are under way."""
    folder = service.folder / "state" / "files" / "incoming"
    found: list[int] = []
    for path in folder.glob("*"):
        with suppress(FileNotFoundError):  # it has just been removed
            found.append(path.stat().st_size)
    return found


def until(holds: Callable[[], bool], patience_s: float = 20) -> None:
    end_s = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < end_s
        time.sleep(0.01)


def change(service: Service, statement: str, *values: Any) -> None:
    """Changes the database behind the service's back."""
    with closing(sqlite3.connect(service.folder / "state" / "visus.db")) as database, database:
        database.execute(statement, values)


# --- The stock client -------------------------------------------------------------------------


def test_a_file_comes_back_as_it_was_sent_and_is_gone_once_deleted(client: OpenAI) -> None:
    data = bytes(range(256)) * 300
    began_s = int(time.time())
    made = client.files.create(file=("Bericht ü.png", data), purpose="user_data")
    assert re.fullmatch("file-[0-9a-f]{32}", made.id)
    assert (made.bytes, made.filename) == (len(data), "Bericht ü.png")
    assert (made.object, made.purpose) == ("file", "user_data")
    assert (made.status, made.expires_at) == ("processed", None)
    assert began_s <= made.created_at <= time.time()
    assert client.files.retrieve(made.id) == made
    assert client.files.content(made.id).read() == data
    assert client.files.list().data == [made]
    gone = client.files.delete(made.id)
    assert (gone.id, gone.object, gone.deleted) == (made.id, "file", True)
    assert client.files.list().data == []
    for asked in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(openai.NotFoundError) as caught:
            asked(made.id)
        assert caught.value.code == "file_not_found"


def test_the_stock_client_turns_pages_in_both_orders(client: OpenAI) -> None:
    made = [client.files.create(file=("n", b"%d" % n), purpose="vision").id for n in range(5)]
    assert [file.id for file in client.files.list(limit=2)] == made[::-1]
    assert [file.id for file in client.files.list(limit=2, order="asc")] == made
    page = client.files.list(limit=2, order="asc", after=made[0])
    assert [file.id for file in page.data] == made[1:3]
    assert page.has_more
    client.files.delete(made[2])
    assert [file.id for file in client.files.list(order="asc", after=made[2])] == made[3:]


@pytest.mark.parametrize("limit", [4, 5, 6])
def test_there_is_more_only_if_the_limit_left_something_out(client: OpenAI, limit: int) -> None:
    made = [client.files.create(file=("n", b"x"), purpose="evals").id for _ in range(5)]
    page = client.files.list(limit=limit)
    assert [file.id for file in page.data] == made[::-1][:limit]
    assert page.has_more == (limit < 5)


def test_expiry_is_counted_from_the_second_of_creation(client: OpenAI) -> None:
    after: Any = {"anchor": "created_at", "seconds": 3600}
    made = client.files.create(file=b"x", purpose="user_data", expires_after=after)
    assert made.expires_at == made.created_at + 3600
    batch = client.files.create(file=b"x", purpose="batch")
    assert batch.expires_at == batch.created_at + 2_592_000


# --- Whose they are ---------------------------------------------------------------------------


def test_a_foreign_file_and_none_at_all_are_refused_alike(shelf: Service, key: str) -> None:
    mine = answered(shelf, send(shelf, key, a_form(b"mine")))["id"]
    other = new_key(shelf)
    for path, method in (("", "GET"), ("/content", "GET"), ("", "DELETE")):
        foreign = ask(shelf, other, f"/{mine}{path}", method)
        unknown = ask(shelf, other, f"/{UNKNOWN}{path}", method)
        refused(shelf, foreign, 404, "file_not_found")
        refused(shelf, unknown, 404, "file_not_found")
        assert foreign.body == unknown.body
        assert set(foreign.headers) == set(unknown.headers)
    assert listed(shelf, other) == []
    assert listed(shelf, other, f"?after={UNKNOWN}&order=asc") == []
    assert ask(shelf, key, f"/{mine}/content").body == b"mine"


def test_every_key_of_a_project_has_the_files_of_the_others(shelf: Service) -> None:
    project_id = new_project(shelf)
    first, second = (new_key(shelf, project_id=project_id) for _ in range(2))
    ours = answered(shelf, send(shelf, first, a_form(b"ours")))["id"]
    assert listed(shelf, second) == [ours]
    assert ask(shelf, second, f"/{ours}/content").body == b"ours"
    answered(shelf, ask(shelf, second, f"/{ours}", "DELETE"))
    refused(shelf, ask(shelf, first, f"/{ours}"), 404, "file_not_found")


def test_the_keys_of_a_project_have_one_allowance_and_another_project_none_of_it(
    shelf: Service,
) -> None:
    project_id = new_project(shelf)
    first, second = (new_key(shelf, project_id=project_id) for _ in range(2))
    foreign = new_key(shelf, project_id=new_project(shelf))
    ours = [send(shelf, first, a_form(b"%d" % n)).json()["id"] for n in range(MAX_OWNER_FILES)]
    refused(shelf, send(shelf, second, a_form(b"more")), 400, "file_too_large", "file")
    answered(shelf, send(shelf, foreign, a_form(b"more")))
    for one in ours:
        refused(shelf, ask(shelf, foreign, f"/{one}/content"), 404, "file_not_found")


@pytest.mark.parametrize(
    "path",
    ["/file-1", "/..%2f..%2fvisus.db", "/%00", "/" + "x" * 3000, "/'%20OR%201=1--", "/%ff"],
)
def test_an_id_that_could_be_none_is_404(shelf: Service, key: str, path: str) -> None:
    for whole in (path, f"{path}/content"):
        reply = ask(shelf, key, whole)
        assert reply.error()[:2] in {(404, "file_not_found"), (404, "unknown_url")}


def test_without_a_key_nothing_is_taken(shelf: Service) -> None:
    before = contents(shelf)
    refused(shelf, send(shelf, "sk-wrong", a_form(b"x")), 401, "invalid_api_key")
    assert (contents(shelf), arriving(shelf)) == (before, [])


# --- What is kept -----------------------------------------------------------------------------


def test_equal_files_share_a_content_that_stays_until_the_last_is_deleted(
    shelf: Service, key: str
) -> None:
    before = contents(shelf)
    first, second = (send(shelf, key, a_form(b"twice")).json()["id"] for _ in range(2))
    assert first != second
    assert len(contents(shelf) - before) == 1
    assert ask(shelf, key, f"/{first}", "DELETE").status == 200
    assert ask(shelf, key, f"/{second}/content").body == b"twice"
    assert ask(shelf, key, f"/{second}", "DELETE").status == 200
    assert contents(shelf) == before


def test_equal_files_of_two_projects_share_nothing(shelf: Service, key: str) -> None:
    before, other = contents(shelf), new_key(shelf)
    mine = send(shelf, key, a_form(b"same")).json()["id"]
    send(shelf, other, a_form(b"same"))
    assert len(contents(shelf) - before) == 2
    ask(shelf, key, f"/{mine}", "DELETE")
    assert ask(shelf, other, f"/{listed(shelf, other)[0]}/content").body == b"same"


@pytest.mark.parametrize("size", [MAX_BYTES - 1, MAX_BYTES, MAX_BYTES + 1])
def test_a_file_may_be_as_large_as_the_limit(shelf: Service, key: str, size: int) -> None:
    reply = send(shelf, key, a_form(b"x" * size))
    if size <= MAX_BYTES:
        assert answered(shelf, reply)["bytes"] == size
    else:
        refused(shelf, reply, 400, "file_too_large", "file")
        assert (listed(shelf, key), arriving(shelf)) == ([], [])


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_a_body_that_cannot_hold_a_file_we_take_is_refused_by_its_length(
    shelf: Service, key: str, over: int
) -> None:
    length = MAX_BYTES + FORM_BYTES + over
    filler = b"x" * (length - len(a_form(b"x", part("more", b""))))
    body = a_form(b"x", part("more", filler))
    assert len(body) == length
    if over <= 0:
        answered(shelf, send(shelf, key, body))
        return
    refused(shelf, send(shelf, key, body), 413, "request_too_large")


@pytest.mark.parametrize("over", [-1, 0, 1])
def test_all_files_of_a_key_fit_into_its_quota(shelf: Service, key: str, over: int) -> None:
    for letter in (b"a", b"b"):
        assert send(shelf, key, a_form(letter * MAX_BYTES)).status == 200
    assert send(shelf, key, a_form(b"a" * MAX_BYTES)).status == 200, "equal ones count once"
    reply = send(shelf, key, a_form(b"c" * (MAX_OWNER_BYTES - 2 * MAX_BYTES + over)))
    if over <= 0:
        answered(shelf, reply)
        return
    before = contents(shelf)
    refused(shelf, reply, 400, "file_too_large", "file")
    assert (len(listed(shelf, key)), contents(shelf)) == (3, before)
    assert ask(shelf, key, f"/{listed(shelf, key)[1]}", "DELETE").status == 200
    assert send(shelf, key, a_form(b"c" * 50_001)).status == 200, "room was made"


def test_a_key_may_keep_so_many_files_and_no_more(shelf: Service, key: str) -> None:
    for _ in range(MAX_OWNER_FILES):
        assert send(shelf, key, a_form(b"x")).status == 200
    refused(shelf, send(shelf, key, a_form(b"x")), 400, "file_too_large", "file")
    assert len(listed(shelf, key)) == MAX_OWNER_FILES
    assert send(shelf, new_key(shelf), a_form(b"x")).status == 200


def test_an_expired_file_is_gone_at_once_and_its_content_soon(shelf: Service, key: str) -> None:
    before = contents(shelf)
    stays, goes = (send(shelf, key, a_form(data)).json()["id"] for data in (b"one", b"two"))
    assert len(contents(shelf) - before) == 2
    change(shelf, "UPDATE files SET expires_at = ? WHERE id = ?", int(time.time()), goes)
    for path in (f"/{goes}", f"/{goes}/content"):
        refused(shelf, ask(shelf, key, path), 404, "file_not_found")
    assert listed(shelf, key) == [stays]
    until(lambda: len(contents(shelf) - before) == 1)
    assert ask(shelf, key, f"/{stays}/content").body == b"one"


# --- Forms ------------------------------------------------------------------------------------

FILE = part("file", b"data", b"a.bin", "image/png")
PURPOSE = part("purpose", "vision")
ANCHOR = part("expires_after[anchor]", "created_at")
SECONDS = part("expires_after[seconds]", "3600")


@pytest.mark.parametrize(
    "parts",
    [
        (FILE, PURPOSE, ANCHOR, SECONDS),
        (SECONDS, FILE, ANCHOR, PURPOSE),
        (ANCHOR, SECONDS, PURPOSE, FILE),
        (part("purpose", "batch"), PURPOSE, FILE, SECONDS, ANCHOR),
    ],
)
def test_parts_come_in_any_order(shelf: Service, key: str, parts: tuple[bytes, ...]) -> None:
    made = answered(shelf, send(shelf, key, form(*parts)))
    assert (made["purpose"], made["filename"], made["bytes"]) == ("vision", "a.bin", 4)
    assert made["expires_at"] == made["created_at"] + 3600


@pytest.mark.parametrize("purpose", PURPOSES)
def test_a_known_purpose_is_kept_and_can_be_asked_for(
    shelf: Service, key: str, purpose: str
) -> None:
    made = answered(shelf, send(shelf, key, form(part("purpose", purpose), FILE)))
    send(shelf, key, form(part("purpose", "evals" if purpose != "evals" else "batch"), FILE))
    assert made["purpose"] == purpose
    assert listed(shelf, key, f"?purpose={purpose}") == [made["id"]]


def test_fields_that_nobody_knows_are_named(shelf: Service, key: str) -> None:
    odd = (part("colour", "red"), part('x";y\x01', "1"), part("größe", b"\xff" * 5000))
    reply = send(shelf, key, form(*odd, PURPOSE, FILE))
    answered(shelf, reply)
    assert reply.headers["x-visus-ignored"].startswith("colour, ")
    assert reply.headers["x-visus-ignored"].isascii()
    assert "x-visus-ignored" not in send(shelf, key, form(PURPOSE, FILE)).headers
    listing = ask(shelf, key, "?purpose=vision&what=x&limit=1")
    assert listing.headers["x-visus-ignored"] == "what"


@pytest.mark.parametrize(
    ("parts", "code", "param"),
    [
        ((PURPOSE,), "missing_required_parameter", "file"),
        ((FILE,), "missing_required_parameter", "purpose"),
        ((), "missing_required_parameter", "file"),
        ((PURPOSE, part("file", "data")), "invalid_value", "file"),
        ((PURPOSE, part("file", "data", b"")), "invalid_value", "file"),
        ((PURPOSE, part("file", b"", b"a")), "invalid_file", "file"),
        ((PURPOSE, FILE, FILE), "invalid_value", "file"),
        ((part("purpose", "Vision"), FILE), "invalid_value", "purpose"),
        ((part("purpose", ""), FILE), "invalid_value", "purpose"),
        ((part("purpose", b"\xff"), FILE), "invalid_value", "purpose"),
        ((part("purpose", "x" * 5000), FILE), "invalid_value", "purpose"),
        ((PURPOSE, FILE, ANCHOR), "missing_required_parameter", "expires_after[seconds]"),
        ((PURPOSE, FILE, SECONDS), "missing_required_parameter", "expires_after[anchor]"),
        (
            (PURPOSE, FILE, part("expires_after[anchor]", "now"), SECONDS),
            "invalid_value",
            "expires_after[anchor]",
        ),
    ],
)
def test_a_form_that_says_too_little_or_the_wrong_thing_is_400(
    shelf: Service, key: str, parts: tuple[bytes, ...], code: str, param: str
) -> None:
    before = contents(shelf)
    refused(shelf, send(shelf, key, form(*parts)), 400, code, param)
    assert (listed(shelf, key), contents(shelf), arriving(shelf)) == ([], before, [])


@pytest.mark.parametrize(
    ("seconds", "status"),
    [
        ("3599", 400),
        ("3600", 200),
        ("3601", 200),
        ("2591999", 200),
        ("2592000", 200),
        ("2592001", 400),
        ("-3600", 400),
        ("3600.5", 400),
        ("1e4", 400),
        ("\u0663\u0666\u0660\u0660", 400),
        ("9" * 4000, 400),
        ("", 400),
    ],
)
def test_a_file_lives_an_hour_to_thirty_days(
    shelf: Service, key: str, seconds: str, status: int
) -> None:
    asked = form(PURPOSE, FILE, ANCHOR, part("expires_after[seconds]", seconds))
    reply = send(shelf, key, asked)
    assert reply.status == status
    if status == 400:
        assert reply.error()[1:] == ("invalid_value", "expires_after[seconds]")


WHOLE = a_form(b"data")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b'{"file": "x"}',
        WHOLE[:-4],
        WHOLE[: len(WHOLE) // 2],
        WHOLE.replace(b"form-data", b"attachment"),
        WHOLE.replace(b' name="file";', b""),
        WHOLE.replace(b"Content-Disposition", b"Content Disposition"),
        WHOLE.replace(BOUNDARY, b"another-line"),
        WHOLE.replace(b"\r\n", b"\n"),
        WHOLE.replace(b"Content-Disposition", b"X: y\r\n" * 9 + b"Content-Disposition"),
        WHOLE.replace(b"a.bin", b"x" * 17_000),
        form(*[part("x", "y")] * 63, PURPOSE, FILE),
    ],
    ids=range(13),
)
def test_a_broken_form_is_400_and_nothing_of_it_stays(
    shelf: Service, key: str, body: bytes
) -> None:
    before = contents(shelf)
    reply = send(shelf, key, body)
    refused(shelf, reply, 400, "invalid_value")
    assert (listed(shelf, key), contents(shelf), arriving(shelf)) == ([], before, [])


def test_a_form_may_have_as_many_parts_as_the_limit(shelf: Service, key: str) -> None:
    reply = send(shelf, key, form(*[part("x", "y")] * 62, PURPOSE, FILE))
    answered(shelf, reply)
    assert reply.headers["x-visus-ignored"].endswith(" more")


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Content-Type": "application/json"}, 415, "unsupported_media_type"),
        ({"Content-Type": "multipart/mixed; boundary=x"}, 415, "unsupported_media_type"),
        ({"Content-Type": "multipart/form-data"}, 400, "invalid_value"),
        ({"Content-Type": "multipart/form-data; boundary="}, 400, "invalid_value"),
        ({"Content-Type": f"multipart/form-data; boundary={'x' * 71}"}, 400, "invalid_value"),
        ({"Content-Type": "multipart/form-data; boundary=\xff"}, 400, "invalid_value"),
        ({"Content-Encoding": "gzip"}, 415, "unsupported_media_type"),
    ],
)
def test_a_body_of_another_kind_is_refused(
    shelf: Service, key: str, headers: dict[str, str], status: int, code: str
) -> None:
    refused(shelf, send(shelf, key, a_form(b"x"), **headers), status, code)


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("?limit=0", "limit"),
        ("?limit=10001", "limit"),
        ("?limit=-1", "limit"),
        ("?limit=x", "limit"),
        ("?order=random", "order"),
        ("?after=file-1", "after"),
        ("?after='--", "after"),
        ("?x=" + "y" * 4096, None),
    ],
)
def test_a_list_that_nobody_could_send_is_refused(
    shelf: Service, key: str, query: str, param: str | None
) -> None:
    refused(shelf, ask(shelf, key, query), 400, "invalid_value", param)


# --- Hostile names and contents ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (b"../../a", "../../a"),
        (b"/etc/passwd", "/etc/passwd"),
        (b"a\0b", "a\ufffdb"),
        (b"x" * 5000, "x" * 5000),
        (b"<script>alert(1)</script>", "<script>alert(1)</script>"),
        (b"a\x01\x1b[31m\x7f", "a\x01\x1b[31m\x7f"),
        (b"CON", "CON"),
        (b"nul.txt", "nul.txt"),
        (b"\xff\xfe", "\ufffd\ufffd"),
        ("\u202egnp.exe".encode(), "\u202egnp.exe"),
        (b"..", ".."),
        (b"%2e%2e%2f", "%2e%2e%2f"),
    ],
)
def test_a_name_is_text_to_show_and_never_a_path(
    shelf: Service, key: str, sent: bytes, shown: str
) -> None:
    before = contents(shelf)
    reply = send(shelf, key, form(PURPOSE, part("file", b"named " + sent, sent)))
    made = answered(shelf, reply)
    assert made["filename"] == shown
    assert reply.headers["content-type"] == "application/json"
    (content,) = contents(shelf) - before
    assert re.fullmatch("[0-9a-f]{64}", content.name)
    back = ask(shelf, key, f"/{made['id']}/content")
    assert back.headers["content-disposition"] == "attachment"


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("filename*=UTF-8''na%C3%AFve.txt", "naïve.txt"),
        ("FileName* = utf-8'de'%2e%2e%2fa%00b", "../a\ufffdb"),
        ("filename*=iso-8859-1''%A3.txt", "£.txt"),
        ("filename*=UTF-8''%ff%", "\ufffd%"),
        ("filename=\"a.txt\"; filename*=UTF-8''b.txt", "a.txt"),
    ],
)
def test_a_name_may_be_written_in_the_extended_way_alone(
    shelf: Service, key: str, sent: str, shown: str
) -> None:
    file = part("file", "data").replace(b'name="file"', f'name="file"; {sent}'.encode())
    assert answered(shelf, send(shelf, key, form(PURPOSE, file)))["filename"] == shown


@pytest.mark.parametrize(
    "sent",
    ["filename*=UTF-8''", "filename*=utf-7''a", "filename*=a", "x=\"; filename*=utf-8''a\""],
)
def test_what_names_no_file_is_none(shelf: Service, key: str, sent: str) -> None:
    file = part("file", "data").replace(b'name="file"', f'name="file"; {sent}'.encode())
    refused(shelf, send(shelf, key, form(PURPOSE, file)), 400, "invalid_value", "file")


def test_a_browser_saves_a_page_and_never_shows_it(shelf: Service, key: str) -> None:
    page = part("file", b"<script>alert(1)</script>", b"a.html", "text/html")
    made = answered(shelf, send(shelf, key, form(PURPOSE, page)))
    back = ask(shelf, key, f"/{made['id']}/content")
    assert back.headers["content-type"] == "application/octet-stream"
    assert back.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert back.headers["x-content-type-options"] == "nosniff"
    assert back.headers["content-length"] == str(len(back.body)) == "25"


# --- Interrupted, slow and too many -----------------------------------------------------------


def test_an_upload_that_stops_is_ended(shelf: Service, key: str) -> None:
    with begun(shelf, key, part("purpose", "vision"), 50_000) as line:
        reply = one_reply(line)
    refused(shelf, reply, 408, "request_timeout")
    assert (listed(shelf, key), arriving(shelf)) == ([], [])


def test_uploads_at_the_same_time_are_bounded_for_a_key_and_for_all(
    shelf: Service, key: str
) -> None:
    body, other = a_form(b"x" * 60_000), new_key(shelf)
    lines = [begun(shelf, key, body[:50_000], len(body)) for _ in range(2)]
    until(lambda: len(arriving(shelf)) == 2)
    refused(shelf, send(shelf, key, a_form(b"x")), 429, "concurrency_exceeded")
    assert send(shelf, other, a_form(b"x")).status == 200
    lines.append(begun(shelf, other, body[:50_000], len(body)))
    until(lambda: len(arriving(shelf)) == 3)
    refused(shelf, send(shelf, other, a_form(b"x")), 503, "overloaded")
    for line in lines:
        with line:
            line.sendall(body[50_000:])
            assert one_reply(line).status == 200
    assert send(shelf, key, a_form(b"x")).status == 200


def test_an_upload_in_single_bytes_is_taken(shelf: Service, key: str) -> None:
    body = a_form(b"\r\n--a-line-betwee\r\n" * 2)
    with begun(shelf, key, b"", len(body)) as line:
        for at in range(len(body)):
            line.sendall(body[at : at + 1])
        made = one_reply(line).json()
    assert ask(shelf, key, f"/{made['id']}/content").body == b"\r\n--a-line-betwee\r\n" * 2


HALF = a_form(b"x" * 2_000_000)[:1_000_000]
"""Of an upload; less would be gathered in memory and not be on the disk yet."""

# --- When the disk or the database fails ------------------------------------------------------


def killed_during_an_upload(folder: Path) -> tuple[str, str]:
    """The key of a service that was killed, and the id of the one file that it had taken."""
    service = Service(folder, LARGE)
    try:
        kept = send(service, service.key, a_form(b"kept")).json()["id"]
        with begun(service, service.key, HALF, 2 * len(HALF)):
            until(lambda: any(arriving(service)))
            service.stop(signal.SIGKILL)
        assert any(arriving(service))
    finally:
        service.stop(signal.SIGKILL)
    return service.key, kept


def test_a_kill_during_an_upload_leaves_nothing_half_visible(tmp_path: Path) -> None:
    key, kept = killed_during_an_upload(tmp_path)
    service = Service(tmp_path, LARGE)
    try:
        until(lambda: arriving(service) == [])
        assert listed(service, key) == [kept]
        assert ask(service, key, f"/{kept}/content").body == b"kept"
        assert len(contents(service)) == 1
        until(lambda: '"leftovers":1' in service.log().replace(" ", ""))
    finally:
        service.stop()


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose disk and database are about to fail."""
    running = Service(tmp_path_factory.mktemp("failing"), LARGE)
    yield running
    running.stop()


def test_an_upload_that_is_broken_off_leaves_nothing(failing: Service) -> None:
    before, open_before = contents(failing), open_files(failing)
    line = begun(failing, failing.key, HALF, 2 * len(HALF))
    until(lambda: any(arriving(failing)))
    reset(line)
    until(lambda: arriving(failing) == [])
    assert (listed(failing, failing.key), contents(failing)) == ([], before)
    until(lambda: open_files(failing) <= open_before)


def test_a_disk_that_takes_no_more_is_503_and_works_again_once_it_does(
    failing: Service,
) -> None:
    pid, whole = failing.process.pid, resource.RLIM_INFINITY
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (2_000_000, whole))
    reply = send(failing, failing.key, a_form(b"x" * 3_000_000))
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (whole, whole))
    refused(failing, reply, 503, "storage_unavailable")
    assert reply.headers["retry-after"] == "5"
    assert (contents(failing), arriving(failing)) == (set(), [])
    assert listed(failing, failing.key) == []
    reply = send(failing, failing.key, a_form(b"x" * 3_000_000))
    assert reply.status == 200
    ask(failing, failing.key, f"/{reply.json()['id']}", "DELETE")


def test_a_database_that_fails_is_503_everywhere_and_keeps_nothing(failing: Service) -> None:
    made = send(failing, failing.key, a_form(b"before")).json()["id"]
    before = contents(failing)
    change(failing, "ALTER TABLE files RENAME TO elsewhere")
    try:
        replies = [
            send(failing, failing.key, a_form(b"x")),
            ask(failing, failing.key),
            ask(failing, failing.key, f"/{made}"),
            ask(failing, failing.key, f"/{made}/content"),
            ask(failing, failing.key, f"/{made}", "DELETE"),
        ]
    finally:
        change(failing, "ALTER TABLE elsewhere RENAME TO files")
    for reply in replies:
        refused(failing, reply, 503, "storage_unavailable")
    assert (contents(failing), arriving(failing)) == (before, [])
    assert ask(failing, failing.key, f"/{made}/content").body == b"before"
    assert ask(failing, failing.key, f"/{made}", "DELETE").status == 200


def test_a_content_that_is_lost_is_503_and_can_be_deleted_or_sent_again(
    failing: Service,
) -> None:
    made = send(failing, failing.key, a_form(b"lost")).json()["id"]
    (content,) = contents(failing)
    content.unlink()
    reply = ask(failing, failing.key, f"/{made}/content")
    refused(failing, reply, 503, "storage_unavailable")
    assert ask(failing, failing.key, f"/{made}").status == 200
    again = send(failing, failing.key, a_form(b"lost")).json()["id"]
    for one in (made, again):
        assert ask(failing, failing.key, f"/{one}/content").body == b"lost"
        assert ask(failing, failing.key, f"/{one}", "DELETE").status == 200
    assert contents(failing) == set()


def test_a_download_that_nobody_reads_lets_go_of_its_file(failing: Service) -> None:
    made = send(failing, failing.key, a_form(b"x" * 20_000_000)).json()["id"]
    open_before = open_files(failing)
    asked = f"GET /v1/files/{made}/content HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
    line = connected(failing, f"{asked}{failing.key}\r\n\r\n".encode(), receive_bytes=4096)
    assert line.recv(100).startswith(b"HTTP/1.1 200")
    assert ask(failing, failing.key, f"/{made}", "DELETE").status == 200
    reset(line)
    until(lambda: open_files(failing) <= open_before)


def test_an_upload_is_one_record_with_its_size_and_without_its_name(
    shelf: Service, key: str
) -> None:
    reply = send(shelf, key, form(PURPOSE, part("file", b"data", b"PROMPT-CANARY.png")))
    made = reply.json()["id"]
    (record,) = shelf.records(reply.headers["x-request-id"])
    assert record["file"] == made
    assert record["body_bytes"] > 4
    assert not re.search("PROMPT-CANARY", shelf.log())
