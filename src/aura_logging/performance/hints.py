"""Say in a sentence which line to change, to what, and how many queries that leaves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from aura_logging.performance.look_ups import LookUp, look_up
from aura_logging.performance.report import Duplicate, NPlusOne, QueryReport

__all__ = ["Hint", "MAX_HINTS", "hints", "predicted_queries"]

MAX_HINTS = 5
"""Hints of one record; whoever mends these five sees the next ones."""

_FETCHED_FOR_PEERS = ("forward", "reverse_one", "generic", "deferred")
# What a manager asks anew each time it is told to.
_ASKED_AGAIN = ("many", "values", "count")
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
        _n_plus_one(together, report.has_fetch_modes, computed[together[0].subject.owner_table] > 1)
        for together in _of_one_change(report.n_plus_one)
    ]
    found += [_duplicate(duplicate) for duplicate in report.duplicates]
    found.sort(key=lambda hint: -hint.saves)
    found += [_scan(slow.group.site, table) for slow in report.slow for table in slow.scanned_tables]
    return tuple(found)


def predicted_queries(report: QueryReport, found: Sequence[Hint]) -> int:
    """Return how many queries the request makes when all these hints are followed."""
    return report.count - sum(hint.saves for hint in found)


def _of_one_change(findings: Sequence[NPlusOne]) -> list[list[NPlusOne]]:
    """Return the findings, with those together that the same change mends at several lines."""
    by_change: dict[tuple[object, ...], list[NPlusOne]] = {}
    for finding in findings:
        is_shared = finding.subject.kind in _ASKED_AGAIN
        key = (finding.subject, look_up(finding)) if is_shared else (finding.subject, finding.site)
        by_change.setdefault(key, []).append(finding)
    return list(by_change.values())


def _n_plus_one(together: list[NPlusOne], has_fetch_modes: bool, counted_together: bool) -> Hint:
    finding = together[0]
    subject, queries = finding.subject, sum(each.queries for each in together)
    site = " and ".join(dict.fromkeys(str(each.site) for each in together))
    if subject.kind in _ONE_BY_ONE:
        text = _ONE_BY_ONE[subject.kind].format(subject=subject, site=site)
        return Hint(f"{text} ({queries} queries become 1)", queries, 1)
    # The query for the rows themselves is counted with them: that is how people count an N+1.
    before = queries + 1
    where = look_up(finding)
    with_peers = 1 + finding.tables * len(where.paths)
    if subject.kind in _COMPUTED:
        after, advice = 1, _annotate(finding, counted_together)
    elif subject.kind == "deferred":
        after, advice = 1, _select(finding)
    else:
        after, advice = _load_along(finding, where)
    text = f"{subject} is loaded once per row at {site}: {advice} ({before} queries become {after})"
    # What is prefetched does not have the fetch mode of what it is prefetched for.
    if has_fetch_modes and not where.needs_prefetch and subject.kind in _FETCHED_FOR_PEERS:
        text += f", or .fetch_mode(FETCH_PEERS) ({before} queries become {with_peers})"
    return Hint(text, before, after)


def _load_along(finding: NPlusOne, where: LookUp) -> tuple[int, str]:
    """Return how many queries remain with the rows' own, and what to add so that the field comes along with them."""
    subject, admin_class = finding.subject, finding.site.advice
    paths = _quoted(where.paths)
    after = 1 + finding.tables * len(where.paths)
    if subject.kind in ("forward", "reverse_one") and not where.needs_prefetch:
        after = 1
        if admin_class and not where.anchor:
            return after, f"set list_select_related = [{paths}] on {admin_class}"
        addition = f".select_related({paths})"
    elif subject.kind == "filtered":
        own = ", ".join(f'Prefetch("{path}", queryset=…, to_attr=…)' for path in where.paths)
        return after, f"add .prefetch_related({own}) with that queryset, and read that"
    else:
        addition = f".prefetch_related({paths})"
    if where.anchor:
        return after, f'add .prefetch_related(GenericPrefetch("{where.anchor}", [{where.model}.objects{addition}, …]))'
    if subject.kind == "values":
        addition += f" and take the values from .{subject.field}.all()"
    return after, f"add {addition}"


def _select(finding: NPlusOne) -> str:
    """Return how to have a field selected that was left out, by the name that the queryset has for it."""
    field, way = finding.subject.field, finding.way
    if way.is_raw:
        return f'select "{field}" in the SQL too'
    is_joined = bool(way.paths) and not way.is_prefetched
    names = _quoted([f"{path}__{field}" for path in way.paths] if is_joined else [field])
    return f"add {names} to .only(), or take it out of .defer()"


def _annotate(finding: NPlusOne, counted_together: bool) -> str:
    """Return what to add so that the database computes it for all rows in their own query."""
    subject = finding.subject
    where = look_up(finding, subject.query_name)
    # What is computed through a prefetch would be of all its rows together.
    is_far = where.needs_prefetch or bool(where.anchor)
    name = subject.query_name or subject.field
    path = name if is_far else where.paths[0]
    # Joined to one query, two relations multiply each other's rows.
    distinct = ", distinct=True" if counted_together else ""
    addition = {
        "count": f'.annotate({name}_count=Count("{path}"{distinct}))',
        "filtered_count": f'.annotate({name}_count=Count("{path}", filter=Q(…){distinct}))',
        "aggregate": f'.annotate(…) with what .aggregate(…) computes, through "{path}__…"',
    }[subject.kind]
    there = f" to the queryset that fetches {subject.model}" if is_far else ""
    return f"add {addition}{there} and read that"


def _quoted(names: Sequence[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)


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
