"""The body of a request while it arrives, received into place.

A body whose length is declared is read from the socket straight into the block of memory in
which it stays; no parser copies it. A large one gets a block after another, each as large as
all before it, so that nobody gets memory for bytes that he only announced.
"""

import asyncio
from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from visus.errors import Overloaded, RequestTimedOut, RequestTooLarge, ServiceError
from visus.units import KIB, MIB

Bytes: TypeAlias = bytes | bytearray

FIRST_BLOCK_BYTES: Final = 256 * KIB
"""A smaller body is one block."""
LARGEST_BLOCK_BYTES: Final = 8 * MIB
HIGH_WATER_BYTES: Final = 8 * MIB
"""Unread bytes at which reading from the socket pauses."""
PIECES_HIGH_WATER_BYTES: Final = 256 * KIB
"""The same for a body that is taken in pieces, such as a form on its way to the disk."""


JOIN_BELOW_BYTES: Final = 16 * KIB
"""Smaller pieces are joined: a million of them would weigh a multiple of what they hold."""
CHECK_S: Final = 5.0
"""Between two looks at how fast a body comes."""


class Room:
    """How much of the memory all bodies together take."""

    __slots__ = ("held_bytes", "max_bytes")

    def __init__(self, max_bytes: int) -> None:
        self.held_bytes = 0
        self.max_bytes = max_bytes


class Pace(NamedTuple):
    """How fast a body has to come."""

    within_s: float
    """For all of it."""
    patience_s: float
    """From then on its average speed counts."""
    min_bytes_per_s: int


class HungUp(Exception):
    """The client is gone."""


def _nobody() -> None:
    """Does nothing: no more of the body is expected."""


class Body:
    """What has arrived of one body. The connection fills it, one task takes from it."""

    __slots__ = (
        "_block",
        "_fault",
        "_filled",
        "_held",
        "_limit",
        "_on_wanted",
        "_pieces",
        "_room",
        "_timer",
        "_view",
        "_waiter",
        "_wants_pieces",
        "is_complete",
        "is_lost",
        "left",
        "size",
    )

    def __init__(
        self, on_wanted: Callable[[], None], *, in_pieces: bool, room: Room | None = None
    ) -> None:
        """`on_wanted` is called when a task begins to wait for more."""
        self._room = None if in_pieces else room
        """What it counts in until it is released; pieces are on their way to the disk."""
        self.size = 0
        """Bytes that have arrived."""
        self.is_complete = False
        self.is_lost = False
        """Whether the client has gone before the last byte."""
        self._fault: ServiceError | None = None
        """Why no more of it can be understood."""
        self._on_wanted = on_wanted
        self._pieces: list[Bytes] = []
        self._held = 0
        self._limit = PIECES_HIGH_WATER_BYTES if in_pieces else HIGH_WATER_BYTES
        self._wants_pieces = in_pieces
        self.left = 0
        """Bytes that are still to come through `space`."""
        self._block: bytearray | None = None
        self._view: memoryview | None = None
        self._filled = 0
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    # --- For the connection ------------------------------------------------------------------

    @property
    def is_full(self) -> bool:
        """Whether the unread bytes exceed the limit, so that reading should pause."""
        return self._held > self._limit

    def expect(self, length: int) -> None:
        """So many more bytes will come, each through `space`."""
        self.left = length
        first, self._pieces = b"".join(self._pieces), []
        self._new_block(min(self._held + length, FIRST_BLOCK_BYTES), first)

    def space(self) -> memoryview:
        """Where the next bytes go; not empty, and never beyond the end of the body."""
        if self._view is None:
            size = min(self.left, max(FIRST_BLOCK_BYTES, self.size), LARGEST_BLOCK_BYTES)
            self._view = self._new_block(size, b"")
        return self._view[self._filled :]

    def _new_block(self, size: int, first: bytes) -> memoryview:
        self._block = bytearray(size)
        self._view = memoryview(self._block)
        self._view[: len(first)] = first
        self._filled = len(first)
        return self._view

    def arrived(self, count: int) -> None:
        """The next `count` bytes of `space` are filled."""
        self._filled += count
        self.left -= count
        self.size += count
        self._held += count
        if self._room is not None:
            self._room.held_bytes += count
        if self._block is not None and self._filled == len(self._block):
            self._pieces.append(self._block)
            self._block = self._view = None
        if not self.left:
            self.finish()
        elif self._wants_pieces or self.is_full or self._is_too_much:
            self._wake()

    def add(self, piece: bytes) -> None:
        """Adds a piece, however small."""
        last = self._pieces[-1] if self._pieces else None
        if isinstance(last, bytearray) and len(last) < JOIN_BELOW_BYTES:
            last += piece
        else:
            self._pieces.append(bytearray(piece) if len(piece) < JOIN_BELOW_BYTES else piece)
        self.size += len(piece)
        self._held += len(piece)
        if self._room is not None:
            self._room.held_bytes += len(piece)
        if self._wants_pieces or self.is_full or self._is_too_much:
            self._wake()

    def finish(self) -> None:
        """That was the last byte."""
        self.is_complete = True
        # A request and its body would hold each other until the collector finds them.
        self._on_wanted = _nobody
        self._wake()

    def lose(self) -> None:
        """Nothing more will come."""
        self.is_lost = True
        self._wake()

    def release(self) -> None:
        """Nobody needs its bytes any more, nor waits for others."""
        self._on_wanted = _nobody
        self._pieces, self._block, self._view = [], None, None
        room, self._room = self._room, None
        if room is not None:
            room.held_bytes -= self.size

    def fail(self, error: ServiceError) -> None:
        """What comes next is not a body."""
        self._fault = error
        self._wake()

    # --- For the task ------------------------------------------------------------------------

    async def whole(self, *, max_bytes: int, pace: Pace) -> Bytes:
        """Everything, once the last byte is here.

        Raises:
            RequestTooLarge: more than `max_bytes`; noticed as soon as they are exceeded.
            RequestTimedOut: slower than `pace`.
            Overloaded: it is large, and there is no room for it beside all others.
            CallerError: what comes is no body.
            HungUp: the client went away.
        """
        if not self.is_complete:
            self._limit = max_bytes
            loop = asyncio.get_running_loop()
            self._watch_pace(loop, pace, loop.time())
            try:
                while not self.is_complete and self.size <= max_bytes:
                    await self._wait()
                    self._check_room()
            finally:
                if self._timer is not None:
                    self._timer.cancel()
        self._check_room()
        if self.size > max_bytes:
            raise RequestTooLarge(f"The body is larger than {max_bytes} bytes.")
        return self.taken()

    @property
    def _is_too_much(self) -> bool:
        """Whether there is no room for it, which small bodies always have."""
        room = self._room
        if room is None or self.size <= FIRST_BLOCK_BYTES:
            return False
        return room.held_bytes > max(room.max_bytes, self.size)

    def _check_room(self) -> None:
        if self._is_too_much:
            message = "Too many large requests are under way."
            raise Overloaded(message, retry_after_s=1)

    def taken(self) -> Bytes:
        """Takes what has arrived since the last call."""
        pieces, self._pieces = self._pieces, []
        if self._view is not None and self._filled:
            pieces.append(bytes(self._view[: self._filled]))
            self._block = self._view = None
        self._held = 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def piece(self) -> bytes:
        """What has come since the last call; waits for something. Empty: that was all.

        Raises:
            CallerError: what comes is no body.
            HungUp: the client went away.
        """
        while not self._held and not self.is_complete:
            await self._wait()
        return bytes(self.taken())

    async def _wait(self) -> None:
        if self.is_lost:
            raise HungUp
        if self._fault is not None:
            raise self._fault
        self._waiter = asyncio.get_running_loop().create_future()
        self._on_wanted()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _watch_pace(self, loop: asyncio.AbstractEventLoop, pace: Pace, began_s: float) -> None:
        """Looks at the speed now and then; at the end of all patience the wait is over."""
        passed_s = loop.time() - began_s
        is_slow = self.size < pace.min_bytes_per_s * passed_s
        if passed_s >= pace.within_s or (passed_s >= pace.patience_s and is_slow):
            self._expire()
            return
        next_s = passed_s + CHECK_S if passed_s >= pace.patience_s else pace.patience_s
        again_s = min(pace.within_s, next_s)
        self._timer = loop.call_at(began_s + again_s, self._watch_pace, loop, pace, began_s)

    def _expire(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            fault = RequestTimedOut("The body did not arrive in time.")
            self._waiter.set_exception(fault)
