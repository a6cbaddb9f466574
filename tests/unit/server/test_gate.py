"""The last line: whatever goes wrong has a status in the record, and nothing escapes."""

from typing import Any, cast

import pytest
from tests.support.wires import Wire, requested

from visus.config import ServerSettings
from visus.errors import StorageUnavailable
from visus.server.exchange import Exchange
from visus.server.gate import Entry, Gate, Routes
from visus.server.metrics import Metrics
from visus.server.shutdown import Shutdown

NOT_NEEDED = cast("Any", None)
PATH = "/health"
"""An open one: nobody has to be let in."""


@pytest.mark.parametrize(
    "fault", [StorageUnavailable("It cannot be written down."), ZeroDivisionError()]
)
async def test_a_fault_that_nobody_is_left_to_hear_is_a_hang_up(fault: Exception) -> None:
    async def breaks(exchange: Exchange) -> None:
        exchange.hung_up = True
        raise fault

    metrics = Metrics(models=tuple)
    gate = Gate(
        routes=Routes([Entry(PATH, "POST", breaks)]),
        authenticator=NOT_NEEDED,
        accounts=NOT_NEEDED,
        admins=NOT_NEEDED,
        settings=ServerSettings(),
        shutdown=Shutdown(),
        metrics=metrics,
    )
    wire = Wire()
    await gate.serve(requested(wire, PATH))
    assert metrics.requests == {(PATH, "POST", "499"): 1}
    assert metrics.in_flight == 0
    assert wire.sent == b""
