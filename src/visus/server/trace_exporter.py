"""Sends spans to a collector.

A thread of OpenTelemetry's library sends them, so that a collector that hangs costs nobody
anything but the spans.
"""

import logging
import threading
import time
from collections.abc import Callable, Container, Mapping, Sequence
from typing import Final

import anyio
import requests
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from typing_extensions import override

from visus.accounts.jobs import Taken
from visus.config import TelemetrySettings, TracesAccess
from visus.core.trace import TRACE, Job, Trace, parent_of
from visus.server.authenticate import OPEN_PATHS
from visus.server.exchange import Exchange
from visus.server.spans import TraceSpans, resource
from visus.server.traces import SpanCounts
from visus.telemetry import event, failure

SENT_AT_ONCE: Final = 100
"""Spans of one request to the collector: few, since making it holds up the event loop."""
REDIRECTED: Final = 300
"""From here on a status says that nothing was taken; no redirect is followed."""
_LOOK_S: Final = 0.01
_SILENT: Final = ("opentelemetry", "urllib3")
"""Loggers that would tell every loss by itself, and what the collector said."""


class TraceExporter:
    """Makes the spans of each question and sends them; see `traces.Traces`."""

    def __init__(
        self,
        access: TracesAccess,
        settings: TelemetrySettings,
        *,
        models: Callable[[], Container[str]],
    ) -> None:
        for name in _SILENT:
            logger = logging.getLogger(name)
            logger.propagate = False
            logger.addHandler(logging.NullHandler())
        self.counts: Final = SpanCounts()
        self._settings = settings
        self._models = models
        self._given = 0
        """Spans that were handed to the thread."""
        self._resource = resource(access.service_name)
        self._sender = _Sender(access, settings, self.counts)
        self._thread = BatchSpanProcessor(
            self._sender,
            max_queue_size=settings.max_waiting_spans,
            schedule_delay_millis=settings.send_every_s * 1000,
            max_export_batch_size=SENT_AT_ONCE,
            export_timeout_millis=settings.timeout_s * 1000,
        )

    # --- One question ------------------------------------------------------------------------

    def begin(self, exchange: Exchange) -> None:
        """See `Traces`. Health checks are not traced."""
        if exchange.path in OPEN_PATHS:
            return
        parent = parent_of(exchange.header(b"traceparent"))
        exchange.trace = Trace(parent, share=self._settings.sample)
        TRACE.set(exchange.trace)

    def begin_job(self, exchange: Exchange, taken: Taken) -> None:
        """See `Traces`. A job has a trace of its own, linked to the request that made it."""
        link = parent_of(exchange.header(b"traceparent"))
        exchange.trace = Trace(None, share=self._settings.sample, link=link)
        exchange.trace.of_job = Job(taken.job_id, taken.route, taken.batch_id)
        TRACE.set(exchange.trace)

    def end(self, exchange: Exchange, trace: Trace) -> None:
        """See `Traces`. Never raises."""
        try:
            if exchange.caller is None and trace.parent is not None:
                trace = Trace(None, share=self._settings.sample)  # a stranger joins no trace
            if trace.is_sampled:
                made = TraceSpans(
                    exchange=exchange, trace=trace, resource=self._resource, models=self._models
                )
                self._send(list(made.spans()))
        except Exception as fault:  # noqa: BLE001 -- whatever it is, the answer does not suffer
            failure("fault in tracing", fault, request=exchange.request_id)

    def _send(self, spans: Sequence[ReadableSpan]) -> None:
        if self.waiting + len(spans) > self._settings.max_waiting_spans:
            self.counts.dropped += len(spans)
            return
        self._given += len(spans)
        for span in spans:
            self._thread.on_end(span)

    @property
    def waiting(self) -> int:
        """Spans that wait or are on their way."""
        return self._given - self.counts.sent - self.counts.failed

    async def close(self) -> None:
        """Sends what waits, for as long as that may take."""
        # A thread that nobody waits for: the library would wait for half a minute.
        thread = threading.Thread(target=self._thread.shutdown, daemon=True)
        thread.start()
        end_s = time.monotonic() + self._settings.flush_s
        while thread.is_alive() and time.monotonic() < end_s:  # noqa: ASYNC110 -- a thread has no event
            await anyio.sleep(_LOOK_S)
        self._sender.shutdown()
        if self.waiting:
            event("the last traces were not sent", {"spans": self.waiting})


class _Sender(SpanExporter):
    """The library's exporter, with counts. A failing collector is logged once."""

    def __init__(
        self, access: TracesAccess, settings: TelemetrySettings, counts: SpanCounts
    ) -> None:
        session = requests.Session()
        session.trust_env = False  # a `.netrc` would take the place of the headers
        session.hooks["response"] = [self._answered]
        self._counts = counts
        self._is_failing = False
        self._has_ended = False
        self._said: int | None = None
        """The status that came last."""
        self._inner = OTLPSpanExporter(
            endpoint=access.url,
            headers={name: value.reveal() for name, value in access.headers.items()},
            timeout=settings.timeout_s,
            session=session,
        )

    def _answered(self, response: requests.Response, **_: object) -> None:
        self._said = response.status_code

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self._said = None
        result = SpanExportResult.FAILURE
        try:
            result = self._inner.export(spans)
        finally:
            is_taken = self._said is not None and self._said < REDIRECTED
            is_sent = result is SpanExportResult.SUCCESS and is_taken
            self._count(len(spans), is_sent=is_sent)
        return result

    def _count(self, spans: int, *, is_sent: bool) -> None:
        if is_sent:
            self._counts.sent += spans
        else:
            self._counts.failed += spans
        if is_sent is self._is_failing and not self._has_ended:
            self._is_failing = not is_sent
            fields: Mapping[str, object] = {} if is_sent else {"status": self._said}
            event("traces are sent again" if is_sent else "traces cannot be sent", fields)

    @override
    def shutdown(self) -> None:
        if not self._has_ended:
            self._has_ended = True
            self._inner.shutdown()  # type: ignore[no-untyped-call]
