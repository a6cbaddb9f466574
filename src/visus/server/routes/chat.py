"""`POST /v1/chat/completions`."""

from dataclasses import dataclass
from typing import Final

import msgspec

from visus.config import ServerSettings
from visus.core.fair import ASKER
from visus.errors import UnsupportedParameter
from visus.flow.billing import Tab
from visus.flow.chat import ChatService
from visus.server.admitting import Accounts
from visus.server.body import Bytes
from visus.server.exchange import Exchange, read_json
from visus.server.respond import respond
from visus.server.terms import with_key_terms
from visus.server.waiting import WaitingRoom
from visus.server.watch import Watch
from visus.wire import chat

REPORT: Final = b"x-visus-report"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRoute:
    """Reads a question, has it answered, sends the answer."""

    service: ChatService
    accounts: Accounts
    settings: ServerSettings
    limits: chat.ChatLimits
    watch: Watch
    room: WaitingRoom

    async def __call__(self, exchange: Exchange) -> None:
        """Serves one request."""
        call, _ = await self._read(exchange)
        exchange.refuse_webhook(call.webhook)
        if not self.room.enters_at_once():
            with exchange.ended_by_hang_up():
                await self.room.enter(ASKER.get())
        try:
            await self._answer(exchange, call)
        finally:
            self.room.leave()

    async def _answer(self, exchange: Exchange, call: chat.ChatCall) -> None:
        bill = await self.accounts.open_bill(exchange)
        try:
            tab = Tab(bill)
            exchange.record.attempts = exchange.attempts = tab.attempts
            await respond(exchange, call, self.service.answer(call.question, tab), self.watch)
        finally:
            bill.admission.leave()

    async def check(self, exchange: Exchange) -> tuple[chat.ChatCall, Bytes]:
        """Reads a request that is to be answered later, as far as that can be done now.

        Raises:
            ServiceError: as if it were to be answered at once; or it asks for a stream.
        """
        call, body = await self._read(exchange)
        if call.question.streamed:
            message = "An answer that comes later cannot be streamed."
            raise UnsupportedParameter(message, param="stream")
        self.service.upstreams.route(call.question)
        return call, body

    async def _read(self, exchange: Exchange) -> tuple[chat.ChatCall, Bytes]:
        body = await read_json(exchange, self.settings)
        call = chat.parse(body, self.limits, owner=exchange.owner)
        question = call.question
        exchange.record.model = question.model[:200]
        exchange.record.body_bytes = len(body)
        question = with_key_terms(question, exchange)
        if exchange.header(REPORT) in {b"1", b"true"}:
            call = msgspec.structs.replace(call, wants_report=True)
        if question is not call.question:
            call = msgspec.structs.replace(call, question=question)
        asked_for = self.service.upstreams.by_id.get(question.model)
        exchange.model = question.model if asked_for is None else asked_for.model.id
        return call, body
