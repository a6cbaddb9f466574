"""Whole videos: the formulas against a second reading of them, and what must hold."""

import math

import pytest
from hypothesis import given, strategies as st

from visus.core.video_tokens import Clip, GeminiVideo, QwenVideo

GEMINI = GeminiVideo(
    per_frame=258, per_frame_low=66, per_second_of_sound=32, frames_per_second=1
)
QWEN = QwenVideo(
    side_px=32,
    frames_per_second=2,
    min_frames=4,
    max_frames=768,
    min_volume_px=4_096,
    max_volume_px=25_165_824,
)
clips = st.builds(
    Clip,
    st.integers(32, 8192),
    st.integers(32, 8192),
    st.integers(1, 7_200_000),
    frames=st.none(),
    has_sound=st.booleans(),
).filter(lambda clip: max(clip[:2]) <= 200 * min(clip[:2]))


def qwen_again(width: int, height: int, seconds: float) -> int:
    """As the model's own processor does it, with floating point."""
    frames = min(max(int(seconds * 2), 4), 768)
    frames += frames % 2
    across, down = round(width / 32) * 32, round(height / 32) * 32
    if frames * across * down > 25_165_824:
        beta = math.sqrt(frames * height * width / 25_165_824)
        across = max(32, math.floor(width / beta / 32) * 32)
        down = max(32, math.floor(height / beta / 32) * 32)
    elif frames * across * down < 4_096:
        beta = math.sqrt(4_096 / (frames * height * width))
        across, down = math.ceil(width * beta / 32) * 32, math.ceil(height * beta / 32) * 32
    return frames // 2 * (across // 32) * (down // 32)


@pytest.mark.parametrize(
    ("clip", "tokens"),
    [
        (Clip(1280, 720, 10_000), 10 * 258 + 320),
        (Clip(1280, 720, 10_001), 11 * 258 + 321),
        (Clip(1280, 720, 10_000, has_sound=False), 10 * 258),
        (Clip(1280, 720, 10_000, frames=3), 3 * 258 + 320),
        (Clip(1280, 720, 0), 258),
    ],
)
def test_gemini_counts_a_frame_a_second_and_the_sound(clip: Clip, tokens: int) -> None:
    assert GEMINI.count(clip, "auto") == tokens


def test_gemini_counts_less_for_a_frame_at_low_detail() -> None:
    assert GEMINI.count(Clip(1280, 720, 10_000), "low") == 10 * 66 + 320


@pytest.mark.parametrize(
    ("clip", "frames"),
    [
        (Clip(320, 240, 100), 4),
        (Clip(320, 240, 2_999), 6),  # five, made even
        (Clip(320, 240, 3_000), 6),
        (Clip(320, 240, 383_999), 768),
        (Clip(320, 240, 10_000_000), 768),
        (Clip(320, 240, 3_000, frames=7), 8),
        (Clip(320, 240, 3_000, frames=900), 768),
    ],
)
def test_qwen_looks_at_an_even_number_of_frames_between_its_bounds(
    clip: Clip, frames: int
) -> None:
    assert QWEN.frames(clip) == frames


def test_qwen_counts_squares_of_pairs() -> None:
    assert QWEN.count(Clip(320, 240, 3_000), "auto") == 3 * 10 * 8
    assert QWEN.count(Clip(8, 8, 3_000), "auto") == 3  # enlarged to one square


@given(clips)
def test_qwen_counts_what_a_second_reading_says(clip: Clip) -> None:
    again = qwen_again(clip.width_px, clip.height_px, clip.duration_ms / 1000)
    assert abs(QWEN.count(clip, "auto") - again) <= 0.001 * again


@given(clips, st.integers(0, 60_000))
def test_a_longer_video_costs_gemini_no_less(clip: Clip, more_ms: int) -> None:
    longer = clip._replace(duration_ms=clip.duration_ms + more_ms)
    assert GEMINI.count(longer, "auto") >= GEMINI.count(clip, "auto")


@given(clips.filter(lambda clip: max(clip[:2]) <= 20 * min(clip[:2])))
def test_qwen_keeps_its_volume_but_for_strips(clip: Clip) -> None:
    assert 2 <= QWEN.count(clip, "auto") <= 25_165_824 // 2 // 1024
