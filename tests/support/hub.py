"""A hub on loopback that serves files as the real one does: in ranges, from elsewhere."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class Hub:
    """Files by path, and what was asked for them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str | None]] = []
        """Each path with its `Range`."""
        self.breaks_after: int | None = None
        """The next answer ends after so many bytes of its body."""
        self.knows_ranges = True


@contextmanager
def hub() -> Iterator[Hub]:
    """A running hub. `/moved/…` leads to the file itself."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            running.asked.append((self.path, wanted))
            if self.path.startswith("/moved"):
                self.send_response(302)
                self.send_header("Location", self.path.removeprefix("/moved"))
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            data = running.files.get(self.path)
            if data is None:
                self.send_error(404)
                return
            self._send(data, wanted if running.knows_ranges else None)

        def _send(self, data: bytes, wanted: str | None) -> None:
            start = int(re.fullmatch(r"bytes=(\d+)-", wanted)[1]) if wanted else 0
            if start >= len(data):
                self.send_error(416)
                return
            self.send_response(206 if wanted else 200)
            if wanted:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            limit, running.breaks_after = running.breaks_after, None
            self.wfile.write(data[start:][:limit])
            self.close_connection = limit is not None

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running = Hub(f"http://127.0.0.1:{server.server_address[1]}")
    thread = Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield running
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
