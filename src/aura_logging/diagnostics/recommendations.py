"""Say what to do about what is wrong: which setting to change, and to what."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from aura_logging.diagnostics.cures import cure_for, is_about_a_full_disk
from aura_logging.diagnostics.report import (
    Condition,
    Disk,
    FilterState,
    HandlerTotals,
    JournalState,
    Metrics,
    PartState,
    Probe,
    Recommendation,
    System,
    Threshold,
    Worker,
)
from aura_logging.health import Status

__all__ = ["Evidence", "advise"]

_LEAST_FREE_PERCENT = 10.0
_LEAST_FREE_BYTES = 1 << 30
_LEAST_LOOKUPS = 100
_LEAST_HIT_RATE = 0.5
_LEAST_REQUESTS = 10


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that was found; `sizes` has the `buffer_size` of handlers that have one, where it is known."""

    handlers: Sequence[HandlerTotals]
    workers: Sequence[Worker]
    metrics: Metrics
    system: System
    journals: Sequence[JournalState]
    probes: Sequence[Probe]
    thresholds: Sequence[Threshold]
    configuration: Sequence[Recommendation] = ()
    failovers: frozenset[str] = frozenset()
    """Names of the handlers that have another to go to when one behind them fails."""
    rotating: frozenset[str] = frozenset()
    """Names of the handlers that rotate a file."""
    sizes: Mapping[str, int] = field(default_factory=dict)
    is_serving: bool = False
    """Whether the process that asks is one of the workers, and no command."""


def advise(evidence: Evidence) -> list[Recommendation]:
    """Return what is wrong and what to do, the worst first."""
    found = [each for look in _LOOKS for each in look(evidence)]
    worst_first = {Status.UNHEALTHY: 0, Status.DEGRADED: 1, Status.HEALTHY: 2}
    return sorted(found, key=lambda each: worst_first[each.status])


def _at_probes(evidence: Evidence) -> Iterator[Recommendation]:
    failed = {probe.handler: probe for probe in evidence.probes if probe.outcome == "failed"}
    for name, probe in failed.items():
        if _culprit(probe.detail) in failed:
            continue  # told there
        victims = [other for other, each in failed.items() if _culprit(each.detail) == name]
        also = f" Nor did one through {', '.join(victims)}." if victims else ""
        yield Recommendation(
            "probe_failed",
            Status.UNHEALTHY,
            name,
            f"a test record did not arrive: {probe.detail}.{also}",
            cure_for(probe.detail),
            *_setting_against(evidence, probe.detail, name),
        )


def _culprit(detail: str) -> str:
    """Return the name of the handler that another one's complaint is about: `json: cannot write: …`."""
    return detail.partition(": ")[0]


def _at_handlers(evidence: Evidence) -> Iterator[Recommendation]:
    failed = {probe.handler for probe in evidence.probes if probe.outcome == "failed"}
    for handler in evidence.handlers:
        if handler.status in (None, Status.HEALTHY) or handler.name in failed or _culprit(handler.detail) in failed:
            continue
        # Behind a failover another handler does its work.
        status = Status.DEGRADED if handler.behind in evidence.failovers else handler.status or Status.DEGRADED
        where = f" in {handler.affected} of {handler.workers} processes" if handler.workers > 1 else ""
        if handler.dropped and handler.detail.startswith("records were lost"):
            yield _about_losses(evidence, handler)
            continue
        yield Recommendation(
            "circuit_open" if handler.circuit_open else "handler_unwell",
            status,
            handler.name,
            (f"its breaker is open{where}: " if handler.circuit_open else f"it is {status.value}{where}: ")
            + handler.detail,
            cure_for(handler.detail),
            *_setting_against(evidence, handler.detail, handler.name),
        )


def _about_losses(evidence: Evidence, handler: HandlerTotals) -> Recommendation:
    reason, _ = max(handler.dropped.items(), key=lambda item: item[1])
    reasons = ", ".join(f"{number:,} {why}" for why, number in sorted(handler.dropped.items()))
    problem = f"it has lost records since its processes began: {reasons}."
    if reason == "buffer_full":
        size = evidence.sizes.get(handler.name)
        value = str(4 * size) if size else "4000"
        advice = "More came at once than it could deliver. Give it a larger buffer, or a journal to spill to."
        setting = _option(handler.name, "buffer_size")
        return Recommendation("records_lost", Status.DEGRADED, handler.name, problem, advice, setting, value)
    advice = _AFTER_A_LOSS.get(reason, "See what it wrote on standard error, and its errors in --format=json.")
    return Recommendation("records_lost", Status.DEGRADED, handler.name, problem, advice)


_AFTER_A_LOSS: Mapping[str, str] = {
    "target_error": "Its target's own code failed on these records; the traceback is on standard error.",
    "shutdown": "Processes ended before all was delivered: give them longer to stop (gunicorn: graceful_timeout), or "
    "the handler a journal.",
    "every_handler_failed": "Every handler behind it failed and standard error did not take them: mend one of them.",
    "write_failed": "The file could not be written; see its error.",
    "journal_full": "The journal was full: raise journal_max_bytes, or make the target faster.",
}


def _at_workers(evidence: Evidence) -> Iterator[Recommendation]:
    served = [each for each in evidence.workers if evidence.is_serving or each.condition is not Condition.SELF]
    gone = [each for each in served if each.condition is Condition.GONE]
    for worker in gone:
        yield Recommendation(
            "worker_gone",
            Status.DEGRADED if len(gone) < len(served) else Status.UNHEALTHY,
            f"{worker.program} pid {worker.pid}",
            f"it ended without a word; it last told how it was {_ago(worker.told_seconds_ago)} ago. It was killed, or "
            "it crashed.",
            "Look for SIGKILL and the OOM killer in the system's journal (journalctl -k | grep -i oom), and for "
            "WORKER TIMEOUT in the server's log. What it had not delivered: manage.py aura_logs recover --dry-run",
        )
    for worker in served:
        if worker.condition is Condition.SILENT:
            yield Recommendation(
                "worker_silent",
                Status.DEGRADED,
                f"{worker.program} pid {worker.pid}",
                f"it runs, and has told nothing for {_ago(worker.told_seconds_ago)}: it hangs, or its store does.",
                f"See what it does: py-spy dump --pid {worker.pid}",
            )


def _at_filters(evidence: Evidence) -> Iterator[Recommendation]:
    told: set[tuple[str, str, str]] = set()
    for worker in _there(evidence):
        for each in worker.filters:
            # Of what many processes say alike, once.
            same = (each.kind, each.handler, each.detail)
            if each.status not in (None, Status.HEALTHY) and same not in told:
                told.add(same)
                yield Recommendation(
                    "filter_unwell",
                    each.status or Status.DEGRADED,
                    f"{each.kind} of {each.handler}",
                    f"{each.detail} (pid {worker.pid})",
                    _against_filter_trouble(each),
                )


def _against_filter_trouble(state: FilterState) -> str:
    if state.facts.get("shedding", "nothing") != "nothing":
        return (
            "Nothing is broken: the host was too busy to log it, and it is counted. Give it more processors or fewer "
            'workers, or log it all the same: AURA["SAMPLING"] = {"shed_at_cpu_percent": None}.'
        )
    if state.facts.get("open_circuits"):
        return (
            "See what it repeats: aura_logs query 'logger=NAME'. If so much is right for it, raise "
            'AURA["SAMPLING"]["circuit_records_per_second"].'
        )
    return "Log plain data: an object whose own code raises cannot be looked into."


def _at_parts(evidence: Evidence) -> Iterator[Recommendation]:
    unwell: dict[str, list[tuple[Worker, PartState]]] = {}
    for worker in _there(evidence):
        for each in worker.parts:
            if each.status is not Status.HEALTHY:
                unwell.setdefault(each.name, []).append((worker, each))
    for name, found in unwell.items():
        worker, worst_part = max(found, key=lambda pair: pair[1].status is Status.UNHEALTHY)
        where = f"in {len(found)} processes" if len(found) > 1 else f"pid {worker.pid}"
        yield Recommendation(
            "part_unwell",
            worst_part.status,
            name,
            f"{worst_part.detail or f'it is {worst_part.status.value}'} ({where})",
            cure_for(worst_part.detail),
        )


def _there(evidence: Evidence) -> Iterator[Worker]:
    return (each for each in evidence.workers if each.condition is not Condition.GONE)


def _at_the_store(evidence: Evidence) -> Iterator[Recommendation]:
    metrics = evidence.metrics
    if metrics.error:
        yield Recommendation(
            "store_unreachable",
            Status.UNHEALTHY,
            f"metrics store ({metrics.store})",
            metrics.error,
            f"{cure_for(metrics.error)} Counts are kept in memory meanwhile.",
            'AURA["METRICS"]["store"]',
            '"sqlite:///logs/aura-metrics.db"' if metrics.store == "redis" else '"redis://host:6379/0"',
        )
    elif metrics.store == "memory":
        yield Recommendation(
            "store_of_one_process",
            Status.DEGRADED,
            "metrics store (memory)",
            "it is one process's own: nothing is known here of any other process.",
            "Count into a store that all processes share.",
            'AURA["METRICS"]["store"]',
            '"sqlite:///logs/aura-metrics.db"',
        )


def _at_journals(evidence: Evidence) -> Iterator[Recommendation]:
    for journal in evidence.journals:
        if journal.lines:
            yield Recommendation(
                "journal_waits",
                Status.DEGRADED,
                journal.handler,
                f"{journal.lines:,} lines of {journal.dead} dead processes wait in {journal.directory}.",
                "A process that logs delivers them by itself; if none does: manage.py aura_logs recover",
            )
        if journal.unreadable:
            yield Recommendation(
                "journal_damaged",
                Status.DEGRADED,
                journal.handler,
                f"{journal.unreadable} files in {journal.directory} cannot be read, or were set aside.",
                "Look at what is in the *.corrupt files, and then remove them.",
            )


def _at_disks(evidence: Evidence) -> Iterator[Recommendation]:
    for disk in evidence.system.disks:
        if disk.free_percent < _LEAST_FREE_PERCENT and disk.free_bytes < 10 * _LEAST_FREE_BYTES:
            yield Recommendation(
                "disk_nearly_full",
                Status.UNHEALTHY if disk.free_bytes < _LEAST_FREE_BYTES // 10 else Status.DEGRADED,
                disk.path,
                f"{disk.free_bytes / 1e9:.1f} GB are free, {disk.free_percent:.0f} %.",
                "Make room, or keep less: the oldest segments go first.",
                'LOGGING["handlers"]["json"]["max_total_bytes"]',
                f"{_half_of_what_is_free(disk)}",
            )


def _at_thresholds(evidence: Evidence) -> Iterator[Recommendation]:
    for each in evidence.thresholds:
        if each.is_exceeded and each.value is not None:
            routes = each.facts.get("routes")
            worst = f", most of all on {routes[0]}" if isinstance(routes, list) and routes else ""
            setting, value = _threshold_to_try(each.rule, evidence)
            measured = f"{each.value:.4g} in the last {_ago(each.window_seconds)}"
            yield Recommendation(
                "threshold_exceeded",
                Status.UNHEALTHY,
                each.rule,
                f"{each.summary}: {measured}{worst}.",
                _AT_A_THRESHOLD.get(each.rule, "See the dashboard at /aura/ for what changed."),
                setting,
                value,
            )


def _threshold_to_try(rule: str, evidence: Evidence) -> tuple[str, str]:
    """Return the setting of a rule and a value that nearly all requests of the window stay below."""
    traffic = evidence.metrics.traffic
    if rule == "slow_requests":
        slowest = traffic.p99_seconds if traffic is not None else None
        return 'AURA["ALERTS"]["slow_request_seconds"]', f"{math.ceil(slowest or 4.0) + 1:.1f}"
    if rule == "many_queries":
        most = traffic.p95_queries if traffic is not None else None
        return 'AURA["ALERTS"]["max_queries"]', f"{10 * math.ceil(max(most or 0.0, 40.0) / 10) + 10}"
    return "", ""


_AT_A_THRESHOLD: Mapping[str, str] = {
    "slow_requests": "See what they wait for: aura_logs query 'slow=true'. Where this is right, raise it.",
    "many_queries": "See their hints: aura_logs query 'n_plus_one>0'. Where this is right, raise it.",
    "error_rate": "See the tracebacks: aura_logs query 'level>=ERROR', then aura_logs show CORRELATION_ID.",
    "memory": "See which process grows (memory_delta by route); run fewer workers, or recycle them "
    "(gunicorn: max_requests).",
    "threats": "See who: aura_logs query 'security_event=true'.",
}


def _at_traffic(evidence: Evidence) -> Iterator[Recommendation]:
    metrics = evidence.metrics
    asked = metrics.cache_hits + metrics.cache_misses
    rate = metrics.cache_hit_rate
    if rate is not None and asked >= _LEAST_LOOKUPS and rate < _LEAST_HIT_RATE:
        yield Recommendation(
            "cache_misses",
            Status.HEALTHY,
            "cache",
            f"{rate:.0%} of {asked:,} look-ups found something.",
            "Keep entries longer where the data allows it, or look up less.",
            'CACHES["default"]["TIMEOUT"]',
            "3600",
        )


def _at_configuration(evidence: Evidence) -> Iterator[Recommendation]:
    yield from evidence.configuration


_LOOKS: tuple[Callable[[Evidence], Iterator[Recommendation]], ...] = (
    _at_the_store,
    _at_probes,
    _at_handlers,
    _at_workers,
    _at_filters,
    _at_parts,
    _at_journals,
    _at_disks,
    _at_thresholds,
    _at_configuration,
    _at_traffic,
)


def _setting_against(evidence: Evidence, detail: str, handler: str) -> tuple[str, str]:
    """Return the setting that keeps a disk from being full, where the detail says that it is."""
    if is_about_a_full_disk(detail):
        for name in (detail.partition(": ")[0], handler):
            if name in evidence.rotating:
                return _option(name, "backup_count"), "5"
    return "", ""


def _option(handler: str, option: str) -> str:
    return f'LOGGING["handlers"]["{handler}"]["{option}"]'


def _half_of_what_is_free(disk: Disk) -> int:
    mebibyte = 1 << 20
    return max(64, disk.free_bytes // 2 // mebibyte) * mebibyte


def _ago(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
