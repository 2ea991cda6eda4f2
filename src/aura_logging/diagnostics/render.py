"""Show a report: as a table for a person, as JSON for a program, as one line for a probe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime

import orjson

from aura_logging.diagnostics.report import (
    Condition,
    HandlerTotals,
    HealthReport,
    Outcome,
    Period,
    Recommendation,
)
from aura_logging.diagnostics.terminal_text import WIDTH, Paint, cut, fitted, wrapped
from aura_logging.health import Status
from aura_logging.metrics.declaration import NO_VALUE

__all__ = ["as_json", "as_summary", "as_table"]

_COLOURS: Mapping[Status, str] = {Status.HEALTHY: "green", Status.DEGRADED: "yellow", Status.UNHEALTHY: "red"}
_MARKS: Mapping[Status, str] = {Status.HEALTHY: "✔", Status.DEGRADED: "▲", Status.UNHEALTHY: "✘"}
_BARS = "▁▂▃▄▅▆▇█"
_MOST_WORKERS = 12


def as_json(report: HealthReport) -> str:
    """Return the report as indented JSON; docs/health.md has its schema."""
    return orjson.dumps(report.as_dict(), default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS).decode()


def as_summary(report: HealthReport) -> str:
    """Return the report in one line, the state first."""
    return fitted(report.summary, 400)


def as_table(report: HealthReport, *, colour: bool = False) -> str:
    """Return the report for a terminal of 80 columns; what is to be done comes last, where the eye is."""
    paint = Paint(colour=colour)
    lines = list(_heading(report, paint))
    for section in _SECTIONS:
        body = list(section(report, paint))
        if body:
            lines += ["", *body]
    return "\n".join(cut(line.rstrip()) for line in lines) + "\n"


def _heading(report: HealthReport, paint: Paint) -> Iterator[str]:
    at = datetime.fromtimestamp(report.at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    left = f"aura-logging {fitted(report.version, 20)} on {fitted(report.system.host, 30)}"
    yield paint(left, "bold") + paint(at.rjust(WIDTH - len(left)), "quiet")
    yield _state(report, paint)


def _state(report: HealthReport, paint: Paint) -> str:
    troubles = [each for each in report.recommendations if each.status is not Status.HEALTHY]
    told = f"{len(troubles)} to look at" if troubles else "nothing to do"
    mark = f"{_MARKS[report.status]} {report.status.value.upper()}"
    return f"{paint(mark, 'bold', _COLOURS[report.status])}  {told}"


def _system(report: HealthReport, paint: Paint) -> Iterator[str]:
    system = report.system
    parts = [
        f"{name} {value:.0f} %"
        for name, value in (("memory", system.memory_percent), ("processors", system.cpu_percent))
        if value is not None
    ]
    if system.system_load is not None:
        parts.append(f"load {system.system_load:.2f}")
    yield _title("System", "", paint)
    if parts:
        yield "  " + " · ".join(parts)
    for disk in system.disks:
        room = f"{disk.free_bytes / 1e9:.1f} GB free ({disk.free_percent:.0f} %)"
        yield f"  {fitted(disk.path, 50):<50} {room}"


def _configuration(report: HealthReport, paint: Paint) -> Iterator[str]:
    configuration = report.configuration
    problems = configuration.problems
    verdict = f"{problems} to look at" if problems else "verified"
    yield _title("Configuration", verdict, paint)
    for logger in configuration.loggers:
        if logger.handlers:
            stays = "" if logger.propagates or logger.name == "root" else ", does not propagate"
            goes = ", ".join(logger.handlers)
            yield f"  {fitted(logger.name, 22):<22} {fitted(f'{logger.level:<8} {goes}{stays}', WIDTH - 25)}"


def _workers(report: HealthReport, paint: Paint) -> Iterator[str]:
    served = [each for each in report.workers if each.condition is not Condition.SELF]
    if not served:
        yield _title("Workers", "", paint)
        yield "  No other process has told how it is: none runs, none has logged yet, or they"
        yield f"  count elsewhere (here: {fitted(report.metrics.store, 20)})."
        return
    counts = [f"{sum(each.condition is c for each in served)} {c.value}" for c in Condition if c is not Condition.SELF]
    yield _title("Workers", ", ".join(each for each in counts if not each.startswith("0 ")), paint)
    worst_first = sorted(served, key=lambda each: (each.condition is Condition.ALIVE, each.status is Status.HEALTHY))
    for each in worst_first[:_MOST_WORKERS]:
        bad = each.condition is not Condition.ALIVE
        state = each.condition.value if bad else each.status.value
        style = "red" if each.condition is Condition.GONE else "yellow" if bad else _COLOURS[each.status]
        where = fitted(f"{each.program} on {each.host}", 31)
        told = f"told {_span(each.told_seconds_ago)} ago"
        yield f"  {where:<31} {each.pid:>8}  {paint(f'{state:<9}', style)}  {told:<14} up {_span(each.up_seconds)}"
    if len(served) > _MOST_WORKERS:
        yield f"  and {len(served) - _MOST_WORKERS} more"


def _handlers(report: HealthReport, paint: Paint) -> Iterator[str]:
    yield _title("Handlers", "of all workers that are there", paint)
    head = f"  {'':<20} {'state':<9} {'accepted':>10} {'delivered':>10} {'lost':>8} {'waiting':>7}  breaker"
    yield paint(head, "quiet")
    for each in report.handlers:
        yield _handler(each, _depth(each, report.handlers), paint)


def _handler(each: HandlerTotals, depth: int, paint: Paint) -> str:
    state = each.status.value if each.status is not None else "-"
    style = _COLOURS[each.status] if each.status is not None else "quiet"
    name = fitted("  " * depth + (each.name.rpartition("/")[2] if depth else each.name), 20)
    lost = sum(each.dropped.values()) if each.dropped or each.accepted is not None else None
    lost_text = paint(f"{_count(lost):>8}", *(("red",) if lost else ()))
    breaker = f"{each.circuits_open} open" if each.circuit_open else "closed" if each.has_breaker else ""
    return (
        f"  {name:<20} {paint(f'{state:<9}', style)} {_count(each.accepted):>10} {_count(each.delivered):>10} "
        f"{lost_text} {_count(each.queued):>7}  {paint(breaker, 'red') if each.circuit_open else breaker}"
    )


def _traffic(report: HealthReport, paint: Paint) -> Iterator[str]:
    metrics = report.metrics
    yield _title("Traffic", f"the last {_span(metrics.seconds)}", paint)
    if metrics.error:
        yield from wrapped(f"Unknown: {metrics.error}", "  ")
        return
    traffic = metrics.traffic
    if traffic is None:
        yield "  No request was counted."
    else:
        yield (
            f"  {traffic.requests:,} requests, {traffic.per_second:.3g}/s, {traffic.error_rate:.2%} failed · "
            f"p50 {_time(traffic.p50_seconds)}, p95 {_time(traffic.p95_seconds)}, p99 {_time(traffic.p99_seconds)}"
        )
        yield from _outcomes("endpoint", traffic.by_endpoint, paint)
        yield from _outcomes("user type", traffic.by_user_type, paint)
        yield f"  {'over time':<14} {_bars(traffic.by_period)}  {_failing_periods(traffic.by_period)}"
    if metrics.cache_hit_rate is not None:
        asked = metrics.cache_hits + metrics.cache_misses
        yield f"  {'cache':<14} {metrics.cache_hit_rate:.0%} of {asked:,} look-ups hit"
    for name, counts in (
        ("security", metrics.security_events),
        ("… from", metrics.security_countries),
        ("errors", metrics.errors),
        ("lost", metrics.dropped),
    ):
        if counts:
            yield from wrapped(_listed(counts), " " * 17, f"  {name:<14} ")
    if metrics.log_records:
        volume = f"{metrics.log_records_per_second:.3g}/s: {_listed(metrics.log_records)}"
        yield from wrapped(volume, " " * 17, f"  {'log records':<14} ")


def _outcomes(what: str, outcomes: Sequence[Outcome], paint: Paint) -> Iterator[str]:
    has_times = any(each.p95_seconds is not None for each in outcomes)
    yield paint(f"  {what:<44} {'requests':>9} {'failed':>13}" + (f" {'p95':>8}" if has_times else ""), "quiet")
    for each in outcomes:
        failed = f"{each.failed:,} ({each.error_rate:.1%})" if each.failed else "0"
        failed_text = paint(f"{failed:>13}", *(("red",) if each.failed else ()))
        time = f" {_time(each.p95_seconds):>8}" if has_times else ""
        name = f"(no {what})" if each.name == NO_VALUE else each.name
        yield f"  {fitted(name, 44):<44} {each.requests:>9,} {failed_text}{time}"


def _journals(report: HealthReport, paint: Paint) -> Iterator[str]:
    for each in report.journals:
        if each.lines or each.unreadable:
            yield _title("Journal", fitted(each.directory, 60), paint)
            what = f"{each.lines:,} lines of {each.dead} dead, {each.unreadable} unreadable files"
            yield f"  {fitted(each.handler, 20)}: {what}"


def _probes(report: HealthReport, paint: Paint) -> Iterator[str]:
    if report.probes is None:
        return
    yield _title("Test record", "through this process's own handlers", paint)
    yield paint(f"  {'':<24} {'':<10} {'the call':>10} {'arrived':>8}", "quiet")
    for each in report.probes:
        styles = {"failed": "red", "delivered": "green", "accepted": "green"}
        call = f"{each.latency_seconds * 1000:.2f} ms" if each.latency_seconds else ""
        times = f"{call:>10} {_time(each.lag_seconds) if each.lag_seconds else '':>8}"
        scrubbed = "  scrubbed" if each.is_scrubbed else ""
        outcome = paint(f"{fitted(each.outcome, 10):<10}", styles.get(each.outcome, "quiet"))
        yield f"  {fitted(each.handler, 24):<24} {outcome} {times}{scrubbed}"
        if each.outcome != "delivered":
            yield from (paint(line, "quiet") for line in wrapped(each.detail, " " * 27))


def _thresholds(report: HealthReport, paint: Paint) -> Iterator[str]:
    if report.thresholds is None:
        return
    yield _title("Alert thresholds", "" if report.thresholds else "no rules are evaluated", paint)
    if report.thresholds:
        yield paint(f"  {'':<30} {'now':>10} {'threshold':>10}", "quiet")
    for each in report.thresholds:
        value = "no data" if each.value is None else _measure(each.value, each.unit)
        mark = paint("✘ exceeded", "red") if each.is_exceeded else paint("✔", "green")
        yield f"  {fitted(each.rule, 30):<30} {value:>10} {_measure(each.threshold, each.unit):>10}  {mark}"


def _measure(value: float, unit: str) -> str:
    if unit == "number":
        return f"{value:.4g}"
    return f"{value * 100 if unit == 'share' else value:.3g} %"


def _to_do(report: HealthReport, paint: Paint) -> Iterator[str]:
    if not report.recommendations:
        yield paint("Nothing to do.", "green")
        return
    yield _title("What to do", "", paint)
    for number, each in enumerate(report.recommendations, 1):
        yield from _recommendation(number, each, paint)
    yield ""
    yield _state(report, paint)


def _recommendation(number: int, each: Recommendation, paint: Paint) -> Iterator[str]:
    lead = f"{number:>3}. "
    lines = wrapped(f"{each.about}: {each.problem}", "     ", lead)
    colour = _COLOURS[each.status] if each.status is not Status.HEALTHY else "quiet"
    yield paint(lines[0][:5], "bold", colour) + paint(lines[0][5:], colour)
    yield from (paint(line, colour) for line in lines[1:])
    yield from wrapped(each.advice, "       ", "     → ")
    if each.setting:
        yield from (paint(line, "cyan") for line in wrapped(f"{each.setting} = {each.value}", "       "))


_SECTIONS: tuple[Callable[[HealthReport, Paint], Iterator[str]], ...] = (
    _system,
    _configuration,
    _workers,
    _handlers,
    _traffic,
    _journals,
    _probes,
    _thresholds,
    _to_do,
)


def _title(name: str, rest: str, paint: Paint) -> str:
    return paint(name, "bold") + (paint(f"  {rest}", "quiet") if rest else "")


def _depth(each: HandlerTotals, all_of_them: Sequence[HandlerTotals]) -> int:
    behind = {other.name: other.behind for other in all_of_them}
    depth, name = 0, each.behind
    while name and depth < 4:
        depth, name = depth + 1, behind.get(name, "")
    return depth


def _bars(periods: Sequence[Period]) -> str:
    most = max((each.requests for each in periods), default=0) or 1
    return "".join(_BARS[min(7, each.requests * 8 // (most + 1))] for each in periods)


def _failing_periods(periods: Sequence[Period]) -> str:
    failing = [each for each in periods if each.failed]
    if not failing:
        return "none failed in any of them"
    worst = max(failing, key=lambda each: each.error_rate)
    at = datetime.fromtimestamp(worst.at, UTC).strftime("%H:%M:%S")
    return f"worst {worst.error_rate:.1%} failed, {worst.seconds} s from {at}"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def _count(number: int | None) -> str:
    if number is None:
        return ""
    return f"{number:,}" if number < 100_000_000 else f"{number / 1e6:,.0f}M"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{seconds * 1000:.0f} ms" if seconds < 9.9995 else f"{seconds:.1f} s"


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} d"
