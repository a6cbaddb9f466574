"""Pictures travel in turns that the server takes, and the words around them say where from."""

from collections.abc import Collection
from itertools import pairwise

import pytest
from hypothesis import given, strategies as st
from msgspec.structs import replace

from visus.core.prompt import Image, PromptPart, PromptTurn
from visus.core.question import Role, Text, ToolCall
from visus.media.placing import placed

OPENAI: tuple[Role, ...] = ("system", "developer", "user", "assistant")
ALONE: tuple[Role, ...] = ("user",)
EVERY: tuple[Role, ...] = (*OPENAI, "tool")
GONE = Text("[Image: see the next user message.]")
LOOK = ToolCall("c1", "look", "{}")
ZOOM = ToolCall("c2", "zoom", '{"to": 2}')


def image(param: str) -> Image:
    return Image("image/png", 2, 1, param.encode(), "high", param)


def called(*calls: ToolCall, parts: Collection[PromptPart] = ()) -> PromptTurn:
    return PromptTurn("assistant", [*parts], "Ada", calls)


def result(call: ToolCall, *parts: PromptPart) -> PromptTurn:
    return PromptTurn("tool", parts, None, (), call.call_id)


def user(*parts: PromptPart) -> PromptTurn:
    return PromptTurn("user", parts)


def origin_of(call: ToolCall) -> Text:
    return Text(f"Image from the result of {call.name} (tool call {call.call_id}):")


def listed(turns: Collection[PromptTurn]) -> list[tuple[Role, list[PromptPart]]]:
    return [(turn.role, [*turn.parts]) for turn in turns]


# --- Nothing to do ---------------------------------------------------------------------------


@pytest.mark.parametrize("role", EVERY)
def test_a_picture_in_a_role_that_is_taken_stays_where_it_stands(role: Role) -> None:
    turns = [PromptTurn(role, [Text("a"), image("p"), Text("b")]), user(Text("c"))]
    assert placed(turns, EVERY) == (turns, ())


def test_turns_without_pictures_are_not_touched() -> None:
    turns = [called(LOOK), result(LOOK, Text("42")), user(Text("And?"))]
    assert placed(turns, ALONE) == (turns, ())


# --- Results of tools ------------------------------------------------------------------------


def test_a_picture_of_a_tool_follows_in_a_user_turn_that_names_the_call() -> None:
    turns = [
        user(Text("Look.")),
        called(LOOK),
        result(LOOK, Text("a"), image("p"), Text("b")),
    ]
    got = placed(turns, OPENAI)
    assert [*got.turns[:2]] == turns[:2]
    assert got.turns[2] == replace(turns[2], parts=[Text("a"), GONE, Text("b")])
    assert listed(got.turns[3:]) == [("user", [origin_of(LOOK), image("p")])]
    assert got.moved == {"p"}


def test_a_moved_frame_keeps_its_time_and_a_moved_page_its_number() -> None:
    frame = replace(image("p"), caption="Frame at 0.50 s")
    page = replace(image("q"), caption="Page 2 of 3")
    got = placed([called(LOOK), result(LOOK, frame, page)], OPENAI)
    line = origin_of(LOOK).text.removesuffix(":")
    assert listed(got.turns[2:]) == [
        (
            "user",
            [Text(f"{line}. Frame at 0.50 s:"), frame, Text(f"{line}. Page 2 of 3:"), page],
        )
    ]


def test_the_results_of_one_round_stay_together() -> None:
    turns = [
        called(LOOK, ZOOM),
        result(LOOK, image("p")),
        result(ZOOM, Text("b"), image("q"), image("r")),
        called(parts=[Text("I see.")]),
    ]
    got = placed(turns, OPENAI)
    assert listed(got.turns) == [
        ("assistant", []),
        ("tool", [GONE]),
        ("tool", [Text("b"), GONE, GONE]),
        (
            "user",
            [
                *(origin_of(LOOK), image("p")),
                *(origin_of(ZOOM), image("q"), origin_of(ZOOM), image("r")),
            ],
        ),
        ("assistant", [Text("I see.")]),
    ]
    assert [turn.tool_call_id for turn in got.turns] == [None, "c1", "c2", None, None]
    assert got.moved == {"p", "q", "r"}


def test_a_result_of_words_alone_between_two_pictures_parts_nothing() -> None:
    turns = [
        called(LOOK, ZOOM),
        result(LOOK, image("p")),
        result(ZOOM, Text("no picture")),
        result(LOOK, image("q")),
    ]
    got = placed(turns, OPENAI)
    assert [turn.role for turn in got.turns] == ["assistant", "tool", "tool", "tool", "user"]
    assert [part.param for part in got.turns[-1].parts if isinstance(part, Image)] == ["p", "q"]
    assert got.turns[2] is turns[2]


def test_two_rounds_have_a_user_turn_each() -> None:
    turns = [called(LOOK), result(LOOK, image("p")), called(ZOOM), result(ZOOM, image("q"))]
    got = placed(turns, OPENAI)
    assert listed(got.turns) == [
        ("assistant", []),
        ("tool", [GONE]),
        ("user", [origin_of(LOOK), image("p")]),
        ("assistant", []),
        ("tool", [GONE]),
        ("user", [origin_of(ZOOM), image("q")]),
    ]


def test_a_result_that_answers_no_known_call_is_a_tool_s() -> None:
    got = placed([result(LOOK, image("p"))], OPENAI)
    assert got.turns[-1].parts[0] == Text("Image from the result of a tool (tool call c1):")


# --- The turn after --------------------------------------------------------------------------


def test_a_user_turn_that_follows_is_joined_and_keeps_its_own_parts_last() -> None:
    asked = PromptTurn("user", [Text("What is it?"), image("q")], "Ben")
    got = placed([called(LOOK), result(LOOK, image("p")), asked], OPENAI)
    assert [turn.role for turn in got.turns] == ["assistant", "tool", "user"]
    last = got.turns[-1]
    assert last.name == "Ben"
    assert last.parts == [origin_of(LOOK), image("p"), Text("What is it?"), image("q")]
    assert got.moved == {"p"}


def test_only_the_first_user_turn_after_it_is_joined() -> None:
    turns = [result(LOOK, image("p")), user(Text("a")), user(Text("b"))]
    got = placed(turns, OPENAI)
    assert [len(turn.parts) for turn in got.turns] == [1, 3, 1]
    assert got.turns[2] is turns[2]


# --- Other roles -----------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["system", "developer", "assistant"])
def test_a_picture_of_another_role_follows_under_the_name_of_that_role(role: Role) -> None:
    turns = [PromptTurn(role, [Text("a"), image("p")]), user(Text("b"))]
    got = placed(turns, ALONE)
    assert listed(got.turns) == [
        (role, [Text("a"), GONE]),
        ("user", [Text(f"Image from the {role} message:"), image("p"), Text("b")]),
    ]


def test_a_picture_beside_tool_calls_waits_for_their_results() -> None:
    turns = [
        called(LOOK, ZOOM, parts=[Text("Like this:"), image("p")]),
        result(LOOK, image("q")),
        result(ZOOM, Text("b")),
        user(Text("c")),
    ]
    got = placed(turns, ALONE)
    assert listed(got.turns) == [
        ("assistant", [Text("Like this:"), GONE]),
        ("tool", [GONE]),
        ("tool", [Text("b")]),
        (
            "user",
            [
                *(Text("Image from the assistant message:"), image("p")),
                *(origin_of(LOOK), image("q")),
                Text("c"),
            ],
        ),
    ]
    assert got.turns[0].tool_calls == (LOOK, ZOOM)
    assert got.turns[0].name == "Ada"


def test_only_what_is_not_taken_is_said_to_have_moved() -> None:
    turns = [PromptTurn("system", [image("p")]), result(LOOK, image("q")), user(image("r"))]
    assert placed(turns, OPENAI).moved == {"q"}
    assert placed(turns, ALONE).moved == {"p", "q"}


# --- Any conversation ------------------------------------------------------------------------

PARTS = st.lists(st.sampled_from(["text", "image"]), max_size=3)
TURNS = st.lists(st.tuples(st.sampled_from(EVERY), PARTS), max_size=8)
ROLES = st.sets(st.sampled_from(EVERY)).map(lambda roles: {*roles, "user"})


def conversation(shape: list[tuple[Role, list[str]]]) -> list[PromptTurn]:
    turns: list[PromptTurn] = []
    for number, (role, kinds) in enumerate(shape):
        names = [f"{number}.{place}" for place in range(len(kinds))]
        parts = [
            image(name) if kind == "image" else Text(name)
            for name, kind in zip(names, kinds, strict=True)
        ]
        turns.append(PromptTurn(role, parts, name=f"turn {number}"))
    return turns


@given(TURNS, ROLES)
def test_no_picture_is_lost_doubled_or_left_where_it_is_refused(
    shape: list[tuple[Role, list[str]]], roles: set[Role]
) -> None:
    turns = conversation(shape)
    before = [part.param for turn in turns for part in turn.parts if isinstance(part, Image)]
    got = placed(turns, roles)
    found = [(t.role, p.param) for t in got.turns for p in t.parts if isinstance(p, Image)]
    assert sorted(param for _, param in found) == before
    assert {role for role, _ in found} <= roles
    refused = [t for t in turns if t.role not in roles]
    assert {*got.moved} == {p.param for t in refused for p in t.parts if isinstance(p, Image)}


@given(TURNS, ROLES)
def test_no_word_is_lost_and_nothing_comes_between_results(
    shape: list[tuple[Role, list[str]]], roles: set[Role]
) -> None:
    turns = conversation(shape)
    got = [*placed(turns, roles).turns]
    words = [p.text for t in turns for p in t.parts if isinstance(p, Text)]
    kept = [p.text for t in got for p in t.parts if isinstance(p, Text) and p.text in words]
    assert kept == words
    names = [turn.name for turn in got]
    assert [name for name in names if name] == [turn.name for turn in turns]
    assert {turn.role for turn in got if turn.name is None} <= {"user"}
    for turn, following in pairwise(turns):
        if following.role == "tool":
            assert names[names.index(turn.name) + 1] == following.name
