"""A collector of OpenTelemetry on loopback: keeps spans, fails when it is told to."""

import http.server
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span


@dataclass(frozen=True)
class Told:
    """A span as it arrived."""

    span: Span
    resource: dict[str, Any]

    @property
    def name(self) -> str:
        return self.span.name

    @property
    def kind(self) -> str:
        return Span.SpanKind.Name(self.span.kind).removeprefix("SPAN_KIND_")

    @property
    def trace_id(self) -> str:
        return self.span.trace_id.hex()

    @property
    def span_id(self) -> str:
        return self.span.span_id.hex()

    @property
    def parent_id(self) -> str:
        return self.span.parent_span_id.hex()

    @property
    def attributes(self) -> dict[str, Any]:
        return {one.key: _value(one.value) for one in self.span.attributes}

    @property
    def is_error(self) -> bool:
        return self.span.status.code == 2

    @property
    def seconds(self) -> float:
        return (self.span.end_time_unix_nano - self.span.start_time_unix_nano) / 1e9


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, str(kind))


class Collector:
    """The running server, and what it was told."""

    def __init__(self) -> None:
        self.status = 200
        self.hangs_s = 0.0
        """How long every answer takes."""
        self.spans: list[Told] = []
        self.bodies: list[bytes] = []
        """All of them, also those that were not taken."""
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}/v1/traces"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """Keeps what came; the status of the answer."""
        self.paths.append(path)
        self.headers.append(headers)
        self.bodies.append(body)
        time.sleep(self.hangs_s)
        if self.status == 200:
            for group in ExportTraceServiceRequest.FromString(body).resource_spans:
                resource = {one.key: _value(one.value) for one in group.resource.attributes}
                for scope in group.scope_spans:
                    self.spans += [Told(span, resource) for span in scope.spans]
        return self.status

    def until(
        self, is_wanted: Callable[[Told], bool], *, count: int = 1, patience_s: float = 5
    ) -> Sequence[Told]:
        """Waits for so many spans, and returns all that there are then."""
        end_s = time.monotonic() + patience_s
        while True:
            found = [one for one in list(self.spans) if is_wanted(one)]
            if len(found) >= count or time.monotonic() > end_s:
                assert len(found) >= count, [one.name for one in self.spans]
                return found
            time.sleep(0.02)

    def of_request(self, request_id: str) -> tuple[Told, Sequence[Told]]:
        """The span of a request, and those below it in the order in which they began."""
        (server,) = self.until(lambda it: it.attributes.get("visus.request.id") == request_id)
        below = [one for one in self.spans if one.parent_id == server.span_id]
        return server, sorted(below, key=lambda one: one.span.start_time_unix_nano)


def _handler(collector: Collector) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            status = collector.take(self.path, headers, body)
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    return Handler
