"""Prepares one question for several models; its files are fetched and checked once."""

import time
from dataclasses import dataclass, field

import msgspec

from visus.core.prompt import Prompt
from visus.core.question import Question
from visus.flow.abilities import able
from visus.media.pipeline import MediaPipeline
from visus.media.resolving import Resolved
from visus.models.catalogue import ModelRow


@dataclass(slots=True)
class ResolvedOnce:
    """Prepares one question for one model after another, as `ChatService.prepare` does."""

    media: MediaPipeline
    _resolved: Resolved | None = field(default=None, init=False)

    async def prepare(self, question: Question, model: ModelRow, *, upstream_id: str) -> Prompt:
        """See `ChatService.prepare`; only the first call fetches files."""
        media, sees = self.media, model.sees
        question = able(question, model)
        if sees is None:
            return await media.prepare(question, upstream_id=upstream_id, sees=sees)
        if self._resolved is None:
            self._resolved = await media.resolved(question, sees)
        deadline_s = time.monotonic() + media.settings.prepare_s
        resolved = msgspec.structs.replace(self._resolved, deadline_s=deadline_s)
        return await media.fitted(question, resolved, upstream_id=upstream_id, sees=sees)
