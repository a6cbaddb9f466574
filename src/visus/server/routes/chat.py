"""`POST /v1/chat/completions`."""

from dataclasses import dataclass
from typing import Final

from visus.config import ServerSettings
from visus.core.places import Demand
from visus.flow.chat import ChatService
from visus.routing.dispatch import Attempt
from visus.server.exchange import Exchange, read_json
from visus.server.respond import respond
from visus.server.watch import Watch
from visus.wire import chat

RESIDENCY_NAME: Final = "X-Visus-Residency"
RESIDENCY: Final = RESIDENCY_NAME.lower().encode()

REPORT: Final = b"x-visus-report"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRoute:
    """Reads a question, has it answered, sends the answer."""

    service: ChatService
    settings: ServerSettings
    limits: chat.ChatLimits
    watch: Watch

    async def __call__(self, exchange: Exchange) -> None:
        """Serves one request."""
        body = await read_json(
            exchange,
            max_bytes=self.settings.max_body_bytes,
            timeout_s=self.settings.body_timeout_s,
        )
        call = chat.parse(body, self.limits, owner=exchange.owner)
        question = call.question
        exchange.record |= {"model": question.model[:200], "body_bytes": len(body)}
        asked = [
            Demand(RESIDENCY_NAME, places=(place.decode("latin-1"),))
            for place in exchange.headers(RESIDENCY)
        ]
        if asked or exchange.within:
            within = (*exchange.within, *question.within, *asked)
            question = question._replace(within=within)
        if exchange.blind is not None:
            question = question._replace(blind=exchange.blind)
        if exchange.header(REPORT) in {b"1", b"true"}:
            call = call._replace(wants_report=True)
        attempts: list[Attempt] = []
        exchange.record["attempts"] = attempts
        await respond(exchange, call, self.service.answer(question, attempts), self.watch)
