"""Say in a sentence which line to change, to what, and how many queries that leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from aura_logging.performance.look_ups import look_up
from aura_logging.performance.report import Duplicate, NPlusOne, QueryReport

__all__ = ["Hint", "MAX_HINTS", "hints", "predicted_queries"]

MAX_HINTS = 5
"""Hints of one record; whoever mends these five sees the next ones."""

_COMPUTED = ("count", "filtered_count", "aggregate")

# What has no rows that it could come along with: it is all asked for at once.
_ONE_BY_ONE = {
    "get": (
        "{subject.model} is looked up one by one at {site}: look all up at once with "
        ".in_bulk(keys) or .filter(pk__in=keys)"
    ),
    "filter": (
        "{subject.model} is filtered by {subject.field} one by one at {site}: ask for all at once with "
        ".filter({subject.field}__in=…)"
    ),
    "raw": (
        "{subject.model} is asked for {subject.field} one by one at {site}: ask for all at once with "
        "{subject.field} IN (…), and GROUP BY where it computes"
    ),
}


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
    computed = Counter(
        finding.subject.owner_table for finding in report.n_plus_one if finding.subject.kind in _COMPUTED
    )
    found = [
        _n_plus_one(finding, report.has_fetch_modes, computed[finding.subject.owner_table] > 1)
        for finding in report.n_plus_one
    ]
    found += [_duplicate(duplicate) for duplicate in report.duplicates]
    found.sort(key=lambda hint: -hint.saves)
    found += [_scan(slow.group.site, table) for slow in report.slow for table in slow.scanned_tables]
    return tuple(found)


def predicted_queries(report: QueryReport, found: Sequence[Hint]) -> int:
    """Return how many queries the request makes when all these hints are followed."""
    return report.count - sum(hint.saves for hint in found)


def _n_plus_one(finding: NPlusOne, has_fetch_modes: bool, counted_together: bool) -> Hint:
    subject, queries, site = finding.subject, finding.queries, finding.site
    if subject.kind in _ONE_BY_ONE:
        text = _ONE_BY_ONE[subject.kind].format(subject=subject, site=site)
        return Hint(f"{text} ({queries} queries become 1)", queries, 1)
    # The query for the rows themselves is counted with them: that is how people count an N+1.
    before = queries + 1
    if subject.kind in _COMPUTED:
        after, advice = 1, _annotate(finding, counted_together)
    else:
        after, advice = _load_along(finding)
    text = f"{subject} is loaded once per row at {site}: {advice} ({before} queries become {after})"
    if has_fetch_modes and subject.kind in ("forward", "reverse_one", "generic", "deferred"):
        text += f", or .fetch_mode(FETCH_PEERS) ({before} queries become {1 + finding.tables})"
    return Hint(text, before, after)


def _load_along(finding: NPlusOne) -> tuple[int, str]:
    """Return how many queries remain with the rows' own, and what to add so that the field comes along with them."""
    subject, advice_class = finding.subject, finding.site.advice
    where = look_up(finding)
    paths = ", ".join(f'"{path}"' for path in where.paths)
    after = 1 + finding.tables
    if subject.kind == "deferred":
        return 1, f"add {paths} to .only(), or take it out of .defer()"
    if subject.kind in ("forward", "reverse_one") and not where.needs_prefetch:
        after = 1
        if advice_class and not where.anchor:
            return after, f"set list_select_related = [{paths}] on {advice_class}"
        advice = f".select_related({paths})"
    elif subject.kind == "filtered":
        after = 2
        advice = (
            f'.prefetch_related(Prefetch("{where.paths[0]}", queryset=…, to_attr=…)) with that queryset, and read that'
        )
    else:
        advice = f".prefetch_related({paths})"
    if where.anchor:
        return after, f'add .prefetch_related(GenericPrefetch("{where.anchor}", [{where.model}.objects{advice}, …]))'
    if subject.kind == "values":
        advice += f" and take the values from .{subject.field}.all()"
    return after, f"add {advice}"


def _annotate(finding: NPlusOne, counted_together: bool) -> str:
    """Return what to add so that the database computes it for all rows in their own query."""
    subject = finding.subject
    where = look_up(finding, subject.query_name)
    # What is computed through a prefetch would be of all its rows together.
    is_far = where.needs_prefetch or bool(where.anchor)
    path = (subject.query_name or subject.field) if is_far else where.paths[0]
    name = f"{subject.query_name or subject.field}_count"
    # Joined to one query, two relations multiply each other's rows.
    distinct = ", distinct=True" if counted_together else ""
    if subject.kind == "aggregate":
        advice = f'.annotate(…) with what .aggregate(…) computes, through "{path}__…",'
    elif subject.kind == "filtered_count":
        advice = f'.annotate({name}=Count("{path}", filter=Q(…){distinct}))'
    else:
        advice = f'.annotate({name}=Count("{path}"{distinct}))'
    return (
        f"add {advice} to the queryset that fetches {subject.model} and read that"
        if is_far
        else (f"add {advice.rstrip(',')} and read that")
    )


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
