"""Judge a request's queries: what was loaded row by row, asked twice, slow, or open too long."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from aura_logging.performance.fingerprints import fingerprint
from aura_logging.performance.loads import Load, Site, Subject
from aura_logging.performance.origins import DIRECT, RAW, Way
from aura_logging.performance.queries import QueryGroup, QueryLog, SlowQuery, Transaction

__all__ = ["BusyStatement", "Duplicate", "NPlusOne", "QueryReport", "judge"]

_MOST_BUSY = 3

_Key = tuple[Subject, Site]
_Loads = dict[_Key, list[tuple[str, Load]]]


@dataclass(frozen=True, slots=True)
class NPlusOne:
    """One field of one model, loaded once per row at one place: `queries` of them, on `tables` tables.

    `via` is the finding that loaded the rows themselves row by row, when there is one; `way` leads from its rows, or
    else from the outermost ones, to those that the field is loaded for.
    """

    subject: Subject
    site: Site
    queries: int
    tables: int = 1
    via: NPlusOne | None = None
    way: Way = DIRECT

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"field": str(self.subject), "site": str(self.site), "queries": self.queries}


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The same query with the same parameters, `count` times with no write in between."""

    fingerprint: str
    first_site: Site
    last_site: Site
    count: int


@dataclass(frozen=True, slots=True)
class BusyStatement:
    """One statement from one place, and what it cost altogether, in seconds."""

    fingerprint: str
    site: Site
    count: int
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "sql": self.fingerprint,
            "site": str(self.site),
            "count": self.count,
            "seconds": round(self.seconds, 6),
        }


@dataclass(slots=True)
class QueryReport:
    """What a request asked its databases, judged; times in seconds. Not frozen: each request makes one.

    `count` leaves out what only controls a transaction (`BEGIN`, savepoints), `transaction_statements` counts it.
    `duplicate_queries` are the superfluous ones: a query asked three times counts two, unless it is part of an N+1.
    `has_fetch_modes` says that the ORM that asked knows `fetch_mode` (Django 6.1 and later).
    """

    count: int
    seconds: float
    writes: int
    rows: int
    failed: int
    transaction_statements: int
    aliases: dict[str, int]
    n_plus_one: tuple[NPlusOne, ...] = ()
    duplicate_queries: int = 0
    duplicates: tuple[Duplicate, ...] = ()
    slow_queries: int = 0
    slow: tuple[SlowQuery, ...] = ()
    long_transaction: Transaction | None = None
    busiest: tuple[BusyStatement, ...] = field(default=())
    has_fetch_modes: bool = False

    def fields(self) -> dict[str, Any]:
        """Return the fields of the request's record; besides the first two, what is nothing is left out."""
        fields: dict[str, Any] = {"db_queries": self.count, "db_time": round(self.seconds, 6)}
        counts = (
            ("db_writes", self.writes),
            ("db_rows", self.rows),
            ("db_errors", self.failed),
            ("db_transaction_statements", self.transaction_statements),
            ("n_plus_one", len(self.n_plus_one)),
            ("duplicate_queries", self.duplicate_queries),
            ("slow_queries", self.slow_queries),
        )
        fields.update([each for each in counts if each[1]])
        if len(self.aliases) > 1:
            fields["db_aliases"] = dict(self.aliases)
        if self.long_transaction is not None:
            fields["long_transaction"] = round(self.long_transaction.seconds, 6)
        if self.n_plus_one or self.duplicate_queries or self.slow_queries:
            fields["db_busiest"] = [statement.as_dict() for statement in self.busiest]
        return fields


def judge(log: QueryLog, long_transaction_seconds: float = 1.0) -> QueryReport:
    """Return what the log came to by now."""
    n_plus_one = _n_plus_one(log)
    superfluous, duplicates = _duplicates(log, n_plus_one) if log.repeats else (0, ())
    longest = log.longest_transaction
    count, seconds, rows, transaction_statements = log.totals()
    return QueryReport(
        count=count,
        seconds=seconds,
        writes=log.writes,
        rows=rows,
        failed=log.failed,
        transaction_statements=transaction_statements,
        aliases=log.aliases(),
        n_plus_one=n_plus_one,
        duplicate_queries=superfluous,
        duplicates=duplicates,
        slow_queries=log.slow_count,
        slow=tuple(log.slow),
        long_transaction=longest if longest is not None and longest.seconds > long_transaction_seconds else None,
        busiest=_busiest(log) if n_plus_one or log.slow or log.repeats else (),
        has_fetch_modes=log.has_fetch_modes,
    )


def _duplicates(log: QueryLog, n_plus_one: tuple[NPlusOne, ...]) -> tuple[int, tuple[Duplicate, ...]]:
    """Return how many queries were superfluous, and which, without those that an N+1 explains."""
    explained = {(finding.subject, finding.site) for finding in n_plus_one}
    # What a library asks twice by itself (the admin counts its rows twice) is no line of the project's, nor is what
    # validation asks.
    groups = [
        group
        for group in list(log.groups.values())
        if not (group.site.is_library or group.origin.is_check)
        and not any((subject, group.site) in explained for subject in group.loads)
    ]
    kept = {id(group) for group in groups}
    return sum(group.repeats for group in groups), tuple(
        Duplicate(fingerprint(repeat.first.sql), repeat.first.site, repeat.again.site, repeat.count)
        for repeat in sorted(log.repeats.values(), key=lambda repeat: -repeat.count)
        if id(repeat.again) in kept
    )


def _n_plus_one(log: QueryLog) -> tuple[NPlusOne, ...]:
    """Return the loads that a loop repeated for different rows, those with most queries first.

    A row that was itself fetched alone (`get`, `first`, `[0]`) costs its lazy load no more than it cost itself: as
    long as there are no more loads than such rows, nothing is wrong that a prefetch could mend. Rows fetched alone
    by another N+1 do not count for that: they are no choice of the program.
    """
    groups = list(log.groups.values())
    if not any(load.is_settled for group in groups if group.loads for load in list(group.loads.values())):
        return ()
    loads: _Loads = defaultdict(list)
    for group in groups:
        for load in list(group.loads.values()):
            loads[load.subject, group.site].append((group.statement.table, load))
    suspects = [key for key, found in loads.items() if any(load.is_settled for _, load in found)]
    guilty: set[_Key] = set()
    while fresh := [
        key for key in suspects if key not in guilty and _total(loads[key]) > _chosen_singles(log, key[0], guilty)
    ]:
        guilty.update(fresh)
    findings: list[NPlusOne] = []
    # Rows are loaded before what is loaded for them.
    for key in sorted(guilty, key=lambda key: min(load.began for _, load in loads[key])):
        total, tables = _total(loads[key]), {table for table, _ in loads[key]}
        bringers = _bringers(key, loads)
        known = [finding for finding in findings if (finding.subject, finding.site) in bringers]
        via, way = (known[-1], DIRECT) if known else _source(log, key[0], total, loads, findings)
        findings.append(NPlusOne(*key, total, len(tables), via, way))
    return tuple(sorted(findings, key=lambda finding: -finding.queries))


def _bringers(key: _Key, loads: _Loads) -> list[_Key]:
    """Return what brought the rows of these loads, as far as it is known: shown, or the loop that they are inside of.

    Inside of a loop that brings many rows there are more loads than in it; beside it, it was over or brings fewer.
    """
    # One line may have several, for Python changes its instructions.
    keys = {load: each for each, found in loads.items() for _, load in found}
    bringers = []
    for _, load in loads[key]:
        if load.brought_by in keys:
            bringers.append(keys[load.brought_by])
        elif load.may_follow is not None and load.may_follow[0] in keys:
            outer = keys[load.may_follow[0]]
            if load.may_follow[1] < _total(loads[outer]) < _total(loads[key]):
                bringers.append(outer)
    return bringers


def _may_bring(finding: NPlusOne, loads: _Loads, table: str) -> bool:
    if finding.subject.kind == "generic":
        return any(table == brought for brought, _ in loads[finding.subject, finding.site])
    return finding.subject.target_table == table


def _source(
    log: QueryLog, subject: Subject, total: int, loads: _Loads, earlier: list[NPlusOne]
) -> tuple[NPlusOne | None, Way]:
    """Return where the rows came from that the subject was loaded for, if they do not show it; and the way on.

    They are rather the outermost ones than others of the same table, and rather those of a loop with fewer queries
    than the `total` of this one than of a loop with more.
    """
    table = subject.owner_table
    if not table:
        return None, DIRECT
    prefetched: list[str] = []
    joined: list[tuple[QueryGroup, str]] = []
    for group in list(log.groups.values()):
        joined += [(group, path) for brought, path in group.origin.joined if brought == table]
        if group.statement.table == table and _brings_many(group):
            if not group.origin.prefetched:
                return None, RAW if group.origin.is_raw else DIRECT
            prefetched.append(group.origin.prefetched)
    via = [finding for finding in earlier if _may_bring(finding, loads, table)]
    via = [finding for finding in via if finding.queries <= total] or via
    if via:
        # Of a relation of rows among themselves the rows are rather the first ones.
        return next((f for f in reversed(via) if f.subject.owner_table != table), via[-1]), DIRECT
    if prefetched or not joined:
        return None, Way(tuple(dict.fromkeys(prefetched)), is_prefetched=bool(prefetched))
    group = joined[0][0]
    paths = tuple(dict.fromkeys(path for each, path in joined if each is group))
    if group.origin.prefetched:
        return None, Way(tuple(f"{group.origin.prefetched}__{path}" for path in paths), is_prefetched=True)
    return next((finding for finding in earlier if finding.subject in group.loads), None), Way(paths)


def _brings_many(group: QueryGroup) -> bool:
    what = group.statement
    is_list = what.kind == "read" and not (what.is_single or what.is_probe or what.is_count)
    return is_list and group.origin.brings_rows and not group.loads


def _total(loads: list[tuple[str, Load]]) -> int:
    return sum(load.queries for _, load in loads)


def _chosen_singles(log: QueryLog, subject: Subject, guilty: set[_Key]) -> int:
    """Return how many rows of the subject's owner were each fetched by a query of its own, by choice.

    The same row again is no further one, and what only completes a row that is there brings none.
    """
    if not subject.owner_table:
        return 0
    singles = 0
    for group in list(log.groups.values()):
        statement = group.statement
        if not statement.is_single or statement.is_probe or statement.table != subject.owner_table:
            continue
        if not group.origin.brings_rows:
            continue
        not_chosen = sum(
            load.queries
            for load in list(group.loads.values())
            if load.subject == subject or load.subject.kind == "deferred" or (load.subject, group.site) in guilty
        )
        singles += max(0, group.count - group.repeats - not_chosen)
    return singles


def _busiest(log: QueryLog) -> tuple[BusyStatement, ...]:
    busiest = sorted(log.groups.values(), key=lambda group: -group.seconds)[:_MOST_BUSY]
    return tuple(BusyStatement(fingerprint(group.sql), group.site, group.count, group.seconds) for group in busiest)
