"""The whole story: a dialogue and what was seen, in; an answer, out.

Pure: the same dialogue and the same evidence give the same answer. Text inside pictures, and
special tokens inside questions, are only ever text.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from visus.local.lite.answering import about, compare, pictures, structured, which
from visus.local.lite.answering.answer import answer
from visus.local.lite.answering.ask import Ask
from visus.local.lite.answering.dialogue import Job, Speech
from visus.local.lite.answering.messages import asks_in, wanted_tongue, with_topic
from visus.local.lite.answering.pictures import Album, Seen
from visus.local.lite.answering.replies import Reply
from visus.local.lite.answering.tongue import Tongue, of_question
from visus.local.lite.evidence import Evidence

_MOST_QUESTIONS: Final = 12
_LONGEST_MESSAGE: Final = 4000
"""Characters of a message that are understood; a question is shorter."""


@dataclass(frozen=True)
class Dialogue:
    """A job together with what its pictures show."""

    job: Job
    seen: list[Evidence]

    @cached_property
    def last(self) -> Speech:
        """The turn to answer: the last that a person took, else the last."""
        spoken = [turn for turn in self.job.turns if turn.role == "user"]
        return (spoken or self.job.turns)[-1]

    @cached_property
    def tongue_before(self) -> Tongue | None:
        """The language of the latest earlier question."""
        for turn in reversed(self.earlier):
            found = of_question(turn.text[:_LONGEST_MESSAGE])
            if found is not None:
                return found
        return None

    @cached_property
    def earlier(self) -> list[Speech]:
        """What the person said before."""
        return [
            turn for turn in self.job.turns if turn.role == "user" and turn is not self.last
        ]

    @cached_property
    def album(self) -> Album:
        """The pictures that have been shown, and those that are current."""
        return pictures.album(self.job.turns, self.last)

    @cached_property
    def current(self) -> list[Evidence]:
        """What the current pictures show."""
        return [self.seen[place] for place in self.album.current]


def reply(job: Job, seen: list[Evidence]) -> str:
    """The answer to the last turn of the job.

    Raises:
        CallerError: the wanted form cannot be filled from the evidence.
    """
    dialogue = Dialogue(job, seen)
    if job.schema is not None:
        return structured.filled(job.schema, dialogue.current, tongue=_tongue(dialogue))
    if job.json_object:
        return structured.summary(dialogue.current)
    return "\n".join(_answered(dialogue, ask) for ask in _asks(dialogue))


def _tongue(dialogue: Dialogue) -> Tongue:
    return _wanted(dialogue) or of_question(dialogue.last.text[:_LONGEST_MESSAGE]) or "en"


def _wanted(dialogue: Dialogue) -> Tongue | None:
    turns = dialogue.job.turns
    return wanted_tongue(turn.text for turn in turns if turn.role in {"system", "developer"})


def _asks(dialogue: Dialogue) -> list[Ask]:
    text = dialogue.last.text[:_LONGEST_MESSAGE]
    asks = asks_in(text, tongue_before=dialogue.tongue_before)[:_MOST_QUESTIONS]
    wanted = _wanted(dialogue)
    if wanted is not None:
        asks = [Ask(ask.text, wanted, bare=ask.bare) for ask in asks]
    if not asks:
        asks = [Ask("", wanted or dialogue.tongue_before or "en")]
    questions = [ask for ask in asks if not compare.is_preface(ask)]
    if any(map(pictures.names_one, questions)):
        asks = questions
    topic = about.topic_of([turn.text for turn in dialogue.earlier])
    return [with_topic(ask, topic) if topic and about.points_back(ask) else ask for ask in asks]


def _answered(dialogue: Dialogue, ask: Ask) -> str:
    if about.is_asked(ask) or not dialogue.seen:
        return about.myself(ask, has_pictures=bool(dialogue.seen)).text
    chosen = pictures.chosen(ask, dialogue.album, dialogue.seen)
    if not chosen:
        return pictures.no_such(ask).text
    if len(chosen) > 1 and compare.is_asked(ask):
        return compare.compared(ask, chosen).text
    if len(chosen) > 1 and ask.has(which.ASKED):
        found = which.chosen(ask, chosen)
        if found is not None:
            return _said(ask, found)
    return _over(ask, chosen)


def _over(ask: Ask, chosen: list[Seen]) -> str:
    """One answer for one picture; for several, each named, unless one alone has an answer."""
    replies = [(seen, answer(ask, seen.page)) for seen in chosen]
    found = [(seen, each) for seen, each in replies if each.found]
    if not found:
        return _said(ask, replies[0][1])
    if len(chosen) == 1 or (
        len({each.value for _, each in found}) == 1 and len(found) == len(chosen)
    ):
        return _said(ask, found[0][1])
    if len(found) == 1 and not ask.has(r"\beach\b|\bjede\w*|\beinzeln"):
        seen, each = found[0]
        where = ask.say(f"picture {seen.number}", f"Bild {seen.number}")
        return each.value if ask.bare else f"{where}: {each.text}"
    return "\n".join(
        ask.say(f"Picture {seen.number}: ", f"Bild {seen.number}: ") + _said(ask, each)
        for seen, each in replies
    )


def _said(ask: Ask, each: Reply) -> str:
    return each.value if ask.bare else _begun_large(each.text)


def _begun_large(text: str) -> str:
    """A sentence begins with a capital; an address or a code as it is printed."""
    word = re.match(r"[^\W\d_]+(?=[\s.,;:)]*(?:\s|$))", text)
    return text[0].upper() + text[1:] if word and word.group().islower() else text
