"""The spans of a finished question, by OpenTelemetry's conventions.

A span holds names of the catalogue and the routes, codes of errors, ids, numbers and times:
nothing that a caller or a model wrote. All spans of a question are made at its end.
"""

import re
import time
import uuid
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final, TypeAlias

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags

from visus.core.endings import ABANDONED, CLIENT_CLOSED
from visus.core.trace import Call, Parent, Step, Trace
from visus.server.exchange import Exchange
from visus.server.metrics import METHODS

_FAULT: Final = 500
_NAME: Final = re.compile(r"[\w./:@+-]{1,100}", re.ASCII)
_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)
_NOT_SAMPLED: Final = TraceFlags(TraceFlags.DEFAULT)
_SCOPE: Final = InstrumentationScope("visus", version("visus"))
Value: TypeAlias = str | int | float | Sequence[str]
Attributes: TypeAlias = dict[str, Value | None]
"""None: left out of the span."""


def resource(service_name: str) -> Resource:
    """This process, with what `OTEL_RESOURCE_ATTRIBUTES` says of it."""
    return Resource.create(
        {
            "service.name": service_name,
            "service.version": version("visus"),
            "service.instance.id": str(uuid.uuid4()),
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceSpans:
    """The spans of one trace, made when its question is over."""

    exchange: Exchange
    trace: Trace
    resource: Resource
    models: Callable[[], Container[str]]
    """The ids of the catalogue; no other model name is put into a span."""
    now_s: float = field(default_factory=time.monotonic)
    ahead_ns: int = field(default_factory=lambda: time.time_ns() - time.monotonic_ns())
    """From the monotonic clock to the wall clock."""

    def spans(self) -> Iterator[ReadableSpan]:
        """All of them, that of the question first."""
        yield self._of_question()
        for call in self.trace.calls:
            yield self._of_call(call)
        for step in self.trace.steps:
            yield self._of_step(step)

    def _of_question(self) -> ReadableSpan:
        trace, exchange = self.trace, self.exchange
        return ReadableSpan(
            _name(exchange, trace),
            self._context(trace.span_id),
            None if trace.parent is None else _foreign(trace.parent),
            self.resource,
            _told(self._attributes()),
            links=() if trace.link is None else (Link(_foreign(trace.link)),),
            kind=SpanKind.SERVER if trace.of_job is None else SpanKind.CONSUMER,
            status=_status(exchange),
            start_time=self._at(exchange.began_s),
            end_time=self._at(self.now_s),
            instrumentation_scope=_SCOPE,
        )

    def _of_call(self, call: Call) -> ReadableSpan:
        is_well = call.code in {None, ABANDONED}
        return ReadableSpan(
            f"chat {call.model}",
            self._context(call.span_id),
            self._context(self.trace.span_id),
            self.resource,
            _told(_of_call(call)),
            kind=SpanKind.CLIENT,
            status=Status(StatusCode.UNSET if is_well else StatusCode.ERROR),
            start_time=self._at(call.began_s),
            end_time=self._at(call.ended_s or self.now_s),
            instrumentation_scope=_SCOPE,
        )

    def _of_step(self, step: Step) -> ReadableSpan:
        return ReadableSpan(
            f"media {step.name}",
            self._context(step.span_id),
            self._context(self.trace.span_id),
            self.resource,
            {"visus.media.step": step.name, "visus.media.bytes": step.num_bytes},
            start_time=self._at(step.began_s),
            end_time=self._at(step.ended_s),
            instrumentation_scope=_SCOPE,
        )

    def _at(self, seconds: float) -> int:
        """Nanoseconds since 1970 of a moment by `time.monotonic`."""
        return self.ahead_ns + int(seconds * 1e9)

    def _context(self, span_id: int) -> SpanContext:
        trace_id = self.trace.trace_id
        return SpanContext(trace_id, span_id, is_remote=False, trace_flags=_SAMPLED)

    def _attributes(self) -> Attributes:
        exchange, job = self.exchange, self.trace.of_job
        caller, route = exchange.caller, exchange.route
        model = exchange.model or ""
        has_hung_up = exchange.status == CLIENT_CLOSED
        code = exchange.record.code
        first_ms = exchange.record.first_word_ms
        attributes: Attributes = {
            "http.request.method": _method(exchange),
            "http.response.status_code": None if has_hung_up else exchange.status,
            "http.route": route,
            "url.scheme": "http",
            # Of other paths a part was chosen by the caller.
            "url.path": route if route is not None and "{" not in route else None,
            "error.type": ABANDONED if has_hung_up else code,
            "gen_ai.request.model": model if model in self.models() else None,
            "visus.request.id": exchange.request_id,
            "visus.key.id": None if caller is None else caller.key_id,
            "visus.project.id": None if caller is None else caller.project_id,
            "visus.first_word_s": None if first_ms is None else first_ms / 1000,
            "visus.attempts": len(self.trace.calls) or None,
            "visus.job.id": None if job is None else job.job_id,
            "visus.batch.id": None if job is None else job.batch_id,
        }
        if job is not None:
            for name in ("http.request.method", "url.scheme", "url.path"):
                del attributes[name]
        return attributes


def _told(attributes: Attributes) -> dict[str, Value]:
    return {name: value for name, value in attributes.items() if value is not None}


def _of_call(call: Call) -> Attributes:
    host, port = call.origin or (None, None)
    used = call.used
    first_s = None if call.first_s is None else call.first_s - call.began_s
    return {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": call.provider,
        "gen_ai.request.model": call.model,
        "gen_ai.response.model": None if first_s is None else _response_model(call),
        "gen_ai.response.finish_reasons": call.finish_reasons or None,
        "gen_ai.response.time_to_first_chunk": first_s,
        "gen_ai.usage.input_tokens": None if used is None else used.prompt,
        "gen_ai.usage.output_tokens": None if used is None else used.completion,
        "gen_ai.usage.cache_read.input_tokens": None if used is None else used.cached or None,
        "gen_ai.usage.reasoning.output_tokens": (
            None if used is None else used.reasoning or None
        ),
        "server.address": host,
        "server.port": port,
        "error.type": call.code,
        "visus.upstream.model": call.upstream_id,
    }


def _response_model(call: Call) -> str:
    """What the server says it is, where that can only be a name."""
    named = call.answered_as
    return named if named is not None and _NAME.fullmatch(named) else call.upstream_id


def _method(exchange: Exchange) -> str:
    return exchange.method if exchange.method in METHODS else "_OTHER"


def _name(exchange: Exchange, trace: Trace) -> str:
    if trace.of_job is not None:
        return f"job {trace.of_job.route}"
    method = "HTTP" if exchange.method not in METHODS else exchange.method
    return method if exchange.route is None else f"{method} {exchange.route}"


def _status(exchange: Exchange) -> Status:
    status = exchange.fault_status or exchange.status or 0
    return Status(StatusCode.ERROR if status >= _FAULT else StatusCode.UNSET)


def _foreign(parent: Parent) -> SpanContext:
    flags = _SAMPLED if parent.is_sampled else _NOT_SAMPLED
    return SpanContext(parent.trace_id, parent.span_id, is_remote=True, trace_flags=flags)
