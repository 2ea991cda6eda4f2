"""Say what was loaded, by which line of code, and whether a loop did it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from dataclasses import field as attribute
from typing import Literal

__all__ = ["ELSEWHERE", "NOWHERE", "Kind", "Load", "Site", "Subject"]

_MAX_CHECKS = 64


@dataclass(frozen=True, slots=True)
class Site:
    """A line of code, or of a template, as a person would look it up; `advice` names the class to change instead.

    `is_library` is true where no code of the project was in sight.
    """

    file: str
    line: int
    advice: str = ""
    is_library: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


NOWHERE = Site("unknown", 0, is_library=True)
ELSEWHERE = Site("many places", 0, is_library=True)

Kind = Literal[
    "forward", "reverse_one", "generic",
    "many", "values", "filtered", "count", "filtered_count", "aggregate",
    "deferred",
    "get", "filter", "raw",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Subject:
    """What of which model was loaded: `Book.author`; `owner_table` has the rows it was loaded for.

    `kind`: `forward` and `reverse_one` find one object through a key, `generic` through a content type, `many` a
    related manager's objects, `values` no more than values of theirs, `filtered` some of them or in another order,
    `count` their number, `filtered_count` that of some, `aggregate` what else is computed of them; `deferred` is a
    field left out by `only` or `defer`. Without a relation, `get` looks one object up, `filter` those with a key to
    another row, `raw` does that in the project's own SQL (`model` is the table then, `field` the column).

    `query_name` is what the field is called in a filter or an aggregate, where that is another name.
    """

    model: str
    field: str
    kind: Kind
    owner_table: str = ""
    target_table: str = attribute(default="", compare=False)
    query_name: str = attribute(default="", compare=False)

    def __str__(self) -> str:
        return f"{self.model}.{self.field}"


@dataclass(slots=True, eq=False)
class Load:
    """How often a subject was loaded at one site, since when (the log's caller's clock, seconds), and for which rows.

    Rows are looked at until the load is settled to be a loop, at most 64 times, or the threshold's times if that is
    more; `wants_evidence` says whether another look could still change the judgement. Of rows no more than hashes is
    kept. `brought_by` is what had loaded the first of them, where the row shows that; where it does not, `may_follow`
    is the last load of such rows before, with its number of queries then: if there were more of them afterwards, the
    one is inside the other.
    """

    subject: Subject
    began: float = 0.0
    queries: int = 0
    is_settled: bool = False
    wants_evidence: bool = True
    brought_by: Load | None = None
    may_follow: tuple[Load, int] | None = None
    _checks: int = 0
    _rows_by_path: dict[Hashable, set[int]] = attribute(default_factory=dict)
    _targets: set[int] = attribute(default_factory=set)

    def seen(self, path: Hashable, row: Hashable, threshold: int) -> None:
        """Note that the row was loaded for by this path through the program; the same path again is a loop."""
        rows = self._rows_by_path.setdefault(path, set())
        rows.add(_hash(row))
        self._checks += 1
        self.is_settled = self.is_settled or len(rows) >= threshold
        if self.is_settled or self._checks >= max(_MAX_CHECKS, threshold):
            self._decide()

    def is_led_to(self, row: Hashable, target: Hashable) -> bool:
        """Tell whether such a load led to the row, as in `node = node.parent`, many times; this goes to `target`."""
        self._targets.add(_hash(target))
        is_next = _hash(row) in self._targets
        if is_next:
            self._checks += 1
            if self._checks >= _MAX_CHECKS:
                self._decide()
        return is_next

    def _decide(self) -> None:
        self.wants_evidence = False
        self._rows_by_path.clear()
        self._targets.clear()


def _hash(value: Hashable) -> int:
    return hash(repr(value))  # -1 and -2 have the same hash
