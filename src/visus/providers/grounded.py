"""A provider that converts boxes to pixels of the caller's picture, on request."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass

from visus.core.boxes import BoxConvention, Scale
from visus.core.events import (
    Answer,
    Batch,
    BoxesConverted,
    Event,
    Finished,
    TextDelta,
    ToolCallDelta,
)
from visus.core.prompt import Image, PartReport, Prompt
from visus.core.tokens import Size
from visus.errors import InvalidValue
from visus.providers.base import Provider
from visus.wire.box_text import BoxText


@dataclass(frozen=True, slots=True)
class Grounded:
    """Rewrites the boxes in the texts and in the arguments of tool calls."""

    inner: Provider
    convention: BoxConvention
    """How the model writes boxes."""

    def open(self, prompt: Prompt) -> Answer:
        """See `Provider`. Costs nothing where pixels were not requested."""
        if not prompt.options.boxes_in_pixels:
            return self.inner.open(prompt)
        return self._rewritten(prompt)

    @asynccontextmanager
    async def _rewritten(self, prompt: Prompt) -> AsyncGenerator[AsyncIterator[Batch], None]:
        shown = _last_shown(prompt.reports)
        rewriting = _Rewriting(shown, _scale(shown, self.convention))
        async with self.inner.open(prompt) as batches, aclosing(rewriting.of(batches)) as done:
            yield done


def _last_shown(reports: Sequence[PartReport]) -> Sequence[PartReport]:
    """The pictures of the last message that has any."""
    if not reports:
        return ()
    message = _message(reports[-1])
    return [report for report in reports if _message(report) == message]


def _message(report: PartReport) -> str:
    return report.path.partition("].")[0]


def _scale(shown: Sequence[PartReport], convention: BoxConvention) -> Scale | None:
    scales = {_scale_of(report, convention) for report in shown}
    if len(scales) > 1:
        raise InvalidValue(
            "The last message with pictures has several of different sizes; nobody can tell"
            " which of them a box is in.",
            param="visus.boxes",
        )
    return next(iter(scales), None)


def _scale_of(report: PartReport, convention: BoxConvention) -> Scale:
    """Pages differ in size or have none, and the size to which a video is scaled is unknown."""
    sent = report.images[0]
    is_paged = report.kind == "file" or (
        report.found == "image/tiff" and len(report.images) > 1
    )
    if is_paged or (convention.steps is None and not isinstance(sent, Image)):
        what = "pages" if is_paged else "a video that the model resizes by itself"
        raise InvalidValue(
            f"Boxes cannot be told in pixels of {what}: {report.path}.", param="visus.boxes"
        )
    size = Size(sent.width_px, sent.height_px)
    return convention.scale(report.shown, sent=size, detail=sent.detail)


class _Rewriting:
    """One answer's texts, each by itself."""

    def __init__(self, shown: Sequence[PartReport], scale: Scale | None) -> None:
        self._shown = shown
        self._scale = scale
        self._texts: dict[int, BoxText] = {}
        self._calls: dict[tuple[int, int], BoxText] = {}

    async def of(self, batches: AsyncIterator[Batch]) -> AsyncGenerator[Batch, None]:
        """The batches with boxes in pixels, and what was done at the end."""
        async for batch in batches:
            events = tuple(new for event in batch for new in self._events(event))
            if events or not batch:  # an empty one says that there is life
                yield events
        yield (self._report(),)

    def _events(self, event: Event) -> Iterator[Event]:
        match event:
            case TextDelta(text=text, choice=choice):
                if certain := self._text(choice).feed(text):
                    yield TextDelta(certain, choice)
            case ToolCallDelta():
                rewriter = self._call(event.choice, event.place)
                arguments = rewriter.feed(event.arguments)
                if arguments or event.call_id is not None or event.name is not None:
                    yield event._replace(arguments=arguments)
            case Finished(choice=choice):
                yield from self._rest(choice)
                yield event
            case _:
                yield event

    def _rest(self, choice: int) -> Iterator[Event]:
        """What was held back of a choice that is complete."""
        if rest := self._text(choice).finish():
            yield TextDelta(rest, choice)
        for (of, place), rewriter in self._calls.items():
            if of == choice and (rest := rewriter.finish()):
                yield ToolCallDelta(place, arguments=rest, choice=choice)

    def _text(self, choice: int) -> BoxText:
        return self._texts.setdefault(choice, BoxText(self._scale))

    def _call(self, choice: int, place: int) -> BoxText:
        return self._calls.setdefault((choice, place), BoxText(self._scale))

    def _report(self) -> BoxesConverted:
        rewriters = [*self._texts.values(), *self._calls.values()]
        size = self._shown[0].shown if self._shown else None
        return BoxesConverted(
            sum(one.converted for one in rewriters),
            sum(one.left for one in rewriters),
            [report.path for report in self._shown],
            *(size or (None, None)),
        )
