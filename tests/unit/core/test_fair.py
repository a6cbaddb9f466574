"""Who waits is taken by turns: against a line for each asker that is as simple as can be."""

from hypothesis import given, strategies as st

from visus.core.fair import FairLine


def line_of(*names: str) -> FairLine[str]:
    line = FairLine[str]()
    for name in names:
        line.add(name[0], name)
    return line


def taken(line: FairLine[str]) -> list[str]:
    return [line.take() for _ in range(len(line))]


def test_askers_are_taken_by_turns_and_what_each_asked_in_its_order() -> None:
    assert taken(line_of("a1", "a2", "a3", "b1", "c1", "b2")) == [
        "a1", "b1", "c1", "a2", "b2", "a3",
    ]  # fmt: skip


def test_who_comes_late_waits_for_one_of_each() -> None:
    line = line_of("a1", "a2", "a3", "b1")
    assert line.take() == "a1"
    line.add("c", "c1")
    assert taken(line) == ["b1", "a2", "c1", "a3"]


def test_room_is_made_by_the_last_of_the_longest() -> None:
    line = line_of("a1", "a2", "a3", "b1")
    assert line.make_room("c") == "a3"
    assert line.make_room("b") is None
    assert line.make_room("a") is None
    assert line.make_room("c") == "a2"
    assert line.make_room("c") is None
    assert FairLine[str]().make_room("c") is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["add", "take", "remove"]))))
def test_nothing_is_lost_and_nothing_comes_twice(steps: list[tuple[str, str]]) -> None:
    line, waiting, count = FairLine[str](), list[str](), 0
    for asker, step in steps:
        if step == "add":
            count += 1
            waiting.append(f"{asker}{count}")
            line.add(asker, waiting[-1])
        elif step == "take" and waiting:
            waiting.remove(line.take())
        elif step == "remove":
            own = [name for name in waiting if name[0] == asker]
            line.remove(asker, own[0] if own else "nobody")
            waiting = [name for name in waiting if name != (own or [""])[0]]
        assert len(line) == len(waiting)
        assert sorted(line) == sorted(waiting)
