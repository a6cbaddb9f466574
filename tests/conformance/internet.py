"""The public internet as the tests have it: a TLS server on loopback that holds one picture."""

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme
from typing_extensions import override


class PictureHost:
    """Serves one file under every path, as the host `name`, certified by a CA of its own."""

    def __init__(self, name: str, picture: Path, *, folder: Path) -> None:
        self.name = name
        self.asked: list[str] = []
        authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        self._server = ThreadingHTTPServer(
            ("127.0.0.1", 0), _handler(picture.read_bytes(), self.asked)
        )
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    def settings(self) -> dict[str, str]:
        """The variables that lead Visus here."""
        return {
            "VISUS_MEDIA__HOSTS": f"{self.name}=127.0.0.1:{self._server.server_port}",
            "VISUS_MEDIA__ADMIT_NETWORKS": "127.0.0.0/8",
            "VISUS_MEDIA__CA_FILE": str(self.ca_file),
        }

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(picture: bytes, asked: list[str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server looks for
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.send_header("Content-Length", str(len(picture)))
            self.end_headers()
            self.wfile.write(picture)

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Keeps quiet."""

    return Handler
