"""What every case claims besides its own point: threats.md, the line above its tables."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.support.service import Reply, Service

SECRETS = (
    "sk-upstream",
    "CANARY",
    "iVBORw0KGgo",
    "/9j/4",
    "Traceback",
    " object at 0x",
    "10.9.8.7",
)
"""What may stand in no answer."""
NEVER_LOGGED = (
    "sk-upstream",
    "sk-visus-",
    "iVBORw0KGgo",
    "/9j/4",
    "Traceback",
    "PROMPT-CANARY",
)
"""What may stand nowhere in the log; an upstream's own words may, as `detail`."""


def refused(
    service: Service, reply: Reply, status: int, code: str, param: str | None = None
) -> dict[str, Any]:
    """A whole answer that is this error, logged once; returns its record."""
    assert reply.error() == (status, code, param), reply.body
    return recorded(service, reply, status)


def answered(service: Service, reply: Reply) -> Any:
    """A whole answer, or a whole stream; returns the JSON of the former."""
    assert reply.status == 200, reply.body
    recorded(service, reply, 200)
    if reply.headers["content-type"].startswith("text/event-stream"):
        assert reply.events()[-1] == "[DONE]"
        return None
    return reply.json()


def broke_off(service: Service, reply: Reply, code: str) -> str:
    """A stream that ends with this error and no `[DONE]`; returns the text before it."""
    assert reply.status == 200, reply.body
    *chunks, last = reply.events()
    assert set(last) == {"error", "detail"}
    assert (last["error"]["code"], last["detail"]) == (code, last["error"]["message"])
    assert set(last["error"]) == {"message", "type", "param", "code"}
    assert all(one["choices"][0]["finish_reason"] is None for one in chunks)
    assert recorded(service, reply, 200)["code"] == code
    return text_of(chunks)


def recorded(service: Service, reply: Reply, status: int) -> dict[str, Any]:
    """The one record of this request, and no secret in the answer."""
    body = reply.body.decode("utf-8", "replace")
    assert not [secret for secret in (*SECRETS, service.key) if secret in body]
    assert reply.headers["x-request-id"].startswith("req_")
    records = service.records(reply.headers["x-request-id"])
    assert [one["status"] for one in records] == [status]
    return records[0]


def text_of(events: list[Any], choice: int = 0) -> str:
    """The text of a stream's chunks."""
    return "".join(
        one["delta"].get("content") or ""
        for event in events
        if event != "[DONE]"
        for one in event["choices"]
        if one["index"] == choice
    )


def healthy(service: Service) -> None:
    """The service lives and answers at once."""
    began_s = time.monotonic()
    assert service.request("GET", "/health", None, {}).status == 200
    assert time.monotonic() - began_s < 1
    assert service.process.poll() is None


def children(service: Service) -> set[int]:
    """The processes below the service's own."""
    found: set[int] = set()
    waiting = [service.process.pid]
    while waiting:
        pid = waiting.pop()
        for path in Path(f"/proc/{pid}/task").glob("*/children"):
            new = [int(one) for one in path.read_text().split()]
            found.update(new)
            waiting += new
    return found


def rss_mb(service: Service, field: str = "VmRSS") -> float:
    """Memory of the serving process; `VmHWM` for its peak."""
    status = Path(f"/proc/{service.process.pid}/status").read_text()
    line = next(one for one in status.splitlines() if one.startswith(field))
    return int(line.split()[1]) / 1024


DATABASE_FILES = 3 * 15
"""Two or three for each connection of the pool, which is made when it is wanted and stays."""


def open_files(service: Service) -> int:
    """Descriptors of the serving process, but for those of its database."""
    names: list[str] = []
    for link in Path(f"/proc/{service.process.pid}/fd").iterdir():
        with suppress(FileNotFoundError):  # closed in between
            names.append(str(link.readlink()))
    others = [name for name in names if "/visus.db" not in name]
    assert len(names) - len(others) <= DATABASE_FILES
    return len(others)
