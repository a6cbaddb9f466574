"""The yardstick: our server and our client library, relaying bytes that nobody reads.

uvicorn (uvloop, httptools) in front, aiohttp behind. What a gateway costs above this is its own
doing. Both ways of passing a body on were measured (docs/explanation/performance.md): gathered
first, which is the cheaper up to a few megabytes, and streamed, which is the cheaper above. The
yardstick takes the cheaper for each.
"""

import sys
from collections.abc import AsyncIterator
from contextlib import suppress

import aiohttp
import uvicorn
from starlette.types import Receive, Scope, Send
from yarl import URL

ROUTES = {
    "/v1/chat/completions": URL("http://127.0.0.1:9101/v1/chat/completions"),
    "/paced/v1/chat/completions": URL("http://127.0.0.1:9102/v1/chat/completions"),
}
"""Which upstream a path means: the body, which names the model, is not read."""

FORWARDED = frozenset({b"authorization", b"content-type", b"accept", b"content-length"})
RETURNED = frozenset({b"content-type", b"content-length", b"cache-control"})
STREAMED_FROM = 4 * 1024 * 1024
"""Bytes of a request body from which streaming it is the cheaper way."""


async def pieces_of(receive: Receive) -> AsyncIterator[bytes]:
    """The request body as it arrives."""
    more = True
    while more:
        message = await receive()
        yield message.get("body", b"")
        more = message["more_body"]


async def body_of(receive: Receive) -> bytes:
    """The whole request body, joined once."""
    pieces = [piece async for piece in pieces_of(receive)]
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


class NullGateway:
    """An ASGI application that owns one pool of connections to the upstreams."""

    def __init__(self) -> None:
        self.session: aiohttp.ClientSession | None = None

    def upstream(self) -> aiohttp.ClientSession:
        """The pool, made on the first request because it belongs to the running loop."""
        if self.session is None:
            self.session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=300),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None),
                auto_decompress=False,
                skip_auto_headers=("User-Agent", "Accept-Encoding", "Content-Type", "Accept"),
            )
        return self.session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Relay one request, and its answer chunk by chunk as it arrives."""
        headers = {k.decode(): v.decode() for k, v in scope["headers"] if k in FORWARDED}
        large = int(headers.get("content-length", "0")) >= STREAMED_FROM
        body = pieces_of(receive) if large else await body_of(receive)
        url = ROUTES[scope["path"]]
        async with self.upstream().post(url, data=body, headers=headers) as answer:
            kept = [(k.lower(), v) for k, v in answer.raw_headers if k.lower() in RETURNED]
            start = {"type": "http.response.start", "status": answer.status, "headers": kept}
            await send(start)
            if answer.content_length is not None:
                await send({"type": "http.response.body", "body": await answer.read()})
                return
            async for chunk in answer.content.iter_any():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        uvicorn.run(
            NullGateway(),
            port=int(sys.argv[1]),
            loop="uvloop",
            http="httptools",
            lifespan="off",
            access_log=False,
            log_level="warning",
            server_header=False,
            date_header=False,
        )
