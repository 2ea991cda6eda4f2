"""Keep events on the disk while the store cannot be written, and hand them to it when it can."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from aura_logging.audit.canonical import parse
from aura_logging.audit.chain import start
from aura_logging.audit.chain_walk import ChainWalk
from aura_logging.audit.events import AuditEvent
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.stores.base import AuditError, AuditStore
from aura_logging.audit.stores.jsonl import JsonlAuditStore
from aura_logging.audit.stores.segment_files import segments
from aura_logging.audit.stores.statements import StatementFile
from aura_logging.resilience.forks import tell_after_fork

__all__ = ["AuditJournal"]

log = logging.getLogger("aura.audit")


class AuditJournal:
    """A chained JSONL store of its own that is emptied into another: nobody edits an event on its way unseen.

    An event is on the disk when `keep` returns, and delivered at least once, under its own id and time: a kill between
    delivering one and noting it makes that one event come twice. One process of all that name the directory delivers,
    what others left when they died too.
    """

    def __init__(self, directory: str | os.PathLike[str], keys: KeyRing) -> None:
        self.directory = Path(directory).absolute()
        self._keys = keys
        self._lock = threading.RLock()
        self._spool = self._new_spool()
        self._delivered = StatementFile(self.directory / "delivered.txt")
        self.kept = 0
        self.delivered = 0
        self.damaged: set[str] = set()
        """Chains that were changed while they waited: what is behind the damage is not delivered."""
        tell_after_fork(self)

    def _new_spool(self) -> JsonlAuditStore:
        return JsonlAuditStore(self.directory, self._keys, compress=None)

    def after_fork_in_child(self) -> None:
        """In a forked child: another thread of the parent may have held the lock."""
        self._lock = threading.RLock()

    def keep(self, event: AuditEvent) -> None:
        """Put an event on the disk; `AuditError` if even that fails."""
        with self._lock:
            self._spool.append(event)
            self.kept += 1

    def is_empty(self) -> bool:
        """Tell, by a look into the directory, whether nothing waits."""
        return not any(writer not in self.damaged for writer in segments(self.directory))

    def deliver(self, store: AuditStore) -> int:
        """Append what waits to the store, oldest chain first, and return how many; stops when the store fails.

        Does nothing while another process is at it.
        """
        count = 0
        with self._alone() as is_alone:
            if not is_alone:
                return 0
            with self._lock:
                # What was kept so far is a whole chain; what comes meanwhile begins another.
                finished, self._spool = self._spool, self._new_spool()
                finished.close()
            self._spool.tidy()
            for writer, files in segments(self.directory).items():
                if writer in self.damaged or any(not file.last for file in files):
                    continue  # a living process writes it; it delivers that itself
                count += self._deliver_chain(store, writer)
                for file in files:
                    if writer not in self.damaged:
                        (self.directory / file.name).unlink()
            if not segments(self.directory):
                self._delivered.path.unlink(missing_ok=True)
        return count

    def _deliver_chain(self, store: AuditStore, writer: str) -> int:
        noted = self._noted(writer)
        walk = ChainWalk(start(writer), self._keys)
        count = 0
        for entry in walk.follow(self._spool.entries(writer)):
            if entry.link.seq > noted:
                store.append(parse(entry.event_bytes))
                self._delivered.append([f"{writer} {entry.link.seq}".encode()])
                count += 1
                self.delivered += 1
        if walk.damage is not None:
            self.damaged.add(writer)
            log.error("journalled audit events were changed", extra={"writer": writer, "found": str(walk.damage)})
        return count

    def _noted(self, writer: str) -> int:
        name = writer.encode()
        return max((int(seq) for at, seq in map(bytes.split, self._delivered.lines()) if at == name), default=0)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[bool]:
        try:
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            fd = os.open(self.directory / ".delivery.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise AuditError(f"the journal {self.directory} cannot be read: {error}") from error
        try:
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(fd)
