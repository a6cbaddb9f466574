"""The terms of a key, and the residency header, applied to a question."""

from typing import Final

from msgspec.structs import replace

from visus.core.places import Demand
from visus.core.question import Question
from visus.server.exchange import Exchange

RESIDENCY_NAME: Final = "X-Visus-Residency"
RESIDENCY: Final = RESIDENCY_NAME.lower().encode()


def with_key_terms(question: Question, exchange: Exchange) -> Question:
    """The question with the residency, blind policy and models of its key."""
    key = exchange.key
    if exchange.header(RESIDENCY) is not None or key.within:
        asked = [
            Demand(RESIDENCY_NAME, places=(place.decode("latin-1"),))
            for place in exchange.headers(RESIDENCY)
        ]
        question = replace(question, within=(*key.within, *question.within, *asked))
    if key.blind is not None:
        question = replace(question, blind=key.blind)
    if key.models is not None:
        question = replace(question, models=key.models)
    return question
