import base64
from dataclasses import dataclass, field

import msgspec
import pytest

from visus.errors import Base64Rejected, MediaRejected
from visus.local.lite.answering.dialogue import Job, Outcome, Picture, Speech
from visus.local.lite.evidence import Colour, Evidence
from visus.local.lite.worker import Worker


@dataclass
class Sight:
    """Sees one colour in every file but one that is broken, and counts its looks."""

    looked: list[bytes] = field(default_factory=list)

    def look(self, file: bytes) -> Evidence:
        self.looked.append(file)
        if file == b"broken":
            raise MediaRejected("The image cannot be decoded.")
        return Evidence(64, 32, colours=[Colour("red", (255, 0, 0), 1.0)])


def job(*files: bytes, question: str = "What colour is this picture?", **more: object) -> bytes:
    pictures = [
        Picture(
            memoryview(base64.b64encode(file)), f"messages[0].content[{place}].image_url.url"
        )
        for place, file in enumerate(files)
    ]
    turn = Speech("user", question, list(range(len(files))))
    return msgspec.msgpack.encode(Job([turn], pictures, **more))


def outcome(reply: bytes) -> Outcome:
    return msgspec.msgpack.decode(reply, type=Outcome)


def test_a_job_becomes_an_answer_with_its_counts() -> None:
    assert outcome(Worker(Sight())(job(b"a"))) == Outcome("Red.", "stop", 7 + 2, 2)


def test_a_picture_is_looked_at_once_however_often_it_is_asked_about() -> None:
    sight = Sight()
    worker = Worker(sight)
    for question in ("What colour is it?", "How big is the picture?", "Is it red?"):
        worker(job(b"a", b"a", question=question))
    assert sight.looked == [b"a"]


def test_what_was_seen_longest_ago_is_forgotten_first() -> None:
    sight = Sight()
    worker = Worker(sight, remembered=2)
    for file in (b"a", b"b", b"a", b"c", b"a", b"b"):
        worker(job(file))
    assert sight.looked == [b"a", b"b", b"c", b"b"]


def test_a_broken_picture_is_refused_with_its_place() -> None:
    with pytest.raises(MediaRejected) as refusal:
        Worker(Sight())(job(b"a", b"broken"))
    assert refusal.value.param == "messages[0].content[1].image_url.url"


def test_what_is_no_base64_is_refused_with_its_place() -> None:
    broken = Job([Speech("user", "?", [0])], [Picture(memoryview(b"a*b"), "messages[0]")])
    with pytest.raises(Base64Rejected) as refusal:
        Worker(Sight())(msgspec.msgpack.encode(broken))
    assert refusal.value.param == "messages[0]"


def test_an_answer_is_cut_to_what_was_allowed() -> None:
    cut = outcome(Worker(Sight())(job(b"a", question="Hello, who are you?", max_tokens=3)))
    assert (cut.text, cut.finish, cut.completion_tokens) == ("I am visus", "length", 3)
