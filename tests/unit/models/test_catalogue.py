"""The rows that Visus ships with, and what an operator's rows can say."""

from datetime import date
from pathlib import Path

import msgspec
import pytest

from visus import config
from visus.core.tokens import Size
from visus.core.video_tokens import Clip
from visus.models.catalogue import Catalogue, ModelRow, Vision, shipped
from visus.models.counting import ImageTokens, TextTokens, VideoTokens
from visus.server.routes.models import model_json

ROWS = {row.id: row for row in shipped().models}
PHONE = Size(3024, 4032)


def tokens_of(name: str, size: Size) -> int:
    row = ROWS[name].vision.tokens
    assert row is not None
    return row.rule.count(size, "auto")


def test_every_model_that_sees_says_what_a_picture_costs() -> None:
    seeing = [row for row in ROWS.values() if row.sees]
    assert len(seeing) == len(ROWS) == 4
    assert all(
        row.vision.tokens and row.price and row.price.currency == "EUR" for row in seeing
    )


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("Qwen3-VL-30B-A3B-Instruct-FP8", 11_844),
        ("gemini-2.5-flash", 6_192),
        ("gpt-4.1", 765),
        ("visus-lite", 768),
    ],
)
def test_a_phones_picture_costs_what_is_published(name: str, tokens: int) -> None:
    assert tokens_of(name, PHONE) == tokens


def test_limits_and_dates_are_those_of_the_providers() -> None:
    gpt, gemini = ROWS["gpt-4.1"], ROWS["gemini-2.5-flash"]
    assert (gpt.vision.max_images, gpt.vision.max_bytes) == (10, 50_000_000)
    assert gpt.end_of_life_date == date(2026, 10, 14)
    assert gemini.end_of_life_date == date(2026, 12, 1)
    assert {"image/heic", "image/heif"} <= set(gemini.vision.formats)
    assert not {"image/gif", "image/avif"} & set(gemini.vision.formats)
    assert gemini.vision.max_inline_bytes == 20_000_000
    assert gemini.vision.pdf_page_tokens == 258
    assert ROWS["Qwen3-VL-30B-A3B-Instruct-FP8"].vision.max_aspect == 200


def test_no_model_is_said_to_take_what_no_request_may_hold() -> None:
    for row in ROWS.values():
        assert {"text", "image"} <= set(row.input_modalities)
        assert ("video" in row.input_modalities) == row.vision.video
        assert ("file" in row.input_modalities) == row.vision.pdf


def test_a_model_made_for_videos_says_what_they_cost() -> None:
    clip = Clip(320, 240, 3_000)
    costs = {
        name: row.vision.video_tokens.rule.count(clip, "auto")
        for name, row in ROWS.items()
        if row.vision.video_tokens
    }
    assert costs == {
        "Qwen3-VL-30B-A3B-Instruct-FP8": 240,
        "gemini-2.5-flash": 3 * 258 + 96,
    }


def test_each_price_is_what_was_published() -> None:
    prices = {name: row.price.rates for name, row in ROWS.items() if row.price}
    assert prices == {
        "visus-lite": (0, 0),
        "Qwen3-VL-30B-A3B-Instruct-FP8": (200_000, 650_000),
        "gemini-2.5-flash": (270_000, 2_250_000),
        "gpt-4.1": (1_910_000, 7_640_000),
    }


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ('formula = "openai-tiles"\nbase = 100', 100 + 4 * 170),
        ('formula = "openai-patches"\npercent = 162', 2353),
        ('formula = "gemini-tiles"\nper_tile = 10', 240),
        ('formula = "fixed"\nhigh = 1120\nlow = 280', 1120),
        ('formula = "qwen-pixels"\nside_px = 28\nmin_tokens = 4\nmax_tokens = 1280', 1230),
        ('formula = "boxed-patches"\nbox_px = 512', 192),
    ],
)
def test_every_formula_can_be_written_with_its_numbers(text: str, tokens: int) -> None:
    row = msgspec.toml.decode(text, type=ImageTokens)
    assert row.rule.count(PHONE, "high") == tokens


@pytest.mark.parametrize("text", ['formula = "gemini-video"', 'formula = "qwen-video"'])
def test_every_formula_for_videos_can_be_written(text: str) -> None:
    assert msgspec.toml.decode(text, type=VideoTokens).rule.frames(Clip(9, 9, 4_000)) in {4, 8}


def test_the_rule_for_text_has_the_numbers_of_its_row() -> None:
    row = msgspec.toml.decode("bytes_per_100_tokens = 200\nper_turn = 1", type=TextTokens)
    assert row.rule.of_turns([4, 0]) == 2 + 2 + 3


MINE = """\
[[providers]]
name = "mine"
dialect = "openai"
base_url = "http://127.0.0.1:9/v1"

[ledger.rates]
USD = 860_000

[[models]]
id = "seer"
provider = "mine"
input_modalities = ["text", "image", "video", "file"]
successor = "better-seer"
end_of_life_date = 2027-01-31
price = { input_micros = 1, output_micros = 2, currency = "USD", since = 2026-11-01 }
text_tokens = { bytes_per_100_tokens = 300 }

[models.vision]
formats = ["image/jpeg", "image/heic"]
max_images = 3
max_bytes = 1000
max_inline_bytes = 2000
max_pixels = 3000
max_aspect = 50
max_tokens_per_image = 500
tokens = { formula = "fixed", high = 576, low = 144 }
video = true
video_formats = ["video/webm"]
video_tokens = { formula = "gemini-video", frames_per_second = 2 }
pdf = true
pdf_page_tokens = 100
"""


def test_an_operators_row_can_say_all_of_it_and_the_list_of_models_shows_it(
    tmp_path: Path,
) -> None:
    file = tmp_path / "visus.toml"
    file.write_text(MINE)
    catalogue = config.load(file, {}).catalogue
    row = next(row for row in catalogue.models if row.id == "seer")
    entry = model_json(row, catalogue.providers, load_state=None)
    shown = msgspec.json.decode(msgspec.json.encode(entry))
    assert shown["meta_data"]["input_modalities"] == ["text", "image", "video", "file"]
    assert shown["meta_data"]["successor"] == "better-seer"
    vision = shown["meta_data"]["vision"]
    assert vision["tokens"] == {"formula": "fixed", "high": 576, "low": 144}
    assert vision["video_tokens"]["formula"] == "gemini-video"
    assert (vision["max_images"], vision["max_aspect"], vision["pdf_page_tokens"]) == (
        3,
        50,
        100,
    )
    assert set(vision) == {field.encode_name for field in msgspec.structs.fields(Vision)}


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ("high = 576", "highest = 576", "highest"),
        ('"fixed"', '"fixated"', "fixated"),
        ("low = 144", "low = 0", "low"),
        ("pdf = true", "pdfs = true", "pdfs"),
        ('"video", "file"', '"video", "files"', "files"),
        ('formula = "fixed", high = 576, low = 144', "", "formula"),
    ],
)
def test_a_slip_in_a_row_is_refused_with_its_line(
    before: str, after: str, what: str, tmp_path: Path
) -> None:
    file = tmp_path / "visus.toml"
    file.write_text(MINE.replace(before, after, 1))
    with pytest.raises(config.ConfigRefused) as refused:
        config.load(file, {})
    line = MINE[: MINE.index(before)].count("\n") + 1
    assert f"visus.toml:{line}:" in str(refused.value)
    assert what in str(refused.value)


def test_a_bound_on_tokens_without_a_formula_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="max_tokens_per_image"):
        msgspec.toml.decode("max_tokens_per_image = 5", type=Vision)


def test_a_model_for_text_alone_sees_nothing() -> None:
    assert ModelRow(id="m", provider="p").sees is None


def test_names_stand_once_and_providers_exist() -> None:
    row = ModelRow(id="m", provider="p")
    with pytest.raises(ValueError, match="twice"):
        Catalogue(models=(row, row)).check()
    with pytest.raises(ValueError, match="no provider 'p'"):
        Catalogue(models=(row,)).check()


def test_of_several_prices_the_one_of_the_day_counts(tmp_path: Path) -> None:
    file = tmp_path / "visus.toml"
    file.write_text("""
[[models]]
id = "m"
provider = "visus"
[[models.price]]
input_micros = 3
output_micros = 3
since = 2027-01-01
[[models.price]]
input_micros = 1
output_micros = 1
[[models.price]]
input_micros = 2
output_micros = 2
since = 2026-06-01
""")
    row = config.load(file, {}).catalogue.models[-1]
    days = (date(2020, 1, 1), date(2026, 5, 31), date(2026, 6, 1), date(2027, 1, 1))
    prices = [row.price_on(day) for day in days]
    assert [price and price.input_micros for price in prices] == [1, 1, 2, 3]
    unpriced = msgspec.structs.replace(row, price=None)
    assert unpriced.price_on(date(2026, 1, 1)) is None


@pytest.mark.parametrize(
    ("rows", "line", "why"),
    [
        ('id = "m"', 2, "either a provider or deployments"),
        ('id = "m"\nprovider = "visus"\nfallbacks = ["n"]', 5, "there is no model 'n'"),
        (
            'id = "m"\nprovider = "visus"\nsuccessor = "n"\nfollow_successor = true',
            5,
            "no model",
        ),
        ('id = "m"\n[[models.deployments]]\nprovider = "x"', 5, "there is no provider 'x'"),
        ('id = "m"\n[[models.deployments]]\nproviders = "x"', 5, "unknown key 'providers'"),
        ('id = "m"\nprovider = "visus"\naliases = ["visus-lite"]', None, "two models"),
        (
            'id = "m"\nprovider = "visus"\n[[models]]\nid = "m"\nprovider = "visus"',
            5,
            "'m' is there twice",
        ),
        (
            'id = "m"\nprovider = "visus"\nvision = { formats = ["image/jpg"] }',
            5,
            "Invalid enum value 'image/jpg'",
        ),
        (
            (
                'id = "m"\nprovider = "visus"\n'
                '[[providers]]\nname = "p"\ndialect = "lite"\ncountry = "Germany"'
            ),
            5,
            "'Germany' is no country's two letters",
        ),
        (
            'id = "m"\nprovider = "visus"\n[limits.models.M]\nrequests_per_minute = 1',
            5,
            "limits.models.M: there is no model 'M'",
        ),
        (
            (
                'id = "m"\nprovider = "visus"\n'
                'price = { input_micros = 0, output_micros = 9, currency = "CHF" }'
            ),
            None,
            "ledger.rates: the model 'm' has a price in CHF; say what one is worth in EUR",
        ),
        (
            'id = "m"\nprovider = "visus"\n[ledger]\ncurrency = "USD"',
            5,
            "ledger.rates: the model '.*' has a price in EUR; say what one is worth in USD",
        ),
    ],
)
def test_a_faulty_row_is_refused_with_its_line(
    tmp_path: Path, rows: str, line: int | None, why: str
) -> None:
    file = tmp_path / "visus.toml"
    file.write_text(f"# models\n[[models]]\n{rows}\n")
    with pytest.raises(config.ConfigRefused, match=why) as refusal:
        config.load(file, {})
    if line is not None:
        assert f"visus.toml:{line}:" in str(refusal.value)
