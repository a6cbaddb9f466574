"""Checks answers against JSON Schemas, in a worker.

A schema is a stranger's. Checking against it is work that can take for ever, so that it is done
where it can be killed.
"""

from dataclasses import dataclass
from typing import Final

import msgspec

from visus.core.question import AnswerFormat, JsonSchema
from visus.errors import InvalidValue
from visus.providers.checked import Faults
from visus.wire.check import SCHEMA_PARAM, Check, Fault
from visus.workers.faults import NoWorker, WorkerFault
from visus.workers.pool import WorkerPool

JUDGE_ENTRY: Final = "visus.wire.conformity:worker"


@dataclass(frozen=True, slots=True)
class SchemaJudge:
    """Asks a worker with the entry `JUDGE_ENTRY`; see `checked.Judge`."""

    pool: WorkerPool

    async def prepare(self, wanted: AnswerFormat) -> None:
        """Refuses what is no schema.

        Raises:
            InvalidValue: it is none, or takes too long to be understood.
        """
        if isinstance(wanted, JsonSchema):
            await self._asked(None, wanted)

    async def faults(self, text: str, wanted: AnswerFormat) -> Faults:
        """What is wrong with the text, the first few things.

        Raises:
            InvalidValue: checking takes too long, or too much memory.
        """
        found = await self._asked(text, wanted)
        return Faults([one.complaint for one in found], [one.kind for one in found])

    async def _asked(self, text: str | None, wanted: AnswerFormat) -> list[Fault]:
        schema = wanted.schema if isinstance(wanted, JsonSchema) else None
        job = msgspec.msgpack.encode(Check(text, schema))
        try:
            return msgspec.msgpack.decode(await self.pool.call(job), type=list[Fault])
        except NoWorker:
            raise
        except WorkerFault as fault:
            message = "No answer can be checked against this schema within the limits."
            raise InvalidValue(message, param=SCHEMA_PARAM, detail=fault.detail) from fault
