"""Learn from the store how every process is, and tell who is alive from who was killed."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import orjson
import psutil

from aura_logging.diagnostics.report import Condition, FilterState, HandlerState, HandlerTotals, PartState, Worker
from aura_logging.handlers.self_report import FORMAT, pid_namespace, self_report
from aura_logging.health import Status, worst
from aura_logging.metrics.stores.base import WorkerNotes

__all__ = ["parse", "read_workers", "this_process", "totals"]

_MISSED_WORDS = 3
_GRACE_SECONDS = 5.0
"""A process that has missed three words, and a flush that took its time, is silent."""

_LEDGER = frozenset({"status", "detail", "accepted", "delivered", "dropped", "queued", "circuit_open"})


def read_workers(store: WorkerNotes, now: float, is_running: Callable[[int], bool] = psutil.pid_exists) -> list[Worker]:
    """Return what every process told, by host and pid; `StoreError` if the store does not answer.

    `now` in Unix seconds. Processes on this host are looked up: one that is not there any more is gone at once, one of
    another host when it has been silent for too long. What another release wrote in a form of its own is left out.
    """
    found = (parse(worker, text, now, is_running) for worker, text in store.published().items())
    return sorted((each for each in found if each is not None), key=lambda each: (each.host, each.pid))


def this_process(now: float) -> Worker:
    """Return this process's own state of the moment."""
    told = orjson.loads(self_report())
    return _worker(f"{told['host']}:{told['pid']}", told, Condition.SELF, now)


def parse(worker: str, text: str, now: float, is_running: Callable[[int], bool] = psutil.pid_exists) -> Worker | None:
    """Return what a worker told, or None for a text of another form; never raises."""
    try:
        told = orjson.loads(text)
        if told["format"] != FORMAT:
            return None
        return _worker(worker, told, _condition(told, now, is_running), now)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def totals(workers: Iterable[Worker], order: Sequence[HandlerState] = ()) -> list[HandlerTotals]:
    """Add up each handler over the workers that are not gone; first those of `order`, also where nobody has them."""
    by_name: dict[str, list[HandlerState]] = {each.name: [] for each in order}
    for worker in workers:
        if worker.condition is not Condition.GONE:
            for handler in worker.handlers:
                by_name.setdefault(handler.name, []).append(handler)
    unused = {each.name: each for each in order}
    return [_total(states, states[0] if states else unused[name]) for name, states in by_name.items()]


def _total(states: Sequence[HandlerState], example: HandlerState) -> HandlerTotals:
    known = [each for each in states if each.status is not None]
    status = worst(each.status for each in known if each.status is not None) if known else None
    guilty = [each for each in known if each.status is status and status is not Status.HEALTHY]
    open_circuits = sum(each.circuit_open for each in states)
    return HandlerTotals(
        example.name,
        example.kind,
        example.behind,
        status,
        next((each.detail for each in guilty if each.detail), ""),
        workers=len(states),
        affected=len(guilty),
        accepted=_sum(each.accepted for each in states),
        delivered=_sum(each.delivered for each in states),
        dropped=_added(each.dropped for each in states),
        queued=_sum(each.queued for each in states),
        circuit_open=open_circuits > 0,
        circuits_open=open_circuits,
        has_breaker=any(each.has_breaker for each in states),
    )


def _condition(told: Mapping[str, Any], now: float, is_running: Callable[[int], bool]) -> Condition:
    # A pid means something only where it was given: on this host, in this container.
    is_ours = (told["host"], told["namespace"]) == (socket.gethostname(), pid_namespace())
    if is_ours and told["pid"] == os.getpid():
        return Condition.SELF
    runs = is_running(int(told["pid"])) if is_ours else None
    if runs is False:
        return Condition.GONE
    if now - told["told_at"] <= _MISSED_WORDS * told["every_seconds"] + _GRACE_SECONDS:
        return Condition.ALIVE
    return Condition.SILENT if runs else Condition.GONE


def _worker(worker: str, told: Mapping[str, Any], condition: Condition, now: float) -> Worker:
    handlers = tuple(_handler(each) for each in told["handlers"])
    filters = tuple(_filter(each) for each in told["filters"])
    # Of a release that told of no parts there are none.
    parts = tuple(_part(each) for each in told.get("parts", ()))
    told_states = [each.status for group in (handlers, filters, parts) for each in group]
    states = [state for state in told_states if state is not None]
    if condition in (Condition.GONE, Condition.SILENT):
        states.append(Status.DEGRADED)
    return Worker(
        worker,
        str(told["host"]),
        int(told["pid"]),
        str(told["program"]),
        condition,
        told_seconds_ago=max(0.0, now - told["told_at"]),
        up_seconds=max(0.0, told["told_at"] - told["started_at"]),
        status=worst(states),
        handlers=handlers,
        filters=filters,
        parts=parts,
    )


def _handler(told: Mapping[str, Any]) -> HandlerState:
    health = told["health"]
    name, kind, behind = str(told["name"]), str(told["class"]), str(told["behind"])
    if health is None:
        return HandlerState(name, kind, behind)
    return HandlerState(
        name,
        kind,
        behind,
        Status(health["status"]),
        str(health.get("detail", "")),
        health.get("accepted"),
        health.get("delivered"),
        health.get("dropped", {}),
        health.get("queued"),
        bool(health.get("circuit_open", False)),
        "circuit_open" in health,
        {key: value for key, value in health.items() if key not in _LEDGER},
    )


def _filter(told: Mapping[str, Any]) -> FilterState:
    health = told["health"]
    return FilterState(
        str(told["class"]),
        str(told["handler"]),
        Status(health["status"]),
        str(health.get("detail", "")),
        health.get("dropped", {}),
        {key: value for key, value in health.items() if key not in _LEDGER},
    )


def _part(told: Mapping[str, Any]) -> PartState:
    health = told["health"]
    facts = {key: value for key, value in health.items() if key not in ("status", "detail")}
    return PartState(str(told["name"]), Status(health["status"]), str(health.get("detail", "")), facts)


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None


def _added(ledgers: Iterable[Mapping[str, int]]) -> dict[str, int]:
    added: dict[str, int] = {}
    for ledger in ledgers:
        for reason, count in ledger.items():
            added[reason] = added.get(reason, 0) + count
    return added
