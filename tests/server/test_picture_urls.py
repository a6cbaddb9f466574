"""Pictures by URL through the whole service (threats.md, 7.1)."""

import http.server
import json
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.conftest import FAST, upstream_config
from tests.support.claims import answered, refused
from tests.support.ports import PICTURE_PORTS
from tests.support.service import Service, ask, picture, text
from tests.support.upstream import Upstream
from tests.unit.media.sample_pictures import SECRET, encode, exif, halves

PNG = encode(halves(), "PNG")
PLACE = "messages[0].content[1].image_url.url"
PORT, NOBODY = PICTURE_PORTS
BASE = f"http://pics.test:{PORT}"


class _Origin(http.server.BaseHTTPRequestHandler):
    """A web site with good pictures and bad manners."""

    seen: list[tuple[str, dict[str, str]]] = []  # noqa: RUF012 -- one site for all its requests

    def do_GET(self) -> None:
        _Origin.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
        name, _, argument = self.path[1:].partition("?")
        match name:
            case "photo.png":
                self._say(200, PNG, "image/png")
            case "gps.jpg":
                self._say(200, encode(halves(), "JPEG", exif=exif()), "image/png")
            case "to":
                self._say(302, b"", "text/plain", Location=argument)
            case "page":
                self._say(200, b"<html>login</html>", "image/png")
            case "empty":
                self._say(200, b"", "image/png")
            case "gzip":
                self._say(200, PNG, "image/png", **{"Content-Encoding": "gzip"})
            case "huge":
                self._say(200, b"", "image/png", **{"Content-Length": "10000000000"})
            case "slow":
                threading.Event().wait(1.2)
            case status:
                self._say(int(status), PNG, "image/png")

    def _say(self, status: int, body: bytes, kind: str, **headers: str) -> None:
        self.send_response(status)
        for name, value in {
            "Content-Type": kind,
            "Content-Length": str(len(body)),
            **headers,
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keeps quiet."""


@pytest.fixture(scope="module", autouse=True)
def origin() -> Iterator[None]:
    site = http.server.ThreadingHTTPServer(("127.0.0.1", PORT), _Origin)
    site.daemon_threads = True
    thread = threading.Thread(target=site.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield
    site.shutdown()
    site.server_close()
    thread.join()


def _look(service: Service, url: str):  # noqa: ANN202
    return service.post(ask("good", [text("?"), picture(url)]))


@pytest.mark.parametrize("path", ["/photo.png", "/to?{base}/photo.png", "/to?/photo.png"])
def test_the_picture_behind_a_url_reaches_the_model(
    opened: Service, upstream: Upstream, path: str
) -> None:
    answered(opened, _look(opened, BASE + path.format(base=BASE)))
    assert upstream.last("good").pictures() == [PNG]


def test_the_documented_curl_call_works(opened: Service) -> None:
    parts = [text("What is in this image?"), picture(f"{BASE}/photo.png?w=400")]
    body = json.dumps(ask("good", parts, max_tokens=1024))
    command = [
        "curl",
        "-sS",
        f"{opened.url}/chat/completions",
        "-H",
        f"Authorization: Bearer {opened.key}",
        "-H",
        "Content-Type: application/json",
        "-d",
        body,
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 -- our own words
    assert '"content":"A red böat."' in said.stdout


def test_metadata_of_a_fetched_picture_stays_here(opened: Service, upstream: Upstream) -> None:
    answered(opened, _look(opened, f"{BASE}/gps.jpg"))
    (file,) = upstream.last("good").pictures()
    assert file.startswith(b"\xff\xd8")
    assert SECRET not in file


def test_a_site_learns_nothing_about_the_caller(opened: Service) -> None:
    _Origin.seen.clear()
    reply = opened.post(
        ask("good", [text("?"), picture(f"{BASE}/photo.png")]),
        Cookie="a=b",
        Referer="http://x/",
    )
    answered(opened, reply)
    ((_, headers),) = _Origin.seen
    assert headers["host"] == f"pics.test:{PORT}"
    assert headers["accept-encoding"] == "identity"
    assert set(headers) <= {"host", "user-agent", "accept", "accept-encoding", "connection"}


def test_the_same_url_many_times_is_fetched_once(opened: Service, upstream: Upstream) -> None:
    _Origin.seen.clear()
    answered(opened, opened.post(ask("good", [picture(f"{BASE}/photo.png")] * 20)))
    assert upstream.last("good").pictures() == [PNG] * 20
    assert len(_Origin.seen) == 1


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/404", "invalid_image_url"),
        ("/500", "invalid_image_url"),
        ("/401", "invalid_image_url"),
        ("/204", "invalid_image_url"),
        ("/empty", None),
        ("/page", "invalid_image_format"),
        ("/gzip", "invalid_image_url"),
        ("/huge", "invalid_image"),
        ("/slow", "invalid_image_url"),
        ("/to?http://127.0.0.2:{port}/photo.png", "invalid_image_url"),
        ("/to?http://pics.test:22/photo.png", "invalid_image_url"),
        ("/to?data:image/png;base64,AAAA", "invalid_image_url"),
        ("/to?/to?/to?/to?/to?/photo.png", "invalid_image_url"),
        ("/to?file:///etc/passwd", "invalid_image_url"),
    ],
)
def test_a_picture_that_cannot_be_had_is_a_400_with_its_place(
    opened: Service, path: str, code: str | None
) -> None:
    reply = _look(opened, BASE + path.format(port=PORT))
    status, said, param = reply.error()
    assert (status, param) == (400, PLACE)
    assert said == code or (code is None and said.startswith("invalid_image"))
    assert "127.0.0" not in reply.body.decode()


@pytest.mark.parametrize(
    ("part", "place"),
    [
        ({"type": "video_url", "video_url": {"url": f"{BASE}/huge"}}, "video_url.url"),
        ({"type": "file", "file": {"file_url": f"{BASE}/huge"}}, "file.file_url"),
    ],
)
def test_a_linked_video_or_document_over_the_limit_is_a_file_too_large(
    opened: Service, part: dict[str, Any], place: str
) -> None:
    reply = opened.post(ask("good", [part]))
    refused(opened, reply, 400, "file_too_large", f"messages[0].content[0].{place}")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.2:{port}/photo.png",
        "http://[::1]:{port}/photo.png",
        "http://169.254.169.254/latest/meta-data/",
        "http://pics.test:{nobody}/photo.png",
        "http://pics.test:22/photo.png",
        "http://user:pass@pics.test:{port}/photo.png",
        "http://pics.test:{port}/photo.png\r\nX: y",
        "http://nobody.invalid/photo.png",
        "https://pics.test:{port}/photo.png",
        "ftp://pics.test/photo.png",
        "file:///etc/passwd",
        "/etc/passwd",
        "\\\\pics.test\\share",
        "javascript:1",
        "http://",
        "x",
    ],
)
def test_a_forbidden_url_is_refused_with_its_place(opened: Service, url: str) -> None:
    _Origin.seen.clear()
    reply = _look(opened, url.format(port=PORT, nobody=NOBODY))
    refused(opened, reply, 400, "invalid_image_url", PLACE)
    assert not _Origin.seen


@pytest.mark.parametrize("url", ["photo.png", "file:///photo.png", "iVBORw0KGgo" * 1000])
def test_what_is_no_web_address_is_told_to_come_as_a_data_url(
    opened: Service, url: str
) -> None:
    reply = _look(opened, url)
    refused(opened, reply, 400, "invalid_image_url", PLACE)
    assert "data URL" in reply.json()["error"]["message"]


def test_refused_and_closed_and_unknown_are_told_alike(opened: Service) -> None:
    urls = [f"http://pics.test:{NOBODY}/x", f"{BASE}/404", "http://127.0.0.2/x"]
    bodies = {_look(opened, url).body for url in urls}
    assert len(bodies) == 1


def test_loopback_is_closed_unless_it_is_opened(service: Service) -> None:
    _Origin.seen.clear()
    for url in (f"http://127.0.0.1:{PORT}/photo.png", "http://localhost/photo.png"):
        refused(service, _look(service, url), 400, "invalid_image_url", PLACE)
    assert not _Origin.seen


def test_the_service_s_own_socket_and_its_upstream_stay_closed(
    upstream: Upstream, tmp_path_factory: pytest.TempPathFactory
) -> None:
    ports = ", ".join(map(str, range(1024, 65536)))
    media = f'[media]\nadmit_networks = ["127.0.0.0/8"]\nports = [{ports}]\n'
    folder = tmp_path_factory.mktemp("own")
    running = Service(folder, upstream_config(upstream.port, FAST, media), SCRIPTED_KEY="k")
    try:
        answered(running, _look(running, f"http://127.0.0.1:{PORT}/photo.png"))
        before = upstream.connections
        for port in (running.port, upstream.port):
            for host in ("127.0.0.1", "localhost", "127.1"):
                reply = _look(running, f"http://{host}:{port}/v1/models")
                assert reply.error() == (400, "invalid_image_url", PLACE)
        assert upstream.connections == before
        records = running.log()
        assert '"path":"/v1/models"' not in records
    finally:
        running.stop()


def test_urls_are_not_logged(opened: Service) -> None:
    _look(opened, f"{BASE}/404?token=CANARY-IN-URL")
    assert "CANARY-IN-URL" not in opened.log()
