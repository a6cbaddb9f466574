"""Who waits is taken by turns: against a line for each asker that is as simple as can be."""

from hypothesis import given, strategies as st

from visus.core.fair import Asker, FairLine


def asker(name: str) -> Asker:
    """Of the project of its first letter, with the key of its second."""
    return Asker(name[0], name[1:2])


def line_of(*names: str) -> FairLine[str]:
    line = FairLine[str]()
    for name in names:
        line.add(asker(name), name)
    return line


def taken(line: FairLine[str]) -> list[str]:
    return [line.take() for _ in range(len(line))]


def test_askers_are_taken_by_turns_and_what_each_asked_in_its_order() -> None:
    assert taken(line_of("ax1", "ax2", "ax3", "bx1", "cx1", "bx2")) == [
        "ax1", "bx1", "cx1", "ax2", "bx2", "ax3",
    ]  # fmt: skip


def test_more_keys_of_a_project_are_no_more_turns() -> None:
    assert taken(line_of("ax1", "ax2", "ay1", "az1", "bx1", "bx2", "bx3")) == [
        "ax1", "bx1", "ay1", "bx2", "az1", "bx3", "ax2",
    ]  # fmt: skip


def test_who_comes_late_waits_for_one_of_each() -> None:
    line = line_of("ax1", "ax2", "ax3", "bx1")
    assert line.take() == "ax1"
    line.add(asker("cx"), "cx1")
    line.add(asker("ay"), "ay1")
    assert taken(line) == ["bx1", "ax2", "cx1", "ay1", "ax3"]


def test_room_is_made_by_the_last_of_the_longest() -> None:
    line = line_of("ax1", "ax2", "ax3", "bx1")
    assert line.make_room(asker("cx")) == "ax3"
    assert line.make_room(asker("bx")) is None
    assert line.make_room(asker("ax")) is None
    assert line.make_room(asker("cx")) == "ax2"
    assert line.make_room(asker("cx")) is None
    assert FairLine[str]().make_room(asker("cx")) is None


def test_room_is_made_by_the_project_with_most_whatever_its_keys() -> None:
    line = line_of("ax1", "ay1", "ay2", "az1", "bx1", "bx2")
    assert line.make_room(asker("cx")) == "ay2"
    assert line.make_room(asker("bx")) is None
    assert taken(line) == ["ax1", "bx1", "ay1", "bx2", "az1"]


def test_within_a_project_room_is_made_by_its_key_with_most() -> None:
    line = line_of("ax1", "ax2", "ax3", "ay1", "bx1", "bx2", "bx3", "bx4", "bx5")
    assert line.make_room(asker("bx")) is None
    assert line.make_room(asker("by")) == "bx5"
    assert line.make_room(asker("ax")) is None
    assert line.make_room(asker("ay")) == "ax3"
    assert line.make_room(asker("ay")) is None


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["ax", "ay", "bx", "cz"]),
            st.sampled_from(["add", "take", "remove", "make room"]),
        )
    )
)
def test_nothing_is_lost_and_nothing_comes_twice(steps: list[tuple[str, str]]) -> None:
    line, waiting, count = FairLine[str](), list[str](), 0
    for who, step in steps:
        if step == "add":
            count += 1
            waiting.append(f"{who}{count}")
            line.add(asker(who), waiting[-1])
        elif step == "take" and waiting:
            waiting.remove(line.take())
        elif step == "remove":
            own = [name for name in waiting if name[:2] == who]
            line.remove(asker(who), own[0] if own else "nobody")
            waiting = [name for name in waiting if name != (own or [""])[0]]
        elif step == "make room" and (gone := line.make_room(asker(who))) is not None:
            waiting.remove(gone)
        assert len(line) == len(waiting)
        assert sorted(line) == sorted(waiting)
