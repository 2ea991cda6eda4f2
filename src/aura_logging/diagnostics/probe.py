"""Send one synthetic record through every real handler chain, and see what becomes of it.

The record is logged on no logger: it is handed to the handlers themselves, on the logger name `aura.probe`, with
`synthetic: true`, so it reaches neither Sentry nor another logger's handlers. It carries a card number of the test
range, which a scrubber on the way must have redacted where it arrives.

* Nobody is paged: a handler that sends mail or posts to another host, and one at ERROR or above that we do not know,
  gets no record, nor does a chain with one in it; its filters and its format are tried, and its server is called on.
* No metric is spoilt: a `MetricsHandler` gets no record; its store is written to and read, beside the metrics.
* Nothing is printed: a handler on standard output or error only formats.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import secrets
import socket
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from aura_logging.diagnostics.report import Probe
from aura_logging.diagnostics.topology import HandlerNode, Topology, file_of, kind_of, posts_to, sends_away_to
from aura_logging.filters import SecurityFilter
from aura_logging.handlers.async_buffered import AsyncBufferedHandler
from aura_logging.handlers.hearing import emit_heard, hear_failures
from aura_logging.handlers.metrics import MetricsHandler
from aura_logging.handlers.targets import wanted
from aura_logging.health import Checkable, Health
from aura_logging.metrics.stores.base import MetricsStore
from aura_logging.resilience.clock import Clock

__all__ = ["PROBE_LOGGER", "probe_all"]

PROBE_LOGGER = "aura.probe"

_SECRET = "4111 1111 1111 1111"  # noqa: S105  # the card number that payment firms give out for tests
_WAIT_SECONDS = 5.0
_CONNECT_SECONDS = 2.0
_MOST_READ_BYTES = 4 << 20
_NOT_SENT = "not sent"
_ADMIN_MAIL = "django.utils.log.AdminEmailHandler"


Address = tuple[str, int]


def probe_all(
    topology: Topology, mail_server: Address | None = None, clock: Clock = time.perf_counter
) -> tuple[Probe, ...]:
    """Probe every handler that a logger knows, and each one behind a failover by itself; never raises.

    Takes at most a few seconds for each. It is this process's handlers that are tried, as this process's user, and
    not those of the workers. `mail_server` is the one that AdminEmailHandler sends through: only Django knows it.
    """
    return tuple(_Attempt(topology, node, mail_server, clock).probe() for node in _to_probe(topology))


def _to_probe(topology: Topology) -> Iterator[HandlerNode]:
    for node in topology.handlers:
        parent = topology.named(node.behind) if node.behind else None
        if parent is None or len(parent.inner) > 1:
            yield node


class _Attempt:
    """One synthetic record and one handler."""

    def __init__(self, topology: Topology, node: HandlerNode, mail_server: Address | None, clock: Clock) -> None:
        self._topology = topology
        self._node = node
        self._handler = node.handler
        self._mail_server = mail_server
        self._clock = clock
        self._chain = list(topology.chain(node))
        self._ends = [each for each in self._chain if not each.inner]
        self._blank = Probe(node.name, kind_of(node.handler), "failed", "", 0.0)

    def probe(self) -> Probe:
        """Return what became of it."""
        started = self._clock()
        before = self._dropped()
        try:
            probe = self._tried()
        except Exception as error:  # noqa: BLE001  # a handler may be anybody's, and what it raises is the answer
            probe = replace(self._blank, detail=_told(error), latency_seconds=self._clock() - started)
        dropped = max(0, self._dropped() - before)
        health = _health(self._handler)
        is_open = bool(health and health.circuit_open)
        if probe.outcome != "failed" and (dropped or is_open):
            probe = replace(probe, outcome="failed", detail=self._complaint() or "the record was dropped")
        return replace(probe, dropped=dropped, circuit_open=is_open)

    def _tried(self) -> Probe:
        if isinstance(self._handler, MetricsHandler):
            return _try_store(self._handler.store, self._blank, self._clock)
        record, token = self._synthetic()
        refusals = [_reason_not_to_send(each.handler) for each in self._ends]
        pager = next((number for number, refusal in enumerate(refusals) if refusal.startswith(_NOT_SENT)), None)
        if pager is not None or refusals[0]:
            at = pager or 0
            return self._checked(self._ends[at], record, refusals[at])
        return self._sent(record, token)

    def _synthetic(self) -> tuple[logging.LogRecord, str]:
        """Return a record that the levels of the chain let through, and what to know it by."""
        level = max(logging.WARNING, *(each.handler.level for each in self._chain))
        token = f"probe-{secrets.token_hex(8)}"
        record = logging.getLogger(PROBE_LOGGER).makeRecord(
            PROBE_LOGGER, level, __file__, 0, "health probe %s, card %s", (token, _SECRET), None,
            extra={"synthetic": True},
        )  # fmt: skip
        return record, token

    def _sent(self, record: logging.LogRecord, token: str) -> Probe:
        files = {path: _size(path) for end in self._ends if (path := file_of(end.handler)) is not None}
        started = self._clock()
        is_kept = self._handed_over(record)
        latency = self._clock() - started
        probe = replace(self._blank, latency_seconds=latency)
        if not is_kept:
            return replace(probe, outcome="checked", detail="a filter dropped it, as it would any record of this level")
        if not self._flushed():
            late = f"it was not delivered within {_WAIT_SECONDS:g} s"
            return replace(probe, detail=self._complaint() or late)
        probe = replace(probe, lag_seconds=self._clock() - started)
        return self._seen_at_its_end(probe, files, token)

    def _handed_over(self, record: logging.LogRecord) -> bool:
        """Hand it over as a logger would; what a handler at the end would keep to itself is raised."""
        handler: Any = self._handler
        for above in self._topology.above(self._node)[:-1]:
            # Behind another, it gets what that one's filters have made of a record.
            record = wanted(above.handler, record) or record
        if self._node.inner:
            return bool(handler.handle(record))
        kept: Any = handler.filter(record)
        if kept:
            with _heard(handler):
                emit_heard(handler, kept if isinstance(kept, logging.LogRecord) else record)
        return bool(kept)

    def _flushed(self) -> bool:
        flush: Any = self._handler.flush
        return (flush(_WAIT_SECONDS) if isinstance(self._handler, AsyncBufferedHandler) else flush()) is not False

    def _seen_at_its_end(self, probe: Probe, files: Mapping[Path, int], token: str) -> Probe:
        readable = {path: size for path, size in files.items() if path.is_file()}
        for path, size in readable.items():
            line = _read_back(path, size, token)
            if line is not None:
                is_scrubbed = _SECRET.encode() not in line
                probe = replace(probe, is_read_back=True, is_scrubbed=is_scrubbed)
                if self._has_scrubber() and not is_scrubbed:
                    return replace(probe, detail="the security filter let a card number pass")
                return replace(probe, outcome="delivered", detail=f"read back from {path}")
        if readable:
            missing = f"it was taken, and is not in {next(iter(readable))}"
            return replace(probe, detail=self._complaint() or missing, is_read_back=False)
        complaint = self._complaint()
        if complaint:
            return replace(probe, detail=complaint)
        names = ", ".join(each.name for each in self._ends)
        return replace(probe, outcome="accepted", detail=f"taken by {names}; it cannot be read back")

    def _checked(self, end: HandlerNode, record: logging.LogRecord, refusal: str) -> Probe:
        """Try what can be tried without sending: the filters, the format, the way to the server."""
        started = self._clock()
        for each in self._topology.above(end):
            record = wanted(each.handler, record) or record
        if end.handler.formatter is not None:
            end.handler.formatter.format(record)
        address = self._server_of(end.handler)
        if address is not None:
            try:
                socket.create_connection(address, timeout=_CONNECT_SECONDS).close()
            except OSError as error:
                raise ConnectionError(f"{address[0]}:{address[1]} does not answer: {error}") from error
            refusal += f"; {address[0]}:{address[1]} answers"
        return replace(self._blank, outcome="checked", detail=refusal, latency_seconds=self._clock() - started)

    def _server_of(self, handler: logging.Handler) -> Address | None:
        return self._mail_server if kind_of(handler) == _ADMIN_MAIL else posts_to(handler)

    def _has_scrubber(self) -> bool:
        passed = [each for above in self._topology.above(self._node) for each in above.filters]
        passed += [each for below in self._chain for each in below.filters]
        return any(isinstance(each, SecurityFilter) for each in passed)

    def _complaint(self) -> str:
        """Return what the first handler of the chain says that is not well; a handler that lost lines once is."""
        for each in reversed(self._chain):
            health = _health(each.handler)
            if health is not None and health.detail and health.detail != "records were lost":
                return health.detail if each is self._node else f"{each.name}: {health.detail}"
        return ""

    def _dropped(self) -> int:
        health = _health(self._handler)
        return sum(health.dropped.values()) if health is not None else 0


def _try_store(store: MetricsStore, probe: Probe, clock: Clock) -> Probe:
    started = clock()
    name = f"probe:{secrets.token_hex(4)}"
    store.publish(name, "synthetic", 10.0)
    is_there = name in store.published()
    store.publish(name, "", 0)
    lag = clock() - started
    if not is_there:
        return replace(probe, detail="its store forgot what was written to it", is_read_back=False)
    detail = "its store was written to and read; nothing was counted"
    return replace(probe, outcome="delivered", detail=detail, lag_seconds=lag, is_read_back=True)


@contextmanager
def _heard(handler: logging.Handler) -> Iterator[None]:
    """A block in which what the handler would keep to itself is raised; afterwards it is as before."""
    before = handler.__dict__.get("handleError")
    hear_failures(handler)
    try:
        yield
    finally:
        if before is None:
            handler.__dict__.pop("handleError", None)


def _reason_not_to_send(handler: logging.Handler) -> str:
    if isinstance(handler, logging.NullHandler):
        return "it throws everything away"
    if _is_standard_stream(handler):
        return "formatted only: it writes to the terminal"
    if isinstance(handler, logging.handlers.SMTPHandler) or kind_of(handler) == _ADMIN_MAIL:
        return f"{_NOT_SENT}: it would mail somebody"
    if posts_to(handler) is not None:
        return f"{_NOT_SENT}: it may page somebody"
    is_known = type(handler).__module__.startswith(("logging", "aura_logging."))
    if not is_known and (handler.level >= logging.ERROR or sends_away_to(handler)):
        return f"{_NOT_SENT}: it may page somebody"
    return ""


def _is_standard_stream(handler: logging.Handler) -> bool:
    if not isinstance(handler, logging.StreamHandler) or isinstance(handler, logging.FileHandler):
        return False
    return handler.stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__)


def _read_back(path: Path, from_byte: int, token: str) -> bytes | None:
    """Return the line with the token among what was written since; from the beginning if the file was rotated."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(from_byte if size >= from_byte else 0, size - _MOST_READ_BYTES, 0))
            written = file.read(_MOST_READ_BYTES)
    except OSError:
        return None
    at = written.find(token.encode())
    if at < 0:
        return None
    begin = written.rfind(b"\n", 0, at) + 1
    end = written.find(b"\n", at)
    return written[begin : end if end >= 0 else len(written)]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _health(handler: logging.Handler) -> Health | None:
    return handler.health() if isinstance(handler, Checkable) else None


def _told(error: Exception) -> str:
    return str(error) if isinstance(error, ConnectionError) else f"{type(error).__name__}: {error}"
