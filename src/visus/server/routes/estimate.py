"""`POST /v1/chat/completions/estimate`."""

from dataclasses import dataclass

import msgspec

from visus.config import ServerSettings
from visus.errors import ServiceError
from visus.flow.estimate import Cost, EstimateService
from visus.server.body import Bytes
from visus.server.exchange import Exchange, headers_with, read_json
from visus.server.terms import with_key_terms
from visus.wire import chat, report


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimateRoute:
    """Reads a question and says what it would cost."""

    service: EstimateService
    settings: ServerSettings
    limits: chat.ChatLimits

    async def __call__(self, exchange: Exchange) -> None:
        """Serves one request."""
        call, _ = await self._read(exchange)
        exchange.refuse_webhook(call.webhook)
        question = call.question
        with exchange.ended_by_hang_up():
            estimated = await self.service.estimate(question, call.compare)
            answer = report.Estimate(
                models={name: _row(found) for name, found in estimated.costs.items()},
                parts=report.parts(estimated.reports),
            )
            headers = headers_with(call.ignored)
            await exchange.finish(200, msgspec.json.encode(answer), headers=headers)

    async def check(self, exchange: Exchange) -> tuple[chat.ChatCall, Bytes]:
        """Reads a request that is to be answered later."""
        return await self._read(exchange)

    async def _read(self, exchange: Exchange) -> tuple[chat.ChatCall, Bytes]:
        body = await read_json(exchange, self.settings)
        call = chat.parse(body, self.limits, owner=exchange.owner)
        call = msgspec.structs.replace(call, question=with_key_terms(call.question, exchange))
        exchange.record.model = call.question.model[:200]
        exchange.record.body_bytes = len(body)
        return call, body


def _row(found: Cost | ServiceError) -> report.ModelEstimate:
    if isinstance(found, ServiceError):
        return report.ModelEstimate(
            error=report.Refused(found.code, found.message, found.param)
        )
    correction = found.correction
    return report.ModelEstimate(
        image_tokens=found.image_tokens,
        text_tokens=found.text_tokens,
        tokens=found.tokens,
        cost_micros=found.cost_micros,
        currency=found.currency,
        fits_context=found.fits_context,
        calibration=None if correction is None else report.Calibrated(*correction),
        answered_by=found.answered_by,
    )
