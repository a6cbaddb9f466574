"""The contract of batches, kept by both databases."""

import time

import pytest
import sqlalchemy as sql

from visus.accounts import tables
from visus.accounts.batches import Batch, BatchBook, LineError, NewBatch, NewLine
from visus.accounts.clock import now_ms
from visus.accounts.jobs import JobBook, QueueSettings, Response
from visus.errors import TooManyJobs

SETTINGS = QueueSettings(max_batches_per_project=2, lease_s=1)
ASKED = NewBatch("mine", "key", "/v1/chat/completions", "file-1", {"a": "b"})
LINES = [NewLine(number, f"id-{number}", b"%d" % number) for number in (1, 2, 4)]
GOOD = Response(200, b"{}", [], "req_1")
BAD = Response(500, b"{}", [], "req_2")


@pytest.fixture
def batches(engine: sql.Engine) -> BatchBook:
    return BatchBook(engine, SETTINGS)


@pytest.fixture
def lines(engine: sql.Engine) -> JobBook:
    """Where the lines of batches are taken like any job."""
    return JobBook(engine, SETTINGS)


def held(batches: BatchBook) -> Batch:
    found = batches.take()
    assert found is not None
    return found


def begun(batches: BatchBook) -> Batch:
    """A batch whose lines may be taken."""
    batches.create(ASKED)
    batch = held(batches)
    assert batches.add_lines(batch, LINES)
    assert batches.start(batch, len(LINES))
    return batch


def seen(batches: BatchBook, batch: Batch) -> Batch:
    found = batches.get(batch.batch_id, project_id="mine")
    assert found is not None
    return found


def move(engine: sql.Engine, batch: Batch, **moments: int) -> None:
    """Changes when something about a batch is due, to so many ms from now."""
    values = {name: now_ms() + ms for name, ms in moments.items()}
    change = sql.update(tables.batches).where(tables.batches.c.id == batch.batch_id)
    with engine.begin() as connection:
        connection.execute(change.values(**values))


def test_a_batch_is_taken_once_as_it_was_made(batches: BatchBook) -> None:
    made = batches.create(ASKED)
    assert (made.status, made.metadata, made.lease) == ("validating", {"a": "b"}, None)
    assert made.expires_ms == made.created_ms + 86_400_000
    batch = held(batches)
    assert batch.batch_id == made.batch_id
    assert batch._replace(lease=None) == made
    assert batches.take() is None
    assert batches.get(made.batch_id, project_id="another") is None
    assert batches.get("\0", project_id="mine") is None


def test_lines_are_taken_in_order_and_the_last_makes_the_batch_due(
    batches: BatchBook, lines: JobBook
) -> None:
    batches.create(ASKED)
    batch = held(batches)
    assert batches.add_lines(batch, LINES)
    assert lines.take(9) == []  # not before all of them have been read
    assert batches.start(batch, len(LINES))
    assert batches.take() is None
    done = lines.take(9)
    assert [(one.body, one.batch_id) for one in done] == [
        (one.body, batch.batch_id) for one in LINES
    ]
    for one, response in zip(done, (GOOD, BAD, GOOD), strict=True):
        assert seen(batches, batch).status == "in_progress"
        assert lines.finish(one, response)
    now = held(batches)
    assert (now.status, now.total, now.completed, now.failed) == ("finalizing", 3, 2, 1)
    first = batches.lines(now, 0, 2)
    assert [(one.line, one.custom_id, one.status_code) for one in first] == [
        (1, "id-1", 200), (2, "id-2", 500),
    ]  # fmt: skip
    assert [one.line for one in batches.lines(now, 2, 9)] == [4]
    assert batches.end(now, "completed", files=("file-2", "file-3"))
    ended = seen(batches, batch)
    assert (ended.status, ended.output_file_id, ended.error_file_id) == (
        "completed", "file-2", "file-3",
    )  # fmt: skip
    assert set(ended.times) == {"in_progress", "completed"}
    assert batches.lines(ended, 0, 9) == []
    assert batches.take() is None


def test_who_lost_the_lease_of_a_batch_writes_nothing(batches: BatchBook) -> None:
    batches.create(ASKED)
    late = held(batches)
    time.sleep(1.1)
    now = held(batches)
    assert now.batch_id == late.batch_id
    assert not batches.renew(str(late.lease))
    assert not batches.add_lines(late, LINES)
    assert not batches.start(late, 3)
    assert not batches.end(late, "failed")
    assert batches.renew(str(now.lease))
    assert batches.add_lines(now, LINES)
    assert not batches.forget_lines(late)
    assert batches.stamp(late, "finalizing") is None
    assert [one.line for one in batches.lines(now, 0, 9)] == [1, 2, 4]
    stamped = batches.stamp(now, "finalizing")
    assert stamped is not None
    assert set(stamped.times) == set(seen(batches, now).times) == {"finalizing"}
    assert batches.forget_lines(now)
    assert batches.lines(now, 0, 9) == []


def test_a_batch_that_is_given_back_is_taken_again_after_a_while(batches: BatchBook) -> None:
    batches.create(ASKED)
    batches.put_back(str(held(batches).lease), wait_s=0.2)
    assert batches.take() is None
    time.sleep(0.25)
    assert held(batches).status == "validating"


def test_a_batch_that_is_cancelled_ends_its_lines(batches: BatchBook, lines: JobBook) -> None:
    batch = begun(batches)
    (first,) = lines.take(1)
    assert lines.finish(first, GOOD)
    assert batches.cancel(batch.batch_id, project_id="another") is None
    cancelled = batches.cancel(batch.batch_id, project_id="mine")
    assert cancelled is not None
    assert cancelled.status == "cancelling"
    assert lines.take(9) == []
    now = held(batches)
    states = [one.status for one in batches.lines(now, 0, 9)]
    assert states == ["completed", "cancelled", "cancelled"]
    again = batches.cancel(batch.batch_id, project_id="mine")
    assert again is not None
    assert again.status == "cancelling"
    assert batches.end(now, "cancelled", files=("file-2", None), failed=0)
    assert seen(batches, batch).status == "cancelled"


def test_a_batch_is_due_when_its_time_is_over(
    engine: sql.Engine, batches: BatchBook, lines: JobBook
) -> None:
    batch = begun(batches)
    (first,) = lines.take(1)
    move(engine, batch, expires_at=-1, due_at=-1)
    now = held(batches)
    assert now.status == "in_progress"
    batches.end_lines(now, "expired")
    assert not lines.finish(first, GOOD)
    assert [one.status for one in batches.lines(now, 0, 9)] == ["expired"] * 3
    assert batches.end(now, "expired", files=(None, "file-3"), failed=3)
    assert seen(batches, batch).failed == 3


def test_what_is_wrong_with_a_file_is_kept(batches: BatchBook) -> None:
    made = batches.create(ASKED)
    errors = [LineError(code="invalid_json_line", message="No JSON.", line=2)]
    assert batches.end(held(batches), "failed", errors=errors)
    assert list(seen(batches, made).errors) == errors


def test_a_project_has_so_many_batches_and_sees_no_others(batches: BatchBook) -> None:
    mine = [batches.create(ASKED) for _ in range(2)]
    with pytest.raises(TooManyJobs):
        batches.create(ASKED)
    batches.create(ASKED._replace(project_id="another"))
    page, is_more = batches.page(project_id="mine", after=None, limit=1)
    assert ([one.batch_id for one in page], is_more) == ([mine[1].batch_id], True)
    page, is_more = batches.page(project_id="mine", after=page[0].batch_id, limit=1)
    assert ([one.batch_id for one in page], is_more) == ([mine[0].batch_id], False)


def test_batches_that_ended_long_ago_are_forgotten(
    engine: sql.Engine, batches: BatchBook
) -> None:
    made, open_still = batches.create(ASKED), batches.create(ASKED)
    assert batches.end(held(batches), "failed")
    assert batches.sweep() == 0
    for one in (made, open_still):
        move(engine, one, expires_at=-2_592_000_001)
    assert batches.sweep() == 1
    assert batches.get(made.batch_id, project_id="mine") is None
    assert seen(batches, open_still).status == "validating"
