"""Which options of a question ask for something, by the names that callers know.

An option that says what would happen anyway (`n: 1`, a penalty of 0, `tool_choice: auto`) asks
for nothing: a model that does not know it loses nothing by that.
"""

from collections.abc import Iterator
from typing import Final, Literal, TypeAlias, get_args

from visus.core.question import NamedTool, Options

OptionName: TypeAlias = Literal[
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_tokens",
    "n",
    "parallel_tool_calls",
    "presence_penalty",
    "reasoning_effort",
    "response_format",
    "seed",
    "stop",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
]
"""The options that a model may be unable to honour."""
OPTION_NAMES: Final[tuple[OptionName, ...]] = get_args(OptionName)


def wishes(options: Options) -> Iterator[OptionName]:
    """The options that ask for something, in alphabetical order."""
    asked: dict[OptionName, object] = {
        "frequency_penalty": options.frequency_penalty,
        "logit_bias": options.logit_bias,
        "logprobs": options.logprobs,
        "max_tokens": options.max_tokens,
        "n": options.n is not None and options.n > 1,
        "parallel_tool_calls": options.parallel_tool_calls is False,
        "presence_penalty": options.presence_penalty,
        "reasoning_effort": options.reasoning_effort,
        "response_format": options.answer_format is not None,
        "seed": options.seed is not None,
        "stop": options.stop,
        "temperature": options.temperature is not None,
        "tool_choice": options.tool_choice == "required"
        or isinstance(options.tool_choice, NamedTool),
        "tools": options.tools,
        "top_logprobs": options.top_logprobs is not None,
        "top_p": options.top_p is not None,
        "user": options.user is not None,
    }
    return (name for name, wish in asked.items() if wish)
