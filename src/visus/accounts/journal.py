"""Writes the ledger: entries go to the spool at once, and later, in batches, to the database.

Callers need not wait: an entry survives the process as soon as it is in the spool. A thread
writes what has gathered to the database, twice a second. What the database does not take stays
in the spool until it does; an entry that it rejects for its content is set aside, so that it
does not block those behind it.
"""

import logging
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import sqlalchemy as sql

from visus.accounts import entries, refused, spool
from visus.accounts.clock import MS
from visus.accounts.entries import Batch, Entry, Hold
from visus.accounts.faults import storage_faults
from visus.accounts.spool import Piece, Spool
from visus.errors import StorageUnavailable

RETRY_S: Final = 1.0
"""How long the database is left alone when it did not take something."""
_FORGET_AFTER_S: Final = 30 * 86_400
log: Final = logging.getLogger("visus")


@dataclass(slots=True)
class Journal:
    """Writes entries. One for a process; closed at the end."""

    engine: sql.Engine
    folder: Path
    node: str
    every_s: float
    """How long entries gather before they go to the database."""
    insists: bool = False
    """Whether nothing is entered while the database takes nothing."""
    fault: StorageUnavailable | None = None
    """Why the database did not take what was last brought to it."""
    _waiting: list[Piece] = field(default_factory=list[Piece])
    """Pieces that it has not taken yet, in order."""
    _spent: list[Path] = field(default_factory=list[Path])
    """Files of those that it has taken."""
    _lock: threading.Lock = field(default_factory=threading.Lock)
    """Over the spool."""
    _writing: threading.Lock = field(default_factory=threading.Lock)
    """Over `_waiting` and `_spent`, and the way to the database."""
    _wanted: threading.Event = field(default_factory=threading.Event)
    _is_wanted: bool = False
    """The same, in a form that is cheaper to parse."""
    _closing: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _presence: int | None = None
    """The file that shows others that this process is alive."""
    _spool: Spool = field(init=False)

    def __post_init__(self) -> None:
        self._spool = Spool(self.folder, self.node)

    @property
    def waiting(self) -> int:
        """How many entries the database does not have yet."""
        return self._spool.pending + sum(len(one.batch.entries) for one in list(self._waiting))

    def enter(self, entry: Entry) -> None:
        """Enters something: from now on it outlives this process.

        Raises:
            StorageUnavailable: it cannot be written, or the database takes nothing, and this
                journal insists on it. Others remember what they cannot write.
        """
        if self.insists and isinstance(entry, Hold):
            self._refuse_if_away()
        with self._lock:
            try:
                self._spool.append(entry)
            except StorageUnavailable:
                if self.insists:
                    raise
                self._spool.remember(entry)
        if not self._is_wanted:
            self._wake()

    def _wake(self) -> None:
        self._is_wanted = True
        self._wanted.set()
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    thread = threading.Thread(target=self._run, name="ledger", daemon=True)
                    self._thread = thread
                    thread.start()

    def hold_money(self, held: Hold) -> bool:
        """Enters a hold at once; whether its project's budget has room. Blocking.

        What was spent before is brought to the database first, so that it counts.

        Raises:
            StorageUnavailable: the database does not answer. Once that is known, nobody waits
                for it any more until it takes something again.
        """
        self._refuse_if_away()
        with self._writing:
            self._refuse_if_away()  # one has waited for all
            self._flush()
        try:
            with (
                storage_faults(passing=refused.OF_NUMBERS),
                self.engine.begin() as connection,
            ):
                self._refuse_if_away()
                return entries.hold_money(connection, held)
        except refused.OF_NUMBERS:
            return False  # it is more than any budget can be
        except StorageUnavailable as fault:
            self._is_away(fault)
            raise

    def _is_away(self, fault: StorageUnavailable) -> None:
        if self.fault is None:
            self.fault = fault
            self._wake()

    def _refuse_if_away(self) -> None:
        fault = self.fault
        if fault is not None:
            raise StorageUnavailable(fault.message, detail=fault.detail, retry_after_s=5)

    def flush(self) -> None:
        """Brings everything to the database now. Blocking.

        Raises:
            StorageUnavailable: it does not take it, or the disk is at fault; what it has not
                taken is still in the spool.
        """
        with self._writing:
            self._flush()

    def _flush(self) -> None:
        try:
            with self._lock:
                self._waiting += self._spool.cut()
            while self._waiting:
                self._write(self._waiting[0])
                self._spent.append(self._waiting.pop(0).path)
            while self._spent:
                spool.drop(self._spent[0])
                del self._spent[0]
        except StorageUnavailable as fault:
            self._is_away(fault)
            raise

    def recover(self) -> int:
        """Brings to the database what processes left that have died. Blocking.

        What they held is given up. Says how many entries were found; it has to be called before
        anything is entered.
        """
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._presence = spool.be_present(self.folder, self.node)
        count = 0
        with spool.abandoned(self.folder) as pieces:
            for piece in pieces:
                self._keep_unreadable(piece)
                self._write(piece)
                spool.drop(piece.path)
                count += len(piece.batch.entries)
        now_s = time.time()
        with (
            spool.dead(self.folder) as nodes,
            storage_faults(),
            self.engine.begin() as connection,
        ):
            entries.release_nodes(connection, nodes, now_ms=int(now_s * MS))
            entries.forget_batches(connection, before_s=int(now_s) - _FORGET_AFTER_S)
        return count

    def close(self) -> None:
        """Brings everything to the database, and ends. Blocking.

        Raises:
            StorageUnavailable: it does not take it; the next start will find it in the spool.
        """
        self._closing.set()
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()
        self.flush()
        if self._presence is not None:
            os.close(self._presence)
            (self.folder / f"{self.node}{spool.PRESENCE}").unlink(missing_ok=True)

    def _write(self, piece: Piece) -> None:
        try:
            with storage_faults(passing=refused.OF_CONTENT), self.engine.begin() as connection:
                entries.write(connection, piece.batch)
        except refused.OF_CONTENT:
            self._write_others(piece.batch)

    def _keep_unreadable(self, piece: Piece) -> None:
        """Keeps lines that are damaged, or that only a newer Visus can read, in a file."""
        if piece.unreadable:
            path = refused.keep_unreadable(self.folder, piece)
            fields = {"file": path.name, "lines": len(piece.unreadable)}
            log.error("lines of the ledger cannot be read", extra={"fields": fields})

    def _write_others(self, batch: Batch) -> None:
        """Writes what the database does not refuse, and keeps the rest in a file."""
        with storage_faults(), self.engine.begin() as connection:
            found = refused.write_others(connection, batch)
            if not found:
                return
            # Before the transaction ends: then neither they nor the others can be lost.
            path = refused.keep(self.folder, batch, found)
        fields = {
            "file": path.name,
            "records": [one.entry.record_id for one in found],
            "why": sorted({one.why for one in found}),
        }
        log.error("the database refuses entries of the ledger", extra={"fields": fields})

    @property
    def refused_files(self) -> int:
        """How many files of entries there are that the database refuses."""
        return refused.kept(self.folder)

    # --- In the thread -----------------------------------------------------------------------

    def _run(self) -> None:
        while not self._closing.is_set():
            self._wanted.wait()
            self._closing.wait(self.every_s if self.fault is None else RETRY_S)
            self._wanted.clear()
            # Only then: whoever finds it false asks for the next turn, and is heard. What was
            # entered by those who still found it true is brought now.
            self._is_wanted = False
            try:
                self._bring()
            except StorageUnavailable as fault:
                self._try_again(fault)
            except Exception as fault:  # whatever it is, the next attempt may succeed
                log.exception("fault in bringing entries to the database")
                message = "The database does not answer."
                self._try_again(StorageUnavailable(message, detail=repr(fault)))
            else:
                self.fault = None

    def _try_again(self, fault: StorageUnavailable) -> None:
        self.fault = fault
        self._is_wanted = True
        self._wanted.set()

    def _bring(self) -> None:
        """What has gathered; where the database was away, it is tried before others wait."""
        was_away = self.fault is not None
        if was_away:
            self._try()
        with self._writing:
            if not was_away:
                self._refuse_if_away()  # found out by whom this has waited for
            self._flush()

    def _try(self) -> None:
        """Finds out whether the database takes anything, by writing nothing."""
        with storage_faults(), self.engine.begin() as connection:
            entries.forget_batches(connection, before_s=0)
