"""Tests whether a provider does what its rows say, with very small questions.

Each ability is a question of its own, through the same parts and the same transport as those of
callers, and goes to one deployment alone: nothing is retried and nobody else is asked.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import msgspec
from msgspec.structs import replace

from visus.core.events import Event, TextDelta, ToolCallDelta
from visus.core.question import InlineImage, JsonObject, Options, Question, Text, Tool, Turn
from visus.errors import ServiceError, UnsupportedParameter, UpstreamInvalidOutput
from visus.models.catalogue import ModelRow
from visus.routing.choose import Upstream, Upstreams
from visus.routing.deployment import Deployment
from visus.routing.dispatch import Dispatch, Preparing
from visus.routing.settings import RoutingSettings

PIXEL: Final = (
    b"data:image/png;base64,"
    b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ"
    b"/pLvAAAAAElFTkSuQmCC"
)
"""A PNG of one red pixel, as a data URL."""
ONCE: Final = RoutingSettings(attempts=1)
ANSWER_TOKENS: Final = 200
"""Enough for a model that thinks before it calls a tool; what is read of it is short."""
_TOOL: Final = Tool("tell_colour", "Tells the caller a colour.", b'{"type":"object"}')
ABILITIES: Final = ("text", "pictures", "stream", "tools", "json")


class Probed(NamedTuple):
    """What came of one deployment."""

    model: str
    provider: str
    first_ms: float | None
    """Until the first event of the plain question; None without an answer."""
    found: Mapping[str, ServiceError | None]
    """The fault of each ability; None: it works. Abilities that the rows do not claim are not
    tested."""

    @property
    def has_failed(self) -> bool:
        """Whether anything is not as the rows say."""
        return any(
            fault is not None and not isinstance(fault, UnsupportedParameter)
            for fault in self.found.values()
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Prober:
    """Asks deployments what they can do."""

    upstreams: Upstreams
    media: Preparing

    def deployments(self, names: Sequence[str]) -> Sequence[tuple[ModelRow, Deployment]]:
        """One for each provider that is set up, of those names or of all.

        The model is one that sees, where the provider runs any.
        """
        found: dict[str, tuple[ModelRow, Deployment]] = {}
        for upstream in self.upstreams.by_id.values():
            for one in upstream.deployments:
                name = one.row.name
                if one.provider is None or (names and name not in names):
                    continue
                known = found.get(name)
                sees = upstream.model.sees is not None
                if known is None or (sees and known[0].sees is None):
                    found[name] = upstream.model, one
        return list(found.values())

    async def probe(self, model: ModelRow, deployment: Deployment) -> Probed:
        """Asks for each ability in turn; for none besides where there is no answer at all."""
        began_s = time.monotonic()
        found: dict[str, ServiceError | None] = {}
        first_ms = None
        for ability, question in _questions(model).items():
            try:
                events = await self._events(model, deployment, question)
                if ability == "text":
                    first_ms = (time.monotonic() - began_s) * 1000
                _check(ability, events)
            except ServiceError as fault:
                found[ability] = fault
                if ability == "text":
                    break
            else:
                found[ability] = None
        return Probed(model.id, deployment.row.name, first_ms, found)

    async def _events(
        self, model: ModelRow, deployment: Deployment, question: Question
    ) -> Sequence[Event]:
        route = [Upstream(model, [deployment])]
        async with Dispatch(question, route, self.media, settings=ONCE, attempts=[]) as found:
            batches = [found.first, *[batch async for batch in found.events]]
        return [event for batch in batches for event in batch]


def _questions(model: ModelRow) -> Mapping[str, Question]:
    """By ability, in the order in which they are asked."""
    plain = _question(model, "Say yes.")
    questions = {"text": plain}
    if model.sees is not None:
        picture = InlineImage(memoryview(PIXEL), "question[1]")
        questions["pictures"] = _question(model, "Which colour is this?", picture)
    questions["stream"] = replace(plain, streamed=True)
    if "tools" not in model.refuses:
        wishes = replace(plain.options, tools=[_TOOL], tool_choice="required")
        questions["tools"] = replace(_question(model, "Tell red."), options=wishes)
    if "response_format" not in model.refuses:
        wishes = replace(plain.options, answer_format=JsonObject())
        words = 'Answer with this JSON: {"colour": "red"}'
        questions["json"] = replace(_question(model, words), options=wishes)
    return questions


def _question(model: ModelRow, words: str, *media: InlineImage) -> Question:
    turn = Turn("user", [Text(words), *media], "question")
    return Question(model.id, [turn], Options(max_tokens=ANSWER_TOKENS))


def _check(ability: str, events: Sequence[Event]) -> None:
    match ability:
        case "tools":
            if not any(isinstance(event, ToolCallDelta) for event in events):
                raise UpstreamInvalidOutput("No tool was called, though one had to be.")
        case "json":
            text = "".join(event.text for event in events if isinstance(event, TextDelta))
            try:
                msgspec.json.decode(text, type=dict[str, object])
            except msgspec.DecodeError as fault:
                raise UpstreamInvalidOutput("The answer is no JSON object.") from fault
        case _:
            pass
