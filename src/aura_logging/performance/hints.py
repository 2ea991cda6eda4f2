"""Say in a sentence which line to change, to what, and how many queries that leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aura_logging.performance.report import Duplicate, NPlusOne, QueryReport

__all__ = ["Hint", "MAX_HINTS", "hints", "predicted_queries"]

MAX_HINTS = 5
"""Hints of one record; whoever mends these five sees the next ones."""


@dataclass(frozen=True, slots=True)
class Hint:
    """Something to change: `before` queries become `after`, of those it speaks of.

    `saves` is what the whole request saves: its number of queries falls by exactly this when only this is done.
    """

    text: str
    before: int
    after: int

    @property
    def saves(self) -> int:
        """Queries that go away."""
        return self.before - self.after

    def __str__(self) -> str:
        return self.text


def hints(report: QueryReport) -> tuple[Hint, ...]:
    """Return what to change, the most worthwhile first."""
    found = [_n_plus_one(finding, report.has_fetch_modes) for finding in report.n_plus_one]
    found += [_duplicate(duplicate) for duplicate in report.duplicates]
    found.sort(key=lambda hint: -hint.saves)
    found += [_scan(slow.group.site, table) for slow in report.slow for table in slow.scanned_tables]
    return tuple(found)


def predicted_queries(report: QueryReport, found: Sequence[Hint]) -> int:
    """Return how many queries the request makes when all these hints are followed."""
    return report.count - sum(hint.saves for hint in found)


def _n_plus_one(finding: NPlusOne, has_fetch_modes: bool) -> Hint:
    subject, queries, site = finding.subject, finding.queries, finding.site
    path = _path(finding)
    # The query for the rows themselves is counted with them: that is how people count an N+1.
    before = queries + 1
    if subject.kind == "get":
        after = 1
        text = (
            f"{subject.model} is looked up one by one at {site}: look all up at once with "
            f".in_bulk(keys) or .filter(pk__in=keys) ({queries} queries become 1)"
        )
        return Hint(text, queries, after)
    if subject.kind in ("forward", "reverse_one") and not _comes_by_prefetch(finding):
        after = 1
        if site.advice:
            advice = f'set list_select_related = ["{path}"] on {site.advice}'
        else:
            advice = f'add .select_related("{path}")'
    elif subject.kind == "deferred":
        after = 1
        advice = f'add "{subject.field}" to .only(), or take it out of .defer()'
    elif subject.kind == "count":
        after = 1
        advice = f'add .annotate({subject.field}_count=Count("{path}")) and read that'
    elif subject.kind == "filtered":
        after = 2
        advice = f'add .prefetch_related(Prefetch("{path}", queryset=…, to_attr=…)) with that queryset, and read that'
    else:
        after = 1 + finding.tables
        advice = f'add .prefetch_related("{path}")'
    text = f"{subject} is loaded once per row at {site}: {advice} ({before} queries become {after})"
    if has_fetch_modes and subject.kind in ("forward", "reverse_one", "generic", "deferred"):
        text += f", or .fetch_mode(FETCH_PEERS) ({before} queries become {1 + finding.tables})"
    return Hint(text, before, after)


def _path(finding: NPlusOne) -> str:
    """Return the look-up from the rows of the outermost query: `author__country` when authors came row by row too."""
    names = [finding.subject.field]
    seen = {finding.subject}
    via = finding.via
    while via is not None and via.subject not in seen and via.subject.kind != "get":
        names.append(via.subject.field)
        seen.add(via.subject)
        via = via.via
    return "__".join(reversed(names))


def _comes_by_prefetch(finding: NPlusOne) -> bool:
    """Tell whether the rows it loads for must themselves be prefetched, which `select_related` cannot go through."""
    via = finding.via
    for _ in range(10):
        if via is None:
            return False
        if via.subject.kind in ("many", "filtered", "generic"):
            return True
        via = via.via
    return False


def _duplicate(duplicate: Duplicate) -> Hint:
    first, last, count = duplicate.first_site, duplicate.last_site, duplicate.count
    where = f"at {first}" if first == last else f"first at {first}, again at {last}"
    text = (
        f"the same query ran {count} times, {where}: keep the first result ({count} queries become 1): "
        f"{duplicate.fingerprint[:120]}"
    )
    return Hint(text, count, 1)


def _scan(site: object, table: str) -> Hint:
    return Hint(f"the slow query at {site} reads the whole of {table}: an index may be missing", 1, 1)
