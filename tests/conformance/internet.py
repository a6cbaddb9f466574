"""The public internet as the tests have it: TLS servers on loopback that hold a file each."""

import socket
import ssl
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme
from typing_extensions import override


class PictureHost:
    """Serves one file under every path, as the host `name`, certified by a CA of its own."""

    def __init__(
        self,
        name: str,
        picture: Path,
        *,
        folder: Path,
        authority: trustme.CA | None = None,
    ) -> None:
        self.name = name
        self.asked: list[str] = []
        authority = authority or trustme.CA()
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

    @property
    def port(self) -> int:
        return self._server.server_port

    def settings(self) -> dict[str, str]:
        """The variables that lead Visus here."""
        return {
            "VISUS_MEDIA__HOSTS": f"{self.name}=127.0.0.1:{self.port}",
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


class Proxy:
    """The way there for clients that know names alone: `CONNECT`, to these hosts only."""

    def __init__(self, *hosts: PictureHost) -> None:
        ports = {f"{host.name}:443": host.port for host in hosts}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _tunnels(ports))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _tunnels(ports: dict[str, int]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:  # the name that http.server looks for
            if self.path not in ports:
                self.send_error(403)
                return
            with socket.create_connection(("127.0.0.1", ports[self.path])) as there:
                self.send_response(200)
                self.end_headers()
                back = threading.Thread(target=_pour, args=(there, self.connection))
                back.start()
                _pour(self.connection, there)
                back.join()
            self.close_connection = True

        @override
        def log_message(self, format: str, *args: object) -> None:
            """Keeps quiet."""

    return Handler


def _pour(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
