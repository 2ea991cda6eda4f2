"""Say what a piece of work asked of its databases and caches, and what to change, as fields of its record."""

from __future__ import annotations

from typing import Any

from aura_logging.performance.budgets import RequestBudget
from aura_logging.performance.hints import MAX_HINTS, hints
from aura_logging.performance.probe import to_the_microsecond
from aura_logging.performance.queries import QueryLog
from aura_logging.performance.report import judge

__all__ = ["findings"]


def findings(
    log: QueryLog, long_transaction_seconds: float = 1.0, budget: RequestBudget | None = None
) -> dict[str, Any]:
    """Return the fields; `db_queries` and `db_time` always, the others where there is something to say."""
    found: dict[str, Any] = {"db_queries": 0, "db_time": 0.0}
    advice: list[str] = []
    if log.groups:
        report = judge(log, long_transaction_seconds)
        found = report.fields()
        advice += [str(hint) for hint in hints(report)]
        over = budget.exceeded(report) if budget is not None else None
        if over:
            found["over_budget"] = over
    if log.view_seconds is not None:
        found["view_time"] = to_the_microsecond(log.view_seconds)
    if log.template_seconds:
        found["template_time"] = round(log.template_seconds, 6)
    if log.cache is not None and log.cache.calls:
        found.update(log.cache.fields())
        advice += log.cache.hints()
    if log.allocations is not None:
        found.update(log.allocations.fields())
    if advice:
        found["hints"] = advice[:MAX_HINTS]
    if log.uncounted:
        found["db_uncounted"] = log.uncounted
    return found
