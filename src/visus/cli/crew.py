"""Several processes on one socket: started, supervised, replaced and ended together.

This process answers nothing itself. It holds the socket, so that clients that connect while its
processes change are served a moment later.
"""

import argparse
import asyncio
import ctypes
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from socket import socket
from typing import Final

from visus.config import ServerSettings
from visus.telemetry import event

READY: Final = b"ready\n"
START_ATTEMPTS: Final = 3
"""Of a process that is to take another one's place."""
LONGEST_REST_S: Final = 30.0
"""Between two starts of a process that dies again and again."""
_PR_SET_PDEATHSIG: Final = 1
_SOUND_AFTER_S: Final = 30.0
"""Who lived for so long does not die again and again."""
_PATIENCE_S: Final = 15.0
"""Beside the grace, for a process to end."""


def run(options: argparse.Namespace, settings: ServerSettings, listener: socket) -> int:
    """Serves until SIGINT or SIGTERM.

    SIGHUP goes on to every process; at SIGUSR2 each is replaced by a new one, one after the
    other, and no connection is refused.
    """
    return asyncio.run(_Crew(options, settings, listener).serve())


def end_with_it() -> None:
    """Has the kernel end this process when the one that started it dies (prctl(2))."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class _Member:
    """A running process."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.began_s = time.monotonic()
        self.said: list[bytes] = []
        """What it printed until it was ready."""

    async def is_ready(self) -> bool:
        """Waits until it answers; False: it has ended instead."""
        stdout = self.process.stdout
        while stdout is not None and (line := await stdout.readline()):
            if line == READY:
                return True
            self.said.append(line)
        return False

    def tell(self, number: signal.Signals) -> None:
        """Sends a signal, if the process still runs."""
        with suppress(ProcessLookupError):
            self.process.send_signal(number)


class _Crew:
    def __init__(
        self, options: argparse.Namespace, settings: ServerSettings, listener: socket
    ) -> None:
        self._options = options
        self._settings = settings
        self._listener = listener
        self._slots: list[_Member | None] = [None] * settings.workers
        self._started: set[_Member] = set()
        """All that live, also those that are not ready yet."""
        self._is_ending = False
        self._end = asyncio.Event()
        self._replaced = asyncio.Lock()

    async def serve(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._end.set)
        loop.add_signal_handler(signal.SIGHUP, self._tell_all, signal.SIGHUP)
        replacing: set[asyncio.Task[None]] = set()
        loop.add_signal_handler(
            signal.SIGUSR2, lambda: replacing.add(asyncio.create_task(self._replace_all()))
        )
        first = [await self._start(is_quiet=slot > 0) for slot in range(len(self._slots))]
        if not all(await asyncio.gather(*(one.is_ready() for one in first))):
            await self._end_all()
            return 1
        self._slots = list(first)
        sys.stdout.buffer.write(b"".join([*first[0].said, READY]))
        sys.stdout.buffer.flush()
        watches = [asyncio.create_task(self._watch(slot)) for slot in range(len(first))]
        await self._end.wait()
        self._is_ending = True
        for task in (*watches, *replacing):
            task.cancel()
        return await self._end_all()

    async def _start(self, *, is_quiet: bool = True) -> _Member:
        """A new process on the same socket; only the first one of all says what to do."""
        options = self._options
        words = ["--listener", str(self._listener.fileno())]
        for name in ("config", "state", "host", "port"):
            if (value := getattr(options, name)) is not None:
                words += [f"--{name}", str(value)]
        if is_quiet or options.quiet:
            words.append("--quiet")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "visus",
            "serve",
            *words,
            stdout=PIPE,
            pass_fds=[self._listener.fileno()],
            start_new_session=True,
        )
        member = _Member(process)
        self._started = {one for one in self._started if one.process.returncode is None}
        self._started.add(member)
        return member

    async def _watch(self, slot: int) -> None:
        """Keeps a process in this slot; replaces it when it dies."""
        rest_s = 0.5
        while not self._is_ending:
            member = self._slots[slot]
            if member is None:
                await asyncio.sleep(rest_s)
                member = await self._start()
                self._slots[slot] = member if await member.is_ready() else None
                rest_s = min(LONGEST_REST_S, rest_s * 2)
                continue
            code = await member.process.wait()
            if self._slots[slot] is member:
                event("a process has died", {"pid": member.process.pid, "code": code})
                self._slots[slot] = None
                if time.monotonic() - member.began_s > _SOUND_AFTER_S:
                    rest_s = 0.5

    async def _replace_all(self) -> None:
        """Replaces each process by a new one, which is ready before the old one ends."""
        async with self._replaced:
            for slot, old in enumerate(self._slots):
                new = await self._start_anew()
                if new is None:
                    event("a new process does not start, the old ones stay", {})
                    return
                self._slots[slot] = new
                if old is not None:
                    old.tell(signal.SIGTERM)
                    await old.process.wait()
            event("every process was replaced", {})

    async def _start_anew(self) -> _Member | None:
        """A process that is ready; None: several in a row have ended instead."""
        for _ in range(START_ATTEMPTS):
            member = await self._start()
            if await member.is_ready():
                return member
        return None

    def _tell_all(self, number: signal.Signals) -> None:
        for member in self._slots:
            if member is not None:
                member.tell(number)

    async def _end_all(self) -> int:
        """Ends them all, and says how: 0 where each ended in order."""
        members = [one for one in self._started if one.process.returncode is None]
        for member in members:
            member.tell(signal.SIGTERM)
        ended = asyncio.gather(*(member.process.wait() for member in members))
        try:
            async with asyncio.timeout(self._settings.shutdown_grace_s + _PATIENCE_S):
                codes = await ended
        except TimeoutError:
            for member in members:
                member.tell(signal.SIGKILL)
            return 1
        return int(any(codes))
