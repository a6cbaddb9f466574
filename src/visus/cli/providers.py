"""`visus providers check`: asks every provider that is set up what its rows say it can do."""

import argparse
from collections.abc import Sequence

import anyio
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from visus.cli.configured import configuration
from visus.config import ConfigRefused, Configuration
from visus.errors import ServiceError, UnsupportedParameter
from visus.flow.probe import ABILITIES, Probed, Prober
from visus.server.parts import all_parts


def run(options: argparse.Namespace) -> int:
    """Prints the table; 1 where a row is not true, or no provider can be asked."""
    chosen = configuration(options)
    unknown = [name for name in options.names if name not in chosen.access]
    if unknown:
        raise ConfigRefused(f"there is no provider {unknown[0]!r}")
    found = anyio.run(_probed, chosen, options.names, backend_options={"use_uvloop": True})
    table = Table("provider", "model", *ABILITIES, "first answer")
    for one in found:
        told = [_told(one, ability) for ability in ABILITIES]
        table.add_row(one.provider, one.model, *told, _ms(one))
    for name, access in chosen.access.items():
        if access.missing and (not options.names or name in options.names):
            table.add_row(
                name, f"[yellow]not set up: {escape(' and '.join(access.missing))}[/]"
            )
    Console().print(table)
    return int(not found or any(one.has_failed for one in found))


async def _probed(chosen: Configuration, names: Sequence[str]) -> list[Probed]:
    async with all_parts(chosen, own_ports=frozenset()) as parts:
        prober = Prober(upstreams=parts.upstreams, media=parts.chat)
        return [await prober.probe(*one) for one in prober.deployments(names)]


def _told(found: Probed, ability: str) -> str:
    if ability not in found.found:
        return "-"
    fault = found.found[ability]
    match fault:
        case None:
            return "[green]yes[/]"
        case UnsupportedParameter():
            return "not offered"
        case ServiceError():
            return f"[red]no[/]: {escape(fault.code)}"


def _ms(found: Probed) -> str:
    return "" if found.first_ms is None else f"{found.first_ms:,.0f} ms"
