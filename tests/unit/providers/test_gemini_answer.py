"""What is made of the counts that a Gemini server tells."""

import json

import pytest

from visus.core.events import TokensUsed
from visus.core.prompt import Prompt
from visus.core.question import Options
from visus.providers.gemini_answer import whole

PROMPT = Prompt("up", [], Options(), streamed=False, within=())
CANDIDATE = {"content": {"parts": [{"text": "Seen."}]}, "finishReason": "STOP"}


def counted(usage: object) -> list[TokensUsed]:
    """The reports in an answer that tells this."""
    body = {"candidates": [CANDIDATE], "usageMetadata": usage}
    events, _ = whole(json.dumps(body).encode(), PROMPT)
    return [event for event in events if isinstance(event, TokensUsed)]


def test_what_can_have_been_counted_is_told() -> None:
    usage = {"promptTokenCount": 812, "candidatesTokenCount": 3, "totalTokenCount": 815}
    assert counted(usage) == [TokensUsed(812, 3)]
    assert counted(usage | {"promptTokensDetails": None}) == [TokensUsed(812, 3)]


@pytest.mark.parametrize(
    "usage",
    [
        {"promptTokenCount": -812},
        {"promptTokenCount": 10**30},
        {"promptTokenCount": 10**9, "toolUsePromptTokenCount": 1},
        {"promptTokenCount": "812"},
        {"promptTokenCount": None},
        {
            "promptTokenCount": 8,
            "promptTokensDetails": [{"modality": "IMAGE", "tokenCount": -1}],
        },
        [812, 3],
        "many",
        None,
    ],
)
def test_of_what_nobody_can_have_counted_the_answer_stays(usage: object) -> None:
    assert counted(usage) == []
