"""`visus rm`: removes a model that was pulled."""

import argparse
import sys
from pathlib import Path

from visus.cli import FAILED
from visus.cli.configured import configuration
from visus.local.gguf import shelf
from visus.units import MIB


def run(options: argparse.Namespace) -> int:
    """Removes it, or a download that has not ended."""
    folder = Path(configuration(options).settings.gguf.dir).absolute()
    try:
        freed = shelf.forget(folder, options.model)
    except KeyError:
        print(f"There is no pulled model {options.model!r}.", file=sys.stderr)
        return FAILED
    print(f"{options.model} is removed; {freed // MIB:,} MiB are free again.")
    return 0
