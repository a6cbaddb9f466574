"""What runs in the worker process: a job in, a look at each new picture, an answer out.

The evidence of the pictures seen last is kept, by the digest of their files, so that a
follow-up question costs no second look.
"""

import binascii
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final, Protocol

import msgspec
import pybase64

from visus.errors import Base64Rejected, MediaRejected
from visus.local.lite.answering import counting
from visus.local.lite.answering.dialogue import Job, Outcome, Picture
from visus.local.lite.answering.reply import reply
from visus.local.lite.evidence import Evidence
from visus.local.lite.look import Eyes

REMEMBERED: Final = 64
"""Pictures whose evidence is kept; a dense page is some 100 kB of evidence."""


class Sight(Protocol):
    """Whatever turns a picture file into evidence."""

    def look(self, file: bytes) -> Evidence:
        """Everything that can be seen in the picture."""
        ...


@dataclass(slots=True)
class Worker:
    """Answers jobs, one at a time."""

    eyes: Sight
    remembered: int = REMEMBERED
    _seen: OrderedDict[bytes, Evidence] = field(default_factory=OrderedDict)

    def __call__(self, job: bytes) -> bytes:
        """From an encoded `Job` to an encoded `Outcome`.

        Raises:
            CallerError: a picture cannot be decoded, or no answer fits the wanted form.
        """
        return msgspec.msgpack.encode(self.answer(msgspec.msgpack.decode(job, type=Job)))

    def answer(self, job: Job) -> Outcome:
        """Look at every picture, then answer and count."""
        seen = [self._evidence(picture) for picture in job.pictures]
        text, finish = counting.cut(reply(job, seen), max_tokens=job.max_tokens, stop=job.stop)
        return Outcome(
            text=text,
            finish=finish,
            prompt_tokens=_asked(job, seen),
            completion_tokens=counting.text_tokens(text),
        )

    def _evidence(self, picture: Picture) -> Evidence:
        file = _decoded(picture)
        digest = sha256(file).digest()
        evidence = self._seen.pop(digest, None)
        if evidence is None:
            evidence = self._look(file, picture.param)
        self._seen[digest] = evidence
        while len(self._seen) > self.remembered:
            self._seen.popitem(last=False)
        return evidence

    def _look(self, file: bytes, param: str) -> Evidence:
        try:
            return self.eyes.look(file)
        except MediaRejected as refusal:
            raise refusal.at(param) from refusal


def load() -> Callable[[bytes], bytes]:
    """The entry of the worker process: all models loaded, ready for jobs."""
    return Worker(Eyes())


def _decoded(picture: Picture) -> bytes:
    try:
        return pybase64.b64decode(picture.base64, validate=True)
    except (binascii.Error, ValueError) as fault:
        raise Base64Rejected("The picture is not valid base64.", param=picture.param) from fault


def _asked(job: Job, seen: list[Evidence]) -> int:
    texts = sum(counting.text_tokens(turn.text) for turn in job.turns)
    pictures = sum(counting.picture_tokens(each.width_px, each.height_px) for each in seen)
    return texts + pictures
