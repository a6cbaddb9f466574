"""`GET /v1/usage`: the usage of the caller's project; for administrators, of all projects."""

from dataclasses import dataclass
from typing import Final

import anyio.to_thread

from visus.accounts.usage import UsageBook
from visus.server import usage_report
from visus.server.exchange import JSON, Exchange, headers_with

CSV: Final = (b"content-type", b"text/csv; charset=utf-8")


@dataclass(frozen=True, slots=True)
class UsageRoute:
    """Sums of the ledger."""

    book: UsageBook
    currency: str

    async def __call__(self, exchange: Exchange) -> None:
        """Sends those of the caller's project; of all for an administrator."""
        own = None if exchange.key.is_admin else exchange.owner
        asked, format_, ignored = usage_report.wanted(exchange.request.query, project_id=own)
        rows = await anyio.to_thread.run_sync(self.book.sums, asked)
        is_csv = format_ == "csv"
        write = usage_report.as_csv if is_csv else usage_report.as_json
        headers = headers_with(ignored, kind=CSV if is_csv else JSON)
        await exchange.finish(200, write(rows, asked, self.currency), headers=headers)
