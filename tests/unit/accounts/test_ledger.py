"""The contract of the ledger, kept by both databases."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sql
from msgspec.structs import replace

from visus.accounts import entries, tables
from visus.accounts.entries import Batch, Hold, Settlement
from visus.accounts.journal import Journal
from visus.accounts.refused import SUFFIX as REFUSED
from visus.accounts.spool import ROOM_BYTES, SUFFIX
from visus.accounts.usage import UsageBook, UsageQuery
from visus.core.endings import CLIENT_CLOSED
from visus.errors import StorageUnavailable

NOW_MS = 1_764_500_000_000


def held(record_id: str, *, micros: int = 0, budget: int | None = None) -> Hold:
    return Hold(record_id, NOW_MS, NOW_MS + 1000, "node", "key", "proj", "m", micros, budget)


def settled(record_id: str, *, held_micros: int = 0, cost: int = 7) -> Settlement:
    return Settlement(
        record_id, NOW_MS, NOW_MS + 5, "key", "proj", held_micros, "m", "somebody", "de",
        200, 1, 10, 20, 3, 4, 5, 6, 7, 2, False, cost,
    )  # fmt: skip


def put(engine: sql.Engine, name: str, *batch: Hold | Settlement) -> None:
    with engine.begin() as connection:
        entries.write(connection, Batch(name, batch))


def records(engine: sql.Engine) -> dict[str, tuple[int | None, int | None]]:
    """Of each record its status and the end of its lease."""
    table = tables.usage_records
    with engine.connect() as connection:
        rows = connection.execute(sql.select(table.c.id, table.c.status, table.c.lease_until))
        return {row.id: (row.status, row.lease_until) for row in rows}


def sums(engine: sql.Engine) -> dict[str, int]:
    rows = UsageBook(engine).sums(UsageQuery(0, 2**40, "all"))
    return dict(rows[0].sums) if rows else {}


def money(engine: sql.Engine) -> tuple[int, int]:
    found = UsageBook(engine).spending("proj", now_s=NOW_MS / 1000)
    return found.spent_micros, found.held_micros


def test_a_record_is_held_and_then_settled(engine: sql.Engine) -> None:
    put(engine, "a", held("r"))
    assert records(engine) == {"r": (None, NOW_MS + 1000)}
    assert sums(engine) == {}
    put(engine, "b", settled("r"))
    assert records(engine) == {"r": (200, None)}
    assert (sums(engine)["requests"], sums(engine)["input_tokens"]) == (1, 10)
    assert money(engine) == (7, 0)


def test_both_may_come_in_one_batch_and_many_records_too(engine: sql.Engine) -> None:
    names = [f"r{place}" for place in range(1203)]
    put(engine, "a", *map(held, names), *map(settled, names))
    assert set(records(engine).values()) == {(200, None)}
    assert sums(engine)["requests"] == 1203
    assert sums(engine)["cost_micros"] == money(engine)[0] == 7 * 1203


def test_a_batch_counts_once_however_often_it_comes(engine: sql.Engine) -> None:
    for _ in range(3):
        put(engine, "a", held("r"), settled("r"))
    assert sums(engine)["requests"] == 1


def test_a_record_is_settled_once(engine: sql.Engine) -> None:
    put(engine, "a", held("r"), settled("r"))
    put(engine, "b", settled("r", cost=1000))
    assert (sums(engine)["requests"], money(engine)) == (1, (7, 0))


def test_what_was_given_up_costs_nothing_and_is_settled_once_if_it_ends_after_all(
    engine: sql.Engine,
) -> None:
    with engine.begin() as connection:
        assert entries.hold_money(connection, held("r", micros=60, budget=100))
        assert entries.release_leases(connection, now_ms=NOW_MS + 999) == 0
        assert entries.release_leases(connection, now_ms=NOW_MS + 1001) == 1
    assert records(engine) == {"r": (CLIENT_CLOSED, None)}
    assert (sums(engine), money(engine)) == ({}, (0, 0))
    put(engine, "b", settled("r", held_micros=60))
    assert records(engine) == {"r": (200, None)}
    assert (sums(engine)["requests"], money(engine)) == (1, (7, 0))
    put(engine, "c", settled("r", held_micros=60))
    assert (sums(engine)["requests"], money(engine)) == (1, (7, 0))


def test_money_is_held_within_the_budget_and_given_back(engine: sql.Engine) -> None:
    def hold(name: str, micros: int) -> bool:
        with engine.begin() as connection:
            return entries.hold_money(connection, held(name, micros=micros, budget=100))

    assert hold("a", 60)
    assert not hold("b", 41)
    assert hold("c", 40)
    assert money(engine) == (0, 100)
    put(engine, "1", settled("a", held_micros=60, cost=10))
    assert money(engine) == (10, 40)
    with engine.begin() as connection:
        entries.release_leases(connection, now_ms=NOW_MS + 5000)
    assert money(engine) == (10, 0)
    assert hold("d", 90)
    assert not hold("e", 1)
    assert set(records(engine)) == {"a", "c", "d"}


def test_many_at_once_never_hold_more_than_there_is(engine: sql.Engine) -> None:
    got: list[bool] = []

    def work(worker: int) -> None:
        for place in range(10):
            with engine.begin() as connection:
                one = held(f"{worker}-{place}", micros=7, budget=100)
                got.append(entries.hold_money(connection, one))

    threads = [threading.Thread(target=work, args=(one,)) for one in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(got) == 14
    assert money(engine) == (0, 98)


# --- On the way there ------------------------------------------------------------------------


def journal(
    engine: sql.Engine, folder: Path, node: str = "node", *, every_s: float = 1000
) -> Journal:
    made = Journal(engine, folder, node, every_s=every_s)
    made.recover()
    return made


def pieces(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob(f"*{SUFFIX}"))


def test_what_was_entered_outlives_the_process(engine: sql.Engine, tmp_path: Path) -> None:
    child = os.fork()
    if not child:
        dying = Journal(engine, tmp_path, "child", every_s=1000)
        for entry in (held("r"), settled("r"), held("s")):
            dying.enter(entry)
        os._exit(0)
    os.waitpid(child, 0)
    assert records(engine) == {}
    assert pieces(tmp_path) == ["child-00000000.entries"]
    journal(engine, tmp_path)
    assert records(engine)["r"] == (200, None)
    assert pieces(tmp_path) == []


def test_what_the_dead_held_is_given_up_and_what_the_living_hold_is_not(
    engine: sql.Engine, tmp_path: Path
) -> None:
    child = os.fork()
    if not child:
        dying = journal(engine, tmp_path, "dying")
        dying.enter(replace(held("s"), node="dying"))
        os._exit(0)
    os.waitpid(child, 0)
    living = journal(engine, tmp_path, "living")
    assert records(engine) == {"s": (CLIENT_CLOSED, None)}
    living.enter(replace(held("r"), node="living"))
    living.flush()
    journal(engine, tmp_path, "another")
    assert records(engine)["r"] == (None, NOW_MS + 1000)


def test_a_line_that_was_not_finished_is_none(engine: sql.Engine, tmp_path: Path) -> None:
    living = Journal(engine, tmp_path, "torn", every_s=1000)
    living.enter(held("r"))
    path = tmp_path / "torn-00000000.entries"
    whole = path.read_bytes().rstrip(b"\0")
    holed = whole.replace(b'"r"', b'"s"').replace(b'"key"', b"\0" * 5)
    path.unlink()
    path.write_bytes(whole + holed + b'["settle","r",17' + b"\0" * 100)
    journal(engine, tmp_path)
    assert records(engine) == {"r": (None, NOW_MS + 1000)}


def test_what_cannot_be_read_is_kept_and_taken_once_it_is_mended(
    engine: sql.Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dying = Journal(engine, tmp_path, "dying", every_s=1000)
    for name in ("r", "s", "t"):
        dying.enter(settled(name))
    path = tmp_path / "dying-00000000.entries"
    whole = path.read_bytes().rstrip(b"\0")
    damaged = whole.replace(b'"settle","s"', b'"sottle","s"')
    path.unlink()
    path.write_bytes(damaged)
    first = journal(engine, tmp_path, "first")
    assert (set(records(engine)), first.refused_files) == ({"r", "t"}, 1)
    assert pieces(tmp_path) == []
    (kept,) = tmp_path.glob(f"*{REFUSED}")
    assert kept.read_bytes() == damaged.splitlines(keepends=True)[1]
    told = [one for one in caplog.records if one.levelname == "ERROR"]
    assert [one.message for one in told] == ["lines of the ledger cannot be read"]
    kept.write_bytes(kept.read_bytes().replace(b"sottle", b"settle"))
    kept.rename(kept.with_suffix(SUFFIX))
    journal(engine, tmp_path, "second")
    assert set(records(engine)) == {"r", "s", "t"}
    assert list(tmp_path.glob(f"*{REFUSED}")) == []


def test_what_is_no_file_stops_no_start(engine: sql.Engine, tmp_path: Path) -> None:
    dying = Journal(engine, tmp_path, "dying", every_s=1000)
    dying.enter(settled("r"))
    path = tmp_path / "dying-00000000.entries"
    whole = path.read_bytes()
    path.unlink()
    path.write_bytes(whole)
    os.mkfifo(tmp_path / "another-00000000.entries")
    os.mkfifo(tmp_path / "another.alive")
    (tmp_path / "other-00000000.entries").mkdir()
    journal(engine, tmp_path, "first")
    assert set(records(engine)) == {"r"}
    assert pieces(tmp_path) == ["another-00000000.entries", "other-00000000.entries"]


def test_more_than_a_file_has_room_for_goes_into_several(
    engine: sql.Engine, tmp_path: Path
) -> None:
    tmp_path.mkdir(exist_ok=True)
    living = Journal(engine, tmp_path, "living", every_s=1000)
    names = [f"r{place:05}" for place in range(ROOM_BYTES // 100)]
    for name in names:
        living.enter(held(name))
        living.enter(settled(name))
    assert living.waiting == 2 * len(names)
    assert len(pieces(tmp_path)) > 1
    assert sum((tmp_path / piece).stat().st_size for piece in pieces(tmp_path)) < 10**6
    living.close()
    assert set(records(engine)) == set(names)
    assert sums(engine)["requests"] == len(names)
    assert pieces(tmp_path) == []


def test_what_somebody_alive_has_is_left_to_them(engine: sql.Engine, tmp_path: Path) -> None:
    tmp_path.mkdir(exist_ok=True)
    living = Journal(engine, tmp_path, "living", every_s=1000)
    living.enter(held("r"))
    journal(engine, tmp_path, "another")
    assert pieces(tmp_path) == ["living-00000000.entries"]
    living.close()
    assert records(engine) == {"r": (None, NOW_MS + 1000)}
    assert pieces(tmp_path) == []


def test_what_gathers_is_brought_after_a_moment(engine: sql.Engine, tmp_path: Path) -> None:
    quick = Journal(engine, tmp_path, "quick", every_s=0.05)
    quick.enter(held("r"))
    quick.enter(settled("r"))
    end_s = time.monotonic() + 5
    while records(engine) != {"r": (200, None)} and time.monotonic() < end_s:
        time.sleep(0.01)
    assert records(engine) == {"r": (200, None)}
    quick.close()


def until(is_so: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 10
    while not is_so() and time.monotonic() < end_s:
        time.sleep(0.01)
    assert is_so()


def test_a_file_that_cannot_be_removed_stops_nothing(
    engine: sql.Engine, tmp_path: Path
) -> None:
    quick = journal(engine, tmp_path, "quick", every_s=0.2)
    quick.enter(held("r"))
    path = tmp_path / "quick-00000000.entries"
    path.unlink()
    path.mkdir()
    until(lambda: quick.fault is not None)
    assert set(records(engine)) == {"r"}
    quick.enter(held("s"))
    until(lambda: set(records(engine)) == {"r", "s"})
    assert quick.waiting == 0
    path.rmdir()
    until(lambda: quick.fault is None)
    quick.close()
    assert pieces(tmp_path) == []


def test_a_file_that_cannot_be_ended_loses_nothing(engine: sql.Engine, tmp_path: Path) -> None:
    quick = journal(engine, tmp_path, "quick", every_s=0.2)
    quick.enter(held("r"))
    make_read_only(tmp_path / "quick-00000000.entries")
    until(lambda: quick.fault is not None)
    quick.enter(held("s"))
    until(lambda: set(records(engine)) == {"r", "s"})
    until(lambda: quick.fault is None)
    quick.close()
    assert pieces(tmp_path) == []


def test_a_full_file_that_cannot_be_ended_loses_nothing(
    engine: sql.Engine, tmp_path: Path
) -> None:
    living = journal(engine, tmp_path, "living")
    names = [f"r{place:05}" for place in range(ROOM_BYTES // 50)]
    living.enter(held(names[0]))
    make_read_only(tmp_path / "living-00000000.entries")
    for name in names[1:]:
        living.enter(held(name))
    assert len(pieces(tmp_path)) > 1
    living.close()
    assert set(records(engine)) == set(names)
    assert pieces(tmp_path) == []


def make_read_only(path: Path) -> None:
    """Has whoever has the file open in this process have it for reading only."""
    readable = os.open(path, os.O_RDONLY)
    for link in Path("/proc/self/fd").iterdir():
        if link.is_symlink() and link.readlink() == path and int(link.name) != readable:
            os.dup2(readable, int(link.name))
    os.close(readable)


def test_what_nobody_has_thought_of_stops_nothing_either(
    engine: sql.Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    quick = journal(engine, tmp_path, "quick", every_s=0.05)
    sql.event.listen(engine, "before_cursor_execute", fail)
    quick.enter(held("r"))
    until(lambda: quick.fault is not None)
    sql.event.remove(engine, "before_cursor_execute", fail)
    until(lambda: set(records(engine)) == {"r"})
    until(lambda: quick.fault is None)
    quick.close()
    assert "ZeroDivisionError" in caplog.text


# --- What the database refuses ---------------------------------------------------------------

TOO_MANY = 2**63
"""Tokens: more than a column can be."""


def with_tokens(record_id: str, tokens: int) -> Settlement:
    return replace(settled(record_id), input_tokens=tokens)


def refused_records(folder: Path) -> list[tuple[str, str]]:
    paths = sorted(folder.glob(f"*{REFUSED}"))
    lines = [line for path in paths for line in path.read_bytes().splitlines()]
    return [tuple(msgspec.json.decode(line)[:2]) for line in lines]


def test_an_entry_that_the_database_refuses_is_set_aside_and_others_go_on(
    engine: sql.Engine, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    quick = journal(engine, tmp_path, "quick", every_s=0.2)
    names = [f"r{place:03}" for place in range(250)]
    for name in names:
        quick.enter(held(name))
        quick.enter(with_tokens(name, TOO_MANY if name in {"r007", "r128"} else 10))
    quick.enter(replace(settled("r250"), cost_micros=2**63))
    quick.enter(settled("r251"))
    until(lambda: "r251" in records(engine))
    assert {name for name, row in records(engine).items() if row[0] is None} == {"r007", "r128"}
    assert (sums(engine)["requests"], money(engine)) == (249, (249 * 7, 0))
    aside = [("settle", "r007"), ("settle", "r128"), ("settle", "r250")]
    assert refused_records(tmp_path) == aside
    quick.enter(settled("later"))
    until(lambda: "later" in records(engine))
    until(lambda: quick.waiting == 0)
    assert (quick.fault, quick.refused_files) == (None, 1)
    quick.close()
    assert pieces(tmp_path) == []
    told = [one for one in caplog.records if one.levelname == "ERROR"]
    assert [one.message for one in told] == ["the database refuses entries of the ledger"]


def test_a_start_goes_on_beside_refused_entries_and_takes_them_once_mended(
    engine: sql.Engine, tmp_path: Path
) -> None:
    dying = Journal(engine, tmp_path, "dying", every_s=1000)
    for entry in (settled("r"), with_tokens("s", TOO_MANY), settled("t")):
        dying.enter(entry)
    whole = (tmp_path / "dying-00000000.entries").read_bytes().rstrip(b"\0")
    (tmp_path / "dying-00000000.entries").unlink()
    (tmp_path / "dying-00000000.entries").write_bytes(whole)
    journal(engine, tmp_path, "first")
    assert set(records(engine)) == {"r", "t"}
    assert pieces(tmp_path) == []
    (kept,) = tmp_path.glob(f"*{REFUSED}")
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_bytes(kept.read_bytes().replace(str(TOO_MANY).encode(), b"10"))
    kept.rename(kept.with_suffix(SUFFIX))
    journal(engine, tmp_path, "second")
    assert set(records(engine)) == {"r", "s", "t"}
    assert sums(engine)["requests"] == 3
    assert list(tmp_path.glob(f"*{REFUSED}")) == []


def test_entries_that_are_too_much_only_together_are_all_written(
    engine: sql.Engine, tmp_path: Path
) -> None:
    living = journal(engine, tmp_path, "living")
    living.enter(with_tokens("r", 2**62))
    living.enter(replace(with_tokens("s", 2**62), model="other"))
    living.enter(replace(with_tokens("t", 2**62 - 1), model="other"))
    living.enter(replace(with_tokens("u", TOO_MANY), model="third"))
    living.close()
    assert set(records(engine)) == {"r", "s", "t"}


def test_a_database_that_is_away_while_the_refused_are_looked_for_loses_nothing(
    engine: sql.Engine, tmp_path: Path
) -> None:
    def fail(_connection: object, _name: str) -> None:
        raise sql.exc.OperationalError("no", None, OSError("the database is locked"))

    living = journal(engine, tmp_path, "living")
    for entry in (settled("r"), with_tokens("s", TOO_MANY), settled("t")):
        living.enter(entry)
    sql.event.listen(engine, "savepoint", fail)
    with pytest.raises(StorageUnavailable):
        living.flush()
    sql.event.remove(engine, "savepoint", fail)
    assert (records(engine), refused_records(tmp_path)) == ({}, [])
    living.close()
    assert set(records(engine)) == {"r", "t"}
    assert refused_records(tmp_path) == [("settle", "s")]


def test_the_refused_stay_where_they_are_while_they_cannot_be_set_aside(
    engine: sql.Engine, tmp_path: Path
) -> None:
    living = journal(engine, tmp_path, "living")
    living.enter(settled("r"))
    living.enter(with_tokens("s", TOO_MANY))
    in_the_way = tmp_path / f"living-00000000-mended{REFUSED}"
    (in_the_way / "something").mkdir(parents=True)
    with pytest.raises(StorageUnavailable):
        living.flush()
    assert (records(engine), pieces(tmp_path)) == ({}, ["living-00000000.entries"])
    (in_the_way / "something").rmdir()
    in_the_way.rmdir()
    living.close()
    assert set(records(engine)) == {"r"}
    assert refused_records(tmp_path) == [("settle", "s")]


def test_more_money_than_a_number_can_be_has_no_room_in_a_budget(
    engine: sql.Engine, tmp_path: Path
) -> None:
    living = journal(engine, tmp_path, "living")
    assert not living.hold_money(held("r", micros=TOO_MANY, budget=2**62))
    assert living.hold_money(held("s", micros=5, budget=10))
    assert (living.fault, money(engine)) == (None, (0, 5))
    living.close()


@pytest.mark.parametrize("at", range(1, 8))
def test_a_batch_that_fails_half_way_is_as_if_it_had_not_come(
    engine: sql.Engine, at: int
) -> None:
    """The Nth statement fails; then all goes well."""
    put(engine, "first", held("r"))
    count = 0

    def fail(*_: object) -> None:
        nonlocal count
        count += 1
        if count == at:
            raise sql.exc.OperationalError("no", None, OSError("the disk is full"))

    sql.event.listen(engine, "before_cursor_execute", fail)
    try:
        put(engine, "a", settled("r"), held("s"), settled("s"), held("t"))
    except sql.exc.OperationalError:
        failed = True
    else:
        failed = False
    sql.event.remove(engine, "before_cursor_execute", fail)
    if failed:
        assert set(records(engine)) == {"r"}
        assert sums(engine) == {}
    put(engine, "a", settled("r"), held("s"), settled("s"), held("t"))
    assert sums(engine)["requests"] == 2
    assert money(engine) == (14, 0)
