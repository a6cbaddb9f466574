"""Tables on the terminal."""

from typing import Final

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

_WIDEST: Final = 1000


def show(table: Table) -> None:
    """Prints a table whole: the terminal breaks one that is too wide for it.

    Truncated ids and numbers would be useless.
    """
    console = Console()
    options = console.options.update(max_width=_WIDEST)
    wide = Measurement.get(console, options, table).maximum
    Console(width=max(console.width, wide)).print(table)
