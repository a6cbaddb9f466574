"""`visus models`."""

import argparse
from pathlib import Path

from rich.console import Console
from rich.table import Table

from visus.cli.configured import configuration
from visus.config import ProviderAccess
from visus.models.catalogue import ModelRow


def run(options: argparse.Namespace) -> int:
    """Prints a table of the models."""
    chosen = configuration(options)
    table = Table()
    for heading in ("model", "provider", "region", "takes", "context", "state"):
        table.add_column(heading, overflow="fold")  # a name is copied whole or not at all
    for model in chosen.catalogue.models:
        for run_by in model.run_by:
            access = chosen.access[run_by.provider]
            if access.missing and not options.all:
                continue
            table.add_row(
                model.id,
                run_by.provider,
                access.row.region,
                ", ".join(model.input_modalities),
                f"{model.max_sequence_length:,}" if model.max_sequence_length else "?",
                _state(model, access),
            )
    Console().print(table)
    return 0


def _state(model: ModelRow, access: ProviderAccess) -> str:
    if access.missing:
        return f"set {' and '.join(access.missing)}"
    files = (file for file in (model.path, model.projector) if file is not None)
    return next((f"no file {file}" for file in files if not Path(file).is_file()), "ready")
