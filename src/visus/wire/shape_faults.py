"""Turns what msgspec finds wrong with a JSON body into errors that say what, and where."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import msgspec

from visus.errors import CallerError, InvalidJson, InvalidValue, MissingParameter

_PLACE: Final = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>\$.*)`)?$", re.DOTALL)
_MISSING: Final = re.compile(r"^Object missing required field `(?P<field>[^`]+)`$")
_UNKNOWN: Final = re.compile(r"^Object contains unknown field `(?P<field>[^`]+)`")


@contextmanager
def shape_faults() -> Generator[None]:
    """Turns what msgspec finds wrong with a body into an error that says what, and where."""
    try:
        yield
    except msgspec.ValidationError as fault:
        raise _wrong_shape(str(fault)) from fault
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as fault:
        raise InvalidJson("The body is not valid JSON.", detail=str(fault)) from fault


def is_about_unknown_field(fault: str) -> bool:
    """Whether msgspec's message is that of an unknown field."""
    return _UNKNOWN.match(fault) is not None


def _wrong_shape(fault: str) -> CallerError:
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
    return InvalidValue(f"{what.replace('`', chr(39))}.", param=param or None)
