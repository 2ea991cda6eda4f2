"""Examine the whole: this process's configuration, every process's state, what was counted, what a test record met."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import aura_logging
from aura_logging.alerts import Rule
from aura_logging.diagnostics.journals import waiting_in
from aura_logging.diagnostics.live_handlers import journaled_handlers
from aura_logging.diagnostics.logging_checks import check_logging
from aura_logging.diagnostics.machine import look_around, our_directories
from aura_logging.diagnostics.probe import Address, probe_all
from aura_logging.diagnostics.recommendations import Evidence, advise
from aura_logging.diagnostics.report import (
    Condition,
    Configuration,
    HealthReport,
    JournalState,
    Metrics,
    Probe,
    Recommendation,
    Threshold,
    Worker,
)
from aura_logging.diagnostics.thresholds import check_thresholds
from aura_logging.diagnostics.topology import Topology, read_topology
from aura_logging.diagnostics.window import read_metrics
from aura_logging.diagnostics.workers import read_workers, this_process, totals
from aura_logging.handlers.async_buffered import AsyncBufferedHandler
from aura_logging.handlers.failover import FailoverHandler
from aura_logging.handlers.files import StructuredFileHandler
from aura_logging.handlers.metrics import MetricsHandler
from aura_logging.health import Status, worst
from aura_logging.metrics.stores.base import MetricsStore, StoreError
from aura_logging.resilience.clock import Clock

__all__ = ["Questions", "examine"]


@dataclass(frozen=True, slots=True)
class Questions:
    """What to examine beyond the state of handlers and workers.

    `is_serving` tells that this process serves requests itself, so that its own ledger counts too; a command's does
    only where nothing is known of any other process. `more` are findings of whoever asks, such as Django's checks.
    """

    window_seconds: float = 300.0
    probe_handlers: bool = False
    thresholds: bool = False
    rules: Sequence[Rule] | None = None
    """The rules to hold the numbers against; by default those of the metrics handler."""
    is_serving: bool = False
    mail_server: Address | None = None
    more: Sequence[Recommendation] = field(default_factory=tuple)


def examine(store: MetricsStore | None, questions: Questions | None = None, clock: Clock = time.time) -> HealthReport:
    """Return the report; never raises because of what it finds. `store` None means that nobody counts."""
    asked = Questions() if questions is None else questions
    now = clock()
    topology = read_topology()
    probes = probe_all(topology, asked.mail_server) if asked.probe_handlers else None
    metrics = _metrics(store, asked.window_seconds, clock)
    workers = _workers(store, now)
    mine = next(each for each in workers if each.condition is Condition.SELF)
    others = [each for each in workers if each.condition is not Condition.SELF]
    counted = workers if asked.is_serving or not others else others
    handlers = tuple(totals(counted, mine.handlers))
    thresholds, metrics = _thresholds(store, asked, topology, metrics, clock)
    system = look_around(our_directories(topology))
    journals = tuple(_journals())
    about_configuration = [
        *check_logging(topology, has_neighbours=len(others) > 1),
        *_without_metrics(store),
        *asked.more,
    ]
    recommendations = advise(
        Evidence(
            handlers,
            workers,
            metrics,
            system,
            journals,
            probes or (),
            thresholds or (),
            about_configuration,
            failovers=_names(topology, FailoverHandler),
            rotating=_names(topology, StructuredFileHandler),
            sizes={
                each.name: each.handler.buffer_size
                for each in topology.handlers
                if isinstance(each.handler, AsyncBufferedHandler)
            },
        )
    )
    status = worst(each.status for each in recommendations)
    return HealthReport(
        now,
        status,
        _summary(status, workers if asked.is_serving else others, metrics, probes, recommendations),
        aura_logging.__version__,
        system,
        Configuration(tuple(each.as_state() for each in topology.loggers), len(about_configuration)),
        handlers,
        tuple(workers),
        metrics,
        journals,
        probes,
        thresholds,
        tuple(recommendations),
    )


def _metrics(store: MetricsStore | None, seconds: float, clock: Clock) -> Metrics:
    return Metrics("none", seconds) if store is None else read_metrics(store, seconds, clock)


def _workers(store: MetricsStore | None, now: float) -> list[Worker]:
    """Return this process first, then the others; what the store does not say is told with the metrics."""
    mine = this_process(now)
    try:
        told = [] if store is None else read_workers(store, now)
    except StoreError:
        told = []
    return [mine, *(each for each in told if each.condition is not Condition.SELF)]


def _thresholds(
    store: MetricsStore | None, asked: Questions, topology: Topology, metrics: Metrics, clock: Clock
) -> tuple[tuple[Threshold, ...] | None, Metrics]:
    if not asked.thresholds:
        return None, metrics
    if store is None or metrics.error:
        return (), metrics
    rules: Iterable[Rule] = asked.rules if asked.rules is not None else _rules_of(topology)
    try:
        return check_thresholds(store, rules, clock), metrics
    except StoreError as error:
        return (), replace(metrics, error=str(error))


def _rules_of(topology: Topology) -> list[Rule]:
    found: dict[str, Rule] = {}
    for node in topology.handlers:
        if isinstance(node.handler, MetricsHandler):
            found.update({rule.name: rule for rule in node.handler.rules})
    return list(found.values())


def _journals() -> Iterable[JournalState]:
    for handler in journaled_handlers():
        directory = handler.journal_directory or Path()
        try:
            found = waiting_in(directory, handler.journal_name)
        except OSError:  # the check of unwritable places tells it
            continue
        for each in found:
            yield JournalState(each.name, str(directory), each.lines, each.dead, each.unreadable)


def _without_metrics(store: MetricsStore | None) -> list[Recommendation]:
    if store is not None:
        return []
    return [
        Recommendation(
            "no_metrics",
            Status.DEGRADED,
            "LOGGING",
            "no MetricsHandler is attached: nothing is known of traffic, nor of any other process.",
            "Add the preset's metrics handler, and attach it to the root logger.",
            'LOGGING["handlers"]["metrics"]["class"]',
            '"aura_logging.handlers.MetricsHandler"',
        )
    ]


def _names(topology: Topology, kind: type) -> frozenset[str]:
    return frozenset(each.name for each in topology.handlers if isinstance(each.handler, kind))


def _summary(
    status: Status,
    served: Sequence[Worker],
    metrics: Metrics,
    probes: Sequence[Probe] | None,
    recommendations: Sequence[Recommendation],
) -> str:
    """Return one line for a probe: the state, what is worst, and the few numbers that matter."""
    parts = []
    bad = [each for each in recommendations if each.status is not Status.HEALTHY]
    if bad:
        rest = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        parts.append(f"{bad[0].about}: {bad[0].problem.rstrip('.')}{rest}")
    if served:
        well = sum(each.condition in (Condition.ALIVE, Condition.SELF) for each in served)
        parts.append(f"{well}/{len(served)} workers")
    if metrics.traffic is not None:
        traffic = metrics.traffic
        parts.append(f"{traffic.per_second:.3g} req/s, {traffic.error_rate:.2%} failed")
        if traffic.p95_seconds is not None:
            parts.append(f"p95 {traffic.p95_seconds * 1000:.0f} ms")
    if probes is not None:
        arrived = sum(each.outcome != "failed" for each in probes)
        parts.append(f"{arrived}/{len(probes)} handlers answered")
    return "; ".join([status.value, *parts])
