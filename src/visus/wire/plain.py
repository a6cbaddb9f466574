"""Values that are written as plain text: in a query, or in a field of a form."""

import re
from typing import Final, TypeVar
from urllib.parse import parse_qsl

from visus.errors import InvalidValue

MAX_QUERY_BYTES: Final = 4096
_Name = TypeVar("_Name", bound=str)
_WHOLE_NUMBER: Final = re.compile(r"[0-9]{1,12}")


def parameters_of(query: bytes) -> dict[str, str]:
    """What a query string says; of a name that is there twice the last value.

    Raises:
        InvalidValue: it is longer than anybody needs.
    """
    if len(query) > MAX_QUERY_BYTES:
        raise InvalidValue(f"The query is longer than {MAX_QUERY_BYTES} bytes.")
    return dict(parse_qsl(query.decode("latin-1"), keep_blank_values=True))


def one_of(allowed: tuple[_Name, ...], value: str, param: str) -> _Name:
    """The value.

    Raises:
        InvalidValue: at `param`; it is none of these.
    """
    for one in allowed:
        if one == value:
            return one
    choices = ", ".join(f"'{one}'" for one in allowed)
    raise InvalidValue(f"The value must be one of {choices}.", param=param)


def whole_number(value: str, allowed: range, param: str) -> int:
    """The number.

    Raises:
        InvalidValue: at `param`; it is none, or out of range.
    """
    if not _WHOLE_NUMBER.fullmatch(value) or int(value) not in allowed:
        message = f"The value must be a whole number from {allowed[0]} to {allowed[-1]}."
        raise InvalidValue(message, param=param)
    return int(value)
