"""The options of a question as fields of the Gemini API.

What it has no word for is refused by name.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from visus.core.question import JsonSchema, NamedTool, Options, Tool
from visus.errors import InvalidValue, UnsupportedParameter
from visus.providers.gemini_schema import converted

MAX_SEED: Final = 2**31 - 1
MAX_STOPS: Final = 5
MAX_CHOICES: Final = 8
MAX_TOP_LOGPROBS: Final = 20

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
Budget: TypeAlias = Annotated[int, msgspec.Meta(ge=-1, le=1_000_000)]


class Thinking(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `reasoning_effort` means to the models of a row."""

    by: Literal["budget", "level"] = "budget"
    """Whether thinking is set as a number of tokens (Gemini 2.5) or as a level (Gemini 3)."""
    none: Budget = 0
    """Tokens for `none`; -1 leaves it to the model. Some models cannot do without."""
    minimal: Budget = 1024
    low: Budget = 1024
    medium: Budget = 8192
    high: Budget = 24_576
    xhigh: Budget = 24_576
    max: Budget = 24_576

    def config(self, effort: str) -> Mapping[str, object]:
        """`thinkingConfig` for an effort; what it thinks is asked for with it."""
        if self.by == "level":
            if effort == "none":
                message = "This model cannot answer without thinking; 'minimal' is the least."
                raise InvalidValue(message, param="reasoning_effort")
            level = "high" if effort in {"xhigh", "max"} else effort
            return {"thinkingLevel": level.upper(), "includeThoughts": True}
        budgets = {
            "none": self.none,
            "minimal": self.minimal,
            "low": self.low,
            "medium": self.medium,
            "high": self.high,
            "xhigh": self.xhigh,
            "max": self.max,
        }
        budget = budgets[effort]
        return {"thinkingBudget": budget, "includeThoughts": budget != 0}


def generation_config(options: Options, thinking: Thinking) -> dict[str, object]:
    """`generationConfig`, but for what the pictures say of it.

    Raises:
        InvalidValue: a value beyond what the API takes.
        UnsupportedParameter: an option, or a keyword of a schema, that it does not know.
    """
    _refuse(options)
    effort = options.reasoning_effort
    wanted: dict[str, object | None] = {
        "maxOutputTokens": options.max_tokens,
        "temperature": options.temperature,
        "topP": options.top_p,
        "stopSequences": list(options.stop) or None,
        "seed": options.seed,
        "candidateCount": options.n,
        "presencePenalty": options.presence_penalty,
        "frequencyPenalty": options.frequency_penalty,
        "responseLogprobs": options.logprobs or None,
        "logprobs": options.top_logprobs,
        "thinkingConfig": thinking.config(effort) if effort is not None else None,
        **_answer_format(options),
    }
    return {name: value for name, value in wanted.items() if value is not None}


def tools(options: Options) -> dict[str, object]:
    """`tools` and `toolConfig`; nothing where no tool is offered."""
    if not options.tools:
        return {}
    declared = [_declared(tool, index) for index, tool in enumerate(options.tools)]
    found: dict[str, object] = {"tools": [{"functionDeclarations": declared}]}
    calling = _calling(options)
    if calling is not None:
        found["toolConfig"] = {"functionCallingConfig": calling}
    return found


def _refuse(options: Options) -> None:
    if options.logit_bias is not None and options.logit_bias != b"{}":
        message = "This model's server has no 'logit_bias'."
        raise UnsupportedParameter(message, param="logit_bias")
    bounds: Mapping[str, tuple[int | None, int]] = {
        "seed": (None if options.seed is None else abs(options.seed), MAX_SEED),
        "stop": (len(options.stop), MAX_STOPS),
        "n": (options.n, MAX_CHOICES),
        "top_logprobs": (options.top_logprobs, MAX_TOP_LOGPROBS),
    }
    for param, (given, most) in bounds.items():
        if given is not None and given > most:
            what = f"at most {most} sequences" if param == "stop" else f"at most {most}"
            raise InvalidValue(f"This model's server takes {what}.", param=param)


def _answer_format(options: Options) -> dict[str, object]:
    match options.answer_format:
        case None:
            return {}
        case JsonSchema() as wanted:
            schema = converted(
                wanted.schema, "response_format.json_schema.schema", is_strict=True
            )
            if wanted.description is not None:
                schema.setdefault("description", wanted.description)
            return {"responseMimeType": "application/json", "responseJsonSchema": schema}
        case _:
            return {"responseMimeType": "application/json"}


def _declared(tool: Tool, index: int) -> dict[str, object]:
    param = f"tools[{index}].function"
    if not _NAME.fullmatch(tool.name):
        message = "On this model a function's name begins with a letter or '_'."
        raise InvalidValue(message, param=f"{param}.name")
    declared: dict[str, object] = {"name": tool.name}
    if tool.description is not None:
        declared["description"] = tool.description
    if tool.parameters is not None:
        declared["parametersJsonSchema"] = converted(
            tool.parameters, f"{param}.parameters", is_strict=tool.strict is True
        )
    return declared


def _calling(options: Options) -> dict[str, object] | None:
    match options.tool_choice:
        case NamedTool(name):
            return {"mode": "ANY", "allowedFunctionNames": [name]}
        case "required":
            return {"mode": "ANY"}
        case "none":
            return {"mode": "NONE"}
        case _:
            is_strict = any(tool.strict for tool in options.tools)
            return {"mode": "VALIDATED"} if is_strict else None
