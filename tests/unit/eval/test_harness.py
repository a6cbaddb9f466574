"""The whole run against a scripted service on loopback: drawing, asking, marking, reporting."""

import json
import os
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from aiohttp import web
from eval import extraction, pages
from eval.__main__ import main
from eval.items import BrokenSet, Item, load, save
from eval.report import Figure
from eval.service import peak_mb
from eval.sheet import FontsMissing, check_fonts
from eval.speed import vast_png

Replier = Callable[[str], str]


@asynccontextmanager
async def scripted(replier: Replier) -> AsyncIterator[str]:
    """A chat service that answers the text of the last message with `replier`."""

    async def answer(request: web.Request) -> web.Response:
        if request.headers["authorization"] != "Bearer key":
            return web.json_response({"error": {"message": "no"}}, status=401)
        body = await request.json()
        assert body["messages"][0]["content"][1]["image_url"]["url"].startswith("data:image/")
        asked = body["messages"][-1]["content"][0]["text"]
        choice = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": replier(asked)},
        }
        about = {"id": "c", "object": "chat.completion", "created": 1, "model": "m"}
        return web.json_response({**about, "choices": [choice]})

    app = web.Application(client_max_size=2**26)
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


async def evaluated(replier: Replier, folder: Path, *, key: str = "key") -> tuple[int, dict]:
    """The exit code and the results of a set."""
    results = folder / "results.json"
    async with scripted(replier) as url:
        argv = ["--set", str(folder), "--base-url", url, "--api-key", key]
        code = await anyio.to_thread.run_sync(main, [*argv, "--results", str(results)])
    return code, json.loads(results.read_bytes())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(vast_png())
    lines = [
        {"file": "a.png", "question": "What is the total?", "answers": ["12,50 €"]},
        {"files": ["a.png", "a.png"], "question": "Same?", "answers": ["yes"]},
        {"file": "a.png", "question": "Who?", "answers": [], "answerable": False},
    ]
    text = "\n".join(json.dumps(line) for line in lines)
    (tmp_path / "questions.jsonl").write_text(text, encoding="utf-8")
    return tmp_path


GOOD = {"What is the total?": "It is 12.50 EUR.", "Same?": "Yes.", "Who?": "I cannot see that."}


async def test_a_set_with_right_answers_is_all_right(folder: Path) -> None:
    code, results = await evaluated(lambda asked: GOOD[asked], folder)
    assert code == 0
    assert [outcome["right"] for outcome in results["outcomes"]] == [True, True, True]


async def test_a_set_with_wrong_answers_is_all_wrong(folder: Path) -> None:
    _, results = await evaluated(lambda _: "There are 17 of them, no doubt.", folder)
    assert [outcome["right"] for outcome in results["outcomes"]] == [False, False, False]


async def test_a_refused_request_is_a_miss_and_not_a_crash(folder: Path) -> None:
    _, results = await evaluated(lambda asked: GOOD[asked], folder, key="other")
    assert [bool(outcome["fault"]) for outcome in results["outcomes"]] == [True, True, True]


async def test_a_missed_bound_is_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(vast_png())
    save([Item(file="a.png", question="What?", answers=["red"], part="colours")], tmp_path)
    assert (await evaluated(lambda _: "Red.", tmp_path))[0] == 0
    assert (await evaluated(lambda _: "Blue.", tmp_path))[0] == 1


def test_a_folder_without_questions_is_exit_code_2(tmp_path: Path) -> None:
    assert main(["--set", str(tmp_path), "--base-url", "http://127.0.0.1:1/v1"]) == 2


def test_missing_fonts_are_named_with_the_packages_that_hold_them(tmp_path: Path) -> None:
    with pytest.raises(FontsMissing, match=r"DejaVuSans\.ttf.*fonts-liberation"):
        check_fonts(tmp_path)


@pytest.mark.parametrize(
    "line",
    ["{", "[]", '{"question": "?"}', '{"file": "b.png", "question": "?", "answers": ["1"]}'],
)
def test_a_broken_set_says_what_is_broken(tmp_path: Path, line: str) -> None:
    (tmp_path / "questions.jsonl").write_text(line, encoding="utf-8")
    with pytest.raises(BrokenSet):
        load(tmp_path)


def test_the_same_seed_draws_the_same_and_another_seed_draws_other_material(
    tmp_path: Path,
) -> None:
    drawn: list[tuple[list[Item], bytes]] = []
    for number, seed in enumerate((7, 7, 8)):
        folder = tmp_path / str(number)
        folder.mkdir()
        items = extraction.make(seed, folder)
        drawn.append((items, (folder / items[0].file).read_bytes()))
    assert drawn[0] == drawn[1]
    assert drawn[0][1] != drawn[2][1]
    first, other = ({(i.question, *i.answers) for i in drawn[at][0]} for at in (0, 2))
    assert len(first & other) < len(first) // 5


def test_a_seed_asks_what_the_bounds_speak_of(tmp_path: Path) -> None:
    items = extraction.make(11, tmp_path)
    assert len(items) == 120
    assert sum(not item.answerable for item in items) == 20
    assert sum(item.part == "extract damaged" for item in items) == 40
    for item in items:
        for answer in item.answers:
            assert answer in (item.text or "") or item.text is None


def test_a_seed_has_twenty_pages_in_four_fonts_two_languages_and_four_layouts(
    tmp_path: Path,
) -> None:
    items = pages.make(3, tmp_path)
    layouts, langs, faces = zip(*(item.group.split(" ", 2) for item in items), strict=True)
    assert (len(items), len(set(layouts)), len(set(langs)), len(set(faces))) == (20, 4, 2, 4)


def test_a_figure_on_its_bound_keeps_it() -> None:
    assert Figure(name="a", value=0.9, at_least=0.9).kept
    assert not Figure(name="a", value=0.89, at_least=0.9).kept
    assert Figure(name="a", value=2, at_most=2).kept
    assert not Figure(name="a", value=2.1, at_most=2).kept
    assert not Figure(name="a", value=float("inf"), at_most=2).kept


def test_memory_is_told_in_millions_of_bytes() -> None:
    known = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    assert peak_mb(os.getpid())[os.getpid()] * 1_000_000 == pytest.approx(known, rel=0.01)
