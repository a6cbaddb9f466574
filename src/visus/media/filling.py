"""Fills a question with prepared media: the last step from Question to Prompt."""

from collections.abc import Sequence

from msgspec.structs import replace

from visus.core.prompt import PartReport, Prompt, PromptTurn
from visus.core.question import Question, Text
from visus.media.placing import placed
from visus.media.readying import Ready
from visus.models.catalogue import Vision


def without_media(question: Question, *, upstream_id: str) -> Prompt:
    """A question that refers to nothing."""
    return _prompt(question, upstream_id, _filled(question, ()), ())


def filled(
    question: Question, ready: Sequence[Ready], *, upstream_id: str, sees: Vision
) -> Prompt:
    """The question with what the model gets, in the turns in which it takes it."""
    turns, moved = placed(_filled(question, ready), sees.image_roles)
    reports = [one.report for one in ready]
    if moved:
        reports = [
            replace(report, steps=(*report.steps, "moved into the next user turn"))
            if report.images[0].param in moved
            else report
            for report in reports
        ]
    return _prompt(question, upstream_id, turns, reports)


def _prompt(
    question: Question,
    upstream_id: str,
    turns: Sequence[PromptTurn],
    reports: Sequence[PartReport],
) -> Prompt:
    return Prompt(
        upstream_id,
        turns,
        question.options,
        question.streamed,
        question.within,
        reports,
        question.owner,
        question.in_words,
    )


def _filled(question: Question, ready: Sequence[Ready]) -> Sequence[PromptTurn]:
    """The turns with each reference replaced by what was made of it."""
    pictures = iter(ready)
    return [
        PromptTurn(
            turn.role,
            [
                filled
                for part in turn.parts
                for filled in ((part,) if isinstance(part, Text) else next(pictures).parts)
            ],
            turn.name,
            turn.tool_calls,
            turn.tool_call_id,
        )
        for turn in question.turns
    ]
