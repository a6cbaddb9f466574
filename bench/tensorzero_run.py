"""TensorZero's Rust gateway, started from its own wheel: `python tensorzero_run.py CONFIG`."""
# pyright: reportMissingImports=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false
# The wheel is installed in an environment of its own and has no types.

import signal
import sys

from tensorzero import tensorzero

gateway = tensorzero._start_http_gateway(  # noqa: SLF001 - the wheel's only way to start it
    config_file=sys.argv[1],
    clickhouse_url=None,
    postgres_url=None,
    valkey_url=None,
    async_setup=False,
)
sys.stdout.write(f"gateway at {getattr(gateway, 'base_url', gateway)}\n")
sys.stdout.flush()
signal.pause()
