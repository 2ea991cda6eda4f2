"""Hold what a request cost against what it may cost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields

from aura_logging.options import nearest
from aura_logging.performance.hints import hints
from aura_logging.performance.queries import QueryLog, current, is_observed
from aura_logging.performance.report import QueryReport, judge

__all__ = ["BudgetExceededError", "RequestBudget", "assert_request_budget", "budgets_by_route"]


class BudgetExceededError(AssertionError):
    """A request cost more than it may; the message says by how much, and what to change."""


@dataclass(frozen=True, slots=True)
class RequestBudget:
    """What one request may cost at most; `None` for no limit. `seconds` are those in the database.

    `duplicates` and `n_plus_one` are numbers too: of superfluous queries, and of fields loaded row by row.
    """

    queries: int | None = None
    duplicates: int | None = None
    n_plus_one: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0):
                raise ValueError(f"{field.name}={value!r} must be a number from 0 on, or None for no limit.")

    def exceeded(self, report: QueryReport) -> list[str]:
        """Return what is over, as `queries 12 > 10`; an empty list when all is well."""
        over = []
        for name, cost, limit in (
            ("queries", report.count, self.queries),
            ("duplicates", report.duplicate_queries, self.duplicates),
            ("n_plus_one", len(report.n_plus_one), self.n_plus_one),
            ("seconds", round(report.seconds, 6), self.seconds),
        ):
            if limit is not None and cost > limit:
                over.append(f"{name} {cost} > {limit}")
        return over


def budgets_by_route(section: Mapping[str, Mapping[str, float]]) -> dict[str, RequestBudget]:
    """Read `{"books/<int:pk>/": {"queries": 5}}`; `ValueError` names the route, the key and the fix."""
    known = {field.name for field in fields(RequestBudget)}
    budgets = {}
    for route, limits in section.items():
        if not isinstance(limits, Mapping):
            raise ValueError(f"budgets[{route!r}] is {limits!r}; it must be a dict of {', '.join(sorted(known))}.")  # noqa: TRY004  # one kind of error for the settings
        for name in limits:
            if name not in known:
                raise ValueError(f"budgets[{route!r}] has the unknown key {name!r}. {nearest(str(name), known)}")
        try:
            budgets[route] = RequestBudget(**limits)  # type: ignore[arg-type]  # checked by __post_init__
        except ValueError as error:
            raise ValueError(f"budgets[{route!r}]: {error}") from error
    return budgets


@contextlib.contextmanager
def assert_request_budget(
    queries: int | None = None,
    duplicates: int | None = 0,
    n_plus_one: int | None = None,
    seconds: float | None = None,
) -> Iterator[QueryLog]:
    """Fail with `BudgetExceededError` if the block costs more; the message has the hints.

    What runs in the block counts together, requests of a test client included: the middlewares add to the log they
    find. A budget inside another counts in both. Nothing needs to be in `MIDDLEWARE`, but `aura_logging.django` must be
    in `INSTALLED_APPS`.
    """
    budget = RequestBudget(queries, duplicates, n_plus_one, seconds)
    if not is_observed():
        raise RuntimeError(
            'nobody counts queries: add "aura_logging.django" to INSTALLED_APPS, and do not set '
            "PERFORMANCE_MONITORING_ENABLED=false in tests."
        )
    log = QueryLog()
    log.is_pinned = True
    outer = current.get()
    token = current.set(log)
    try:
        yield log
    finally:
        current.reset(token)
    report = judge(log)
    if outer is not None and outer.is_pinned:
        outer.absorb(log)
    over = budget.exceeded(report)
    if over:
        advice = "".join(f"\n  - {hint}" for hint in hints(report)[:10])
        raise BudgetExceededError(f"over budget: {'; '.join(over)}{advice}")
