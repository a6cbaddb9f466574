"""Turns what msgspec finds wrong with a JSON body into errors that say what, and where."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import msgspec

from visus.errors import CallerError, InvalidJson, InvalidValue, MissingParameter
from visus.wire.choices import choices_at

_PLACE: Final = re.compile(
    r"^(?P<what>.*?)(?: - at (?:`key` in )?`(?P<path>\$[^`]*)`)?$", re.DOTALL
)
_MISSING: Final = re.compile(r"^Object missing required field `(?P<field>[^`]+)`$")
_UNKNOWN: Final = re.compile(r"^Object contains unknown field `(?P<field>[^`]+)`")
_OTHER_WORD: Final = re.compile(r"^Invalid (?:enum )?value ['\"](?P<word>.*)['\"]$", re.DOTALL)
_MAX_WORD: Final = 100
"""How many characters of a wrong word are told."""


@contextmanager
def shape_faults(shape: type[msgspec.Struct]) -> Generator[None]:
    """Turns what msgspec finds wrong with a body of this shape into an error that says so."""
    try:
        yield
    except msgspec.ValidationError as fault:
        raise _wrong_shape(str(fault), shape) from fault
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise InvalidJson("The body is not valid JSON.", detail=str(fault)) from fault


def is_about_unknown_field(fault: str) -> bool:
    """Whether msgspec's message is that of an unknown field."""
    return _UNKNOWN.match(fault) is not None


def _wrong_shape(fault: str, shape: type[msgspec.Struct]) -> CallerError:
    """The error that says what msgspec found wrong, and where."""
    found = _PLACE.match(fault)
    what, path = (found["what"], found["path"] or "$") if found else (fault, "$")
    param = path.removeprefix("$").removeprefix(".").partition("[...]")[0]
    if missing := _MISSING.match(what):
        param = f"{param}.{missing['field']}".removeprefix(".")
        return MissingParameter(f"The field '{param}' is required.", param=param)
    if unknown := _UNKNOWN.match(what):
        param = f"{param}.{unknown['field']}".removeprefix(".")
        return InvalidValue(f"There is no option '{param}'.", param=param)
    if (other := _OTHER_WORD.match(what)) and (allowed := choices_at(path, shape)):
        one_of = "one of " if len(allowed) > 1 else ""
        choices = ", ".join(f"'{word}'" for word in allowed)
        what = f"Invalid value '{other['word'][:_MAX_WORD]}': it must be {one_of}{choices}"
    return InvalidValue(f"{what.replace('`', chr(39))}.", param=param or None)
