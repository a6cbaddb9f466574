"""`POST /v1/chat/completions`."""

from dataclasses import dataclass

from visus.config import ServerSettings
from visus.flow.chat import ChatService
from visus.server.exchange import Exchange, read_json
from visus.server.respond import respond
from visus.server.watch import Watch
from visus.wire import chat


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
        call = chat.parse(body, self.limits)
        exchange.record |= {"model": call.question.model[:200], "body_bytes": len(body)}
        await respond(exchange, call, self.service.answer(call.question), self.watch)
