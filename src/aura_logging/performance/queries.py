"""Keep account of a request's database queries, in bounded memory, whatever their number."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Hashable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from dataclasses import field as attribute
from types import CodeType
from typing import Any, NamedTuple

from aura_logging.performance.allocations import AllocationSample
from aura_logging.performance.cache import CacheLog
from aura_logging.performance.fingerprints import MAX_SQL, Statement, statement
from aura_logging.performance.loads import ELSEWHERE, NOWHERE, Load, Site, Subject
from aura_logging.performance.origins import PLAIN, Origin
from aura_logging.performance.questions import question

__all__ = [
    "FAILED",
    "MAX_GROUPS",
    "MAX_SEEN",
    "Lazy",
    "QueryGroup",
    "QueryLog",
    "Repeat",
    "SlowQuery",
    "Transaction",
    "current",
]

MAX_GROUPS = 500
"""Statements told apart by text and call site in one request; further ones are counted together, in one group."""

MAX_SEEN = 10_000
"""Questions that are remembered, by a hash, to know them when they are asked again."""

FAILED = -2
"""The rows of a query that failed."""

_MAX_REPEATS = 50
_MAX_SLOW = 5
_MOST_RECENT = 64


class Lazy(NamedTuple):
    """What loads lazily and for which model, found how many frames outward from what counts; and what it loads."""

    depth: int
    code: CodeType
    descriptor: Any
    model: type
    load: Load


@dataclass(slots=True)
class QueryGroup:
    """The queries of one text, of one database, from one call site."""

    sql: str
    alias: str
    statement: Statement
    site: Site = NOWHERE
    count: int = 0
    seconds: float = 0.0
    rows: int = 0
    repeats: int = 0
    loads: dict[Subject, Load] = attribute(default_factory=dict)
    # What is in the key only as an identity: alive, so that it is nobody else's.
    owner: Any = None
    wants_subject: bool = True
    # The load that is known to be a loop, where the queries are made by loading lazily: most that follow are its own.
    loop: Load | None = None
    # Of who counts, to know the group's next query by: how far away its line is (0 where that is not known), at which
    # of its instructions, what loads lazily there, and whether the driver tells rows.
    depth: int = 0
    instruction: int = 0
    lazy: Lazy | None = None
    tells_rows: bool = True
    origin: Origin = PLAIN

    def absorb(self, other: QueryGroup) -> None:
        """Count another's queries as this one's."""
        self.count += other.count
        self.seconds += other.seconds
        self.rows += other.rows
        self.repeats += other.repeats
        for subject, load in other.loads.items():
            known = self.loads.setdefault(subject, load)
            if known is not load:
                known.queries += load.queries
                known.is_settled = known.is_settled or load.is_settled


@dataclass(slots=True)
class Repeat:
    """A query that ran again with the same parameters, and no write in between."""

    first: QueryGroup
    again: QueryGroup
    count: int


@dataclass(frozen=True, slots=True)
class SlowQuery:
    """One query that took longer than it may; `plan` is the database's, where it was asked for."""

    group: QueryGroup
    seconds: float
    plan: str = ""
    scanned_tables: tuple[str, ...] = ()


@dataclass(slots=True)
class Transaction:
    """A transaction as the queries show it: from the start of its first to the end of its last."""

    alias: str
    began: float
    ended: float
    site: Site
    identity: Any = None

    @property
    def seconds(self) -> float:
        """How long it was seen open."""
        return self.ended - self.began


class QueryLog:
    """Counts the queries of one request or task; holds texts, call sites and sums, never a parameter's value.

    At most `MAX_GROUPS` texts of at most 4,096 characters, 10,000 hashes of parameters and five slow queries are
    kept; every query counts in the sums. Any thread may add.
    """

    # On the class until they change: most requests change few of them, and each that is set costs every request.
    writes = 0
    failed = 0
    uncounted = 0
    slow_count = 0
    slow: Sequence[SlowQuery] = ()
    _longest: Transaction | None = None
    _recent: deque[tuple[Any, Load]] | None = None
    is_pinned = False
    task: Any = None
    has_fetch_modes = False
    observes_caches = False
    cache: CacheLog | None = None
    allocations: AllocationSample | None = None
    view_seconds: float | None = None
    template_seconds = 0.0

    def __init__(
        self, slow_query_seconds: float = 0.1, n_plus_one_threshold: int = 2, explain_sample_rate: float = 0.0
    ) -> None:
        self.explain_sample_rate = explain_sample_rate
        self.slow_query_seconds = slow_query_seconds
        self.n_plus_one_threshold = n_plus_one_threshold
        self.groups: dict[Hashable, QueryGroup] = {}
        # By text, of the line that asked last; of who counts.
        self.usual: dict[str, QueryGroup] = {}
        self.repeats: dict[int, Repeat] = {}
        self._transactions: dict[str, Transaction] = {}
        self.seen: dict[int, QueryGroup] = {}
        self._lock = threading.Lock()

    def of_caches(self) -> CacheLog | None:
        """Return the log of what the caches are asked, made at the first asking; `None` where nobody wants to know."""
        if not self.observes_caches:
            return None
        # One step: of two threads that come first, both get the same.
        return self.cache or self.__dict__.setdefault("cache", CacheLog())

    def just_loaded(self) -> deque[tuple[Any, Load]]:
        """Return for which rows what was loaded last, as weak references; of who counts."""
        return self._recent or self.__dict__.setdefault("_recent", deque(maxlen=_MOST_RECENT))  # as above

    def add(
        self,
        sql: str,
        params: Any,
        alias: str,
        seconds: float,
        owner: Any,
        instruction: int,
        rows: int,
    ) -> QueryGroup:
        """Count a query that has ended; return its group, whose `site` is `NOWHERE` until the caller says where it is.

        `owner` (known by identity) and `instruction` stand for the call site; `rows` is what the driver says was
        touched, negative for unknown, `FAILED` where the query did.
        """
        key = (sql if len(sql) <= MAX_SQL else sql[:MAX_SQL], alias, id(owner), instruction)
        group = self.groups.get(key)
        if group is None:
            with self._lock:
                group = self.groups.get(key) or self._new_group(key, sql, alias, owner)
        self.count(group, sql, params, seconds, rows)
        return group

    def count(self, group: QueryGroup, sql: str, params: Any, seconds: float, rows: int) -> None:
        """Count another query of the group."""
        # Whoever writes may change what is read: reading again after a write is no waste; nor is after a failure.
        digest = None
        if group.statement.is_repeatable and rows != FAILED:
            digest = question(sql, group.alias, params, self.writes)
        # No lock: CPython changes threads at calls, and there is none between reading and writing a sum. Two threads
        # that ask the same at the same moment may not be seen as a repeat.
        group.count += 1
        group.seconds += seconds
        if rows > 0:
            group.rows += rows
        if digest is not None:
            self.again(digest, group)
        elif group.statement.kind == "write":
            self.writes += 1

    def again(self, digest: int, group: QueryGroup) -> None:
        """Remember that the group asked what the hash stands for, or note that it was asked before."""
        first = self.seen.get(digest)
        if first is not None:
            self._repeated(digest, first, group)
        elif len(self.seen) < MAX_SEEN:
            self.seen[digest] = group

    def totals(self) -> tuple[int, float, int, int]:
        """Return queries, seconds, rows, and statements that only control a transaction, over all groups."""
        count = control = rows = 0
        seconds = 0.0
        for group in list(self.groups.values()):
            if group.statement.kind == "transaction":
                control += group.count
            else:
                count += group.count
            seconds += group.seconds
            rows += group.rows
        return count, seconds, rows, control

    def aliases(self) -> dict[str, int]:
        """Return the queries of each database."""
        counts: dict[str, int] = {}
        for group in list(self.groups.values()):
            if group.statement.kind != "transaction":
                counts[group.alias] = counts.get(group.alias, 0) + group.count
        return counts

    def add_slow(self, slow: SlowQuery) -> None:
        """Remember a slow query if it is among the slowest: of each group the slowest, with a plan if one was asked."""
        with self._lock:
            self.slow_count += 1
            known = next((query for query in self.slow if query.group is slow.group), None)
            if known is not None:
                slower, other = (slow, known) if slow.seconds > known.seconds else (known, slow)
                slow = slower if slower.plan else replace(slower, plan=other.plan, scanned_tables=other.scanned_tables)
            others = [query for query in self.slow if query is not known]
            self.slow = sorted([*others, slow], key=lambda query: -query.seconds)[:_MAX_SLOW]

    def in_transaction(self, alias: str, identity: Any, began: float, ended: float, site: Site) -> None:
        """Note that a query ran inside a transaction; `identity` tells one transaction from the next."""
        known = self._transactions.get(alias)
        if known is not None and known.identity is identity:
            known.ended = ended
            return
        with self._lock:
            self._longest = self.longest_transaction
            self._transactions[alias] = Transaction(alias, began, ended, site, identity)

    @property
    def longest_transaction(self) -> Transaction | None:
        """The transaction that was seen open longest."""
        longest = self._longest
        for each in list(self._transactions.values()):
            if longest is None or each.seconds > longest.seconds:
                longest = each
        return longest

    def loaded(self, group: QueryGroup, subject: Subject, began: float) -> Load:
        """Count one query of the group as a load of the subject."""
        with self._lock:
            load = group.loads.get(subject)
            if load is None:
                load = group.loads[subject] = Load(subject, began)
            load.queries += 1
            return load

    def absorb(self, other: QueryLog) -> None:
        """Count what another log has counted, which nobody adds to any more; repeats between the two are not seen."""
        with self._lock:
            self.writes += other.writes
            self.failed += other.failed
            self.uncounted += other.uncounted
            self.repeats.update(other.repeats)
            for key, group in other.groups.items():
                known = self.groups.setdefault(key, group)
                if known is not group:
                    known.absorb(group)

    def _new_group(self, key: Hashable, sql: str, alias: str, owner: Any) -> QueryGroup:
        if len(self.groups) < MAX_GROUPS:
            group = self.groups[key] = QueryGroup(sql[:MAX_SQL], alias, statement(sql), owner=owner)
            return group
        overflow = (statement(sql).kind, alias)
        crowd = self.groups.get(overflow)
        if crowd is None:
            crowd = self.groups[overflow] = QueryGroup("(many other statements)", alias, statement(sql))
            crowd.site, crowd.wants_subject = ELSEWHERE, False
        return crowd

    def _repeated(self, digest: int, first: QueryGroup, group: QueryGroup) -> None:
        with self._lock:
            group.repeats += 1
            repeat = self.repeats.get(digest)
            if repeat is not None:
                repeat.count += 1
                repeat.again = group
            elif len(self.repeats) < _MAX_REPEATS:
                self.repeats[digest] = Repeat(first, group, 2)


current: ContextVar[QueryLog | None] = ContextVar("aura_logging_queries", default=None)
"""The log of the work at hand; what `gather`, `create_task` and `sync_to_async` copy shares it."""

_observers: set[str] = set()


def observed_by(name: str) -> None:
    """Say that somebody adds queries to the current log from now on."""
    _observers.add(name)


def is_observed() -> bool:
    """Tell whether anybody does; without, every count would be nought."""
    return bool(_observers)
