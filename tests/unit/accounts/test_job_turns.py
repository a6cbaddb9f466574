"""Jobs are taken by turns between keys, however many one of them has."""

import sqlalchemy as sql

from visus.accounts.batches import BatchBook, NewBatch, NewLine
from visus.accounts.jobs import JobBook, NewJob, QueueSettings, Response, Taken

SETTINGS = QueueSettings()


def add(book: JobBook, key: str, count: int, *, project: str = "proj") -> None:
    for _ in range(count):
        book.add(NewJob(project, key, "/v1/chat/completions", ()), b"{}")


def taken(book: JobBook, count: int) -> list[Taken]:
    """One after the other, each done before the next is taken."""
    found: list[Taken] = []
    for _ in range(count):
        (one,) = book.take(1)
        assert book.finish(one, Response(200, b"{}", (), "req"))
        found.append(one)
    return found


def keys(jobs: list[Taken]) -> str:
    return "".join(one.key_id for one in jobs)


def by_turns(told: str, *, of: int) -> bool:
    """Whether each piece of so many letters has each letter once."""
    pieces = [told[start : start + of] for start in range(0, len(told), of)]
    return all(len(set(piece)) == of for piece in pieces)


def test_who_comes_with_few_does_not_wait_for_who_came_with_many(engine: sql.Engine) -> None:
    book = JobBook(engine, SETTINGS)
    add(book, "a", 8)
    add(book, "b", 2)
    add(book, "c", 2, project="other")
    told = keys(taken(book, 12))
    assert by_turns(told[:6], of=3)
    assert told[6:] == "aaaaaa"


def test_who_comes_late_is_next_and_has_no_more_than_one_turn_in_two(
    engine: sql.Engine,
) -> None:
    book = JobBook(engine, SETTINGS)
    add(book, "a", 9)
    assert keys(taken(book, 4)) == "aaaa"
    add(book, "b", 3)
    told = keys(taken(book, 8))
    assert by_turns(told[:6], of=2)
    assert told[6:] == "aa"


def test_a_key_is_served_in_the_order_in_which_it_asked(engine: sql.Engine) -> None:
    book = JobBook(engine, SETTINGS)
    add(book, "a", 3)
    (held,) = book.take(1)
    add(book, "a", 2)
    ids = [one.job_id for one in taken(book, 4)]
    assert ids == sorted(ids)
    assert book.finish(held, Response(200, b"{}", (), "req"))


def begin(book: BatchBook, key: str, lines: int) -> None:
    book.create(NewBatch("proj", key, "/v1/chat/completions", "file", None))
    batch = book.take()
    assert batch is not None
    body = b"{}"
    assert book.add_lines(batch, [NewLine(one, str(one), body) for one in range(1, lines + 1)])
    assert book.start(batch, lines)


def test_lines_of_batches_take_turns_behind_whoever_waits_for_one_answer(
    engine: sql.Engine,
) -> None:
    book, batches = JobBook(engine, SETTINGS), BatchBook(engine, SETTINGS)
    begin(batches, "a", 6)
    assert keys(taken(book, 3)) == "aaa"
    begin(batches, "b", 2)
    add(book, "c", 2)
    told = keys(taken(book, 7))
    assert told[:2] == "cc"
    assert sorted(told[2:6]) == ["a", "a", "b", "b"]
    assert told[6] == "a"
