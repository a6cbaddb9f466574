"""From events to bytes: one path for streams and bodies, and the watch for hang-ups.

Nothing is sent before the first events are there, so a failure until then is an ordinary HTTP
error. A failure after that is the last event of the stream, and no `[DONE]` follows it.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from visus.core.events import Batch, Preamble, TokensUsed, said_bytes
from visus.errors import Internal, ServiceError, ShuttingDown
from visus.flow.chat import Answering
from visus.server import upstream_limits
from visus.server.body import HungUp
from visus.server.error_body import error_body
from visus.server.exchange import JSON, Exchange, shutting_down
from visus.server.request import Header
from visus.server.watch import Watch
from visus.telemetry import failure
from visus.wire import chat, report, sse
from visus.wire.answer import ChunkWriter, Envelope, Fold

EVENT_STREAM: Final = (b"content-type", b"text/event-stream; charset=utf-8")


async def respond(
    exchange: Exchange,
    call: chat.ChatCall,
    answering: Answering,
    watch: Watch,
) -> None:
    """Sends the answer; ends the work upstream as soon as the client has gone.

    Raises:
        ServiceError: before the first byte; later ones are sent as the last event.
        HungUp: the client went away, or stopped reading.
    """
    watch.begin(exchange)
    try:
        with exchange.ended_by_hang_up():
            async with answering:
                try:
                    await _send_answer(exchange, call, answering)
                except asyncio.CancelledError:
                    if exchange.is_cut_short:
                        answering.broke_off(shutting_down())
                    raise
    except ShuttingDown as fault:
        if not exchange.started or exchange.complete:
            raise
        await _break_off(exchange, fault)
    finally:
        watch.end(exchange)


async def _send_answer(exchange: Exchange, call: chat.ChatCall, answering: Answering) -> None:
    answer_id = f"chatcmpl-{exchange.request_id[4:]}"
    envelope = Envelope(answer_id, answering.model.id, created=int(time.time()))
    headers = _headers(call, answering)
    if call.question.streamed:
        await _stream(exchange, call, answering, envelope, headers)
        return
    fold = Fold(envelope)
    _note(exchange, answering, answering.first)
    fold.add(answering.first)
    answering.heard_bytes = _unreported_bytes(exchange, answering.first)
    async for batch in answering.events:
        _note(exchange, answering, batch)
        fold.add(batch)
        answering.heard_bytes += _unreported_bytes(exchange, batch)
    fold.add(answering.settle())
    body = fold.body(_report(call, answering))
    await exchange.finish(200, body, headers=(JSON, *headers, *_limits(answering.first)))


def _unreported_bytes(exchange: Exchange, batch: Batch) -> int:
    """What the model wrote, as long as its server has not reported what that cost."""
    return said_bytes(batch) if exchange.used is None else 0


def _report(call: chat.ChatCall, answering: Answering) -> Sequence[report.ReportedPart] | None:
    prompt = answering.prompt
    return report.parts(prompt.reports, prompt.in_words) if call.wants_report else None


def _headers(call: chat.ChatCall, answering: Answering) -> tuple[tuple[bytes, bytes], ...]:
    site = answering.deployment.site
    headers = list(_origin(site.provider, site.region, answering.model.id))
    if answering.prompt.in_words:
        told = report.in_words_header(answering.prompt.in_words)
        headers.append((b"x-visus-in-words", told.encode()))
    if answering.answered_as is not None:
        headers[2] = (b"x-visus-model", _ascii(answering.answered_as))
    if (warning := _warning(call.question.model, answering)) is not None:
        headers.append((b"x-visus-warning", _ascii(warning)))
    if call.ignored:
        headers.append((b"x-visus-ignored", chat.ignored_header(call.ignored).encode()))
    return tuple(headers)


@lru_cache(maxsize=1024)
def _origin(provider: str, region: str, model: str) -> tuple[Header, Header, Header]:
    """Who answered."""
    return (
        (b"x-visus-provider", provider.encode("ascii", "replace")),
        (b"x-visus-region", region.encode("ascii", "replace")),
        (b"x-visus-model", model.encode("ascii", "replace")),
    )


def _limits(batch: Batch) -> tuple[Header, ...]:
    """The provider's rate limit headers, from the first event."""
    first = batch[0] if batch else None
    return upstream_limits.as_headers(first.limits) if type(first) is Preamble else ()


def _warning(asked: str, answering: Answering) -> str | None:
    """What of the answer is not as it was asked for."""
    model = answering.model
    if answering.answered_as is not None:
        return f"the server of {model.id!r} answered as {answering.answered_as!r}"
    if model.id != asked and asked not in model.aliases:
        return f"{asked!r} was asked for, {model.id!r} answered"
    return None


def _ascii(text: str) -> bytes:
    return re.sub(r"[^\x20-\x7e]", "?", text[:300]).encode()


async def _stream(
    exchange: Exchange,
    call: chat.ChatCall,
    answering: Answering,
    envelope: Envelope,
    headers: tuple[tuple[bytes, bytes], ...],
) -> None:
    writer = ChunkWriter(envelope, include_usage=call.include_usage)
    await exchange.start(200, [EVENT_STREAM, *headers, *_limits(answering.first)])
    try:
        await _send_batch(exchange, answering, writer, answering.first)
        async for batch in answering.events:
            await _send_batch(exchange, answering, writer, batch)
        writer.frames(answering.settle())  # usage is kept back
    except HungUp:
        raise
    except ServiceError as fault:
        answering.broke_off(fault)
        await _break_off(exchange, fault)
    except Exception as fault:  # noqa: BLE001 -- any fault of ours has to end the stream visibly
        failure("fault in a stream", fault, request=exchange.request_id)
        await _break_off(exchange, Internal("Something went wrong here."))
    else:
        await exchange.write(writer.closing(_report(call, answering)), more=False)


async def _send_batch(
    exchange: Exchange, answering: Answering, writer: ChunkWriter, batch: Batch
) -> None:
    _note(exchange, answering, batch)
    frames = writer.frames(batch)
    answering.heard_bytes = writer.heard_bytes
    if frames:
        await exchange.write(frames, more=True)


async def _break_off(exchange: Exchange, fault: ServiceError) -> None:
    exchange.note_error(fault)
    await exchange.write(sse.frame(error_body(fault)), more=False)


def _note(exchange: Exchange, answering: Answering, batch: Batch) -> None:
    record = exchange.record
    if record.first_word_ms is None:
        record.first_word_ms = round((time.monotonic() - exchange.began_s) * 1000, 1)
    if TokensUsed not in map(type, batch):
        return
    *_, last = (event for event in batch if type(event) is TokensUsed)
    record.prompt_tokens, record.completion_tokens = last.prompt, last.completion
    exchange.used, exchange.size = last, answering.size
    answering.count(last)
