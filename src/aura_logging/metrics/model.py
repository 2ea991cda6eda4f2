"""Say what was counted: a series, and how much of it, in a form where adding two is adding what they hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

__all__ = ["Amount", "Exemplar", "Kind", "Labels", "OVERFLOW", "Merge", "Sample", "Series", "merge"]

Kind = Literal["counter", "gauge", "histogram"]

Merge = Literal["mean", "last", "sum"]
"""What a gauge is across processes: see `declaration.Metric`."""

OVERFLOW = "_overflow"
"""The value all labels take when a metric has used up its series; nothing is lost but the distinction."""

Labels = tuple[tuple[str, str], ...]
"""Pairs of label and value, sorted by label, so that equal sets are equal tuples."""


@dataclass(frozen=True, slots=True)
class Series:
    """One metric with one set of label values.

    `bounds` are a histogram's upper bounds, ascending, without infinity; part of the identity, so that two
    releases with other bounds never add up counts of other buckets. `merge` matters for gauges only.
    """

    name: str
    kind: Kind
    labels: Labels = ()
    bounds: tuple[float, ...] = field(default=(), repr=False)
    merge: Merge = "last"

    def __hash__(self) -> int:
        # Not the bounds: hashing sixty floats at every lookup costs more than the rare collision.
        return hash((self.name, self.labels))

    def label(self, name: str) -> str:
        """Return the value of a label; of one that the series does not have, an empty string."""
        for key, value in self.labels:
            if key == name:
                return value
        return ""

    def overflow(self) -> Series:
        """Return the series in which all are counted that are one too many."""
        return replace(self, labels=tuple((label, OVERFLOW) for label, _ in self.labels))


@dataclass(frozen=True, slots=True)
class Exemplar:
    """One observation that can be looked up: its value and the trace it belongs to."""

    value: float
    trace_id: str
    at: float


@dataclass(frozen=True, slots=True)
class Amount:
    """What was added to a series in some span of time; what its fields mean depends on the series' kind.

    counter: `sum` is the increase. gauge: it was set `count` times, to `sum` altogether, and at `last_at`
    (Unix seconds) to `last`. histogram: `count` observations that come to `sum`; `buckets` counts them by the
    index of the smallest bound that is not below them, `len(bounds)` standing for infinity; empty buckets are
    left out.
    """

    count: float = 0.0
    sum: float = 0.0
    last: float = 0.0
    last_at: float = 0.0
    buckets: Mapping[int, float] | None = None
    exemplar: Exemplar | None = None

    def plus(self, other: Amount) -> Amount:
        """Return what the two hold together; of two last values and two exemplars, the newer."""
        newer = other if other.last_at >= self.last_at else self
        buckets = self.buckets
        if other.buckets:
            buckets = dict(self.buckets or {})
            for index, count in other.buckets.items():
                buckets[index] = buckets.get(index, 0.0) + count
        exemplar = self.exemplar
        if other.exemplar is not None and (exemplar is None or other.exemplar.at >= exemplar.at):
            exemplar = other.exemplar
        return Amount(self.count + other.count, self.sum + other.sum, newer.last, newer.last_at, buckets, exemplar)


@dataclass(frozen=True, slots=True)
class Sample:
    """An amount of a series in the time bucket that begins at `at`, in whole Unix seconds."""

    series: Series
    at: int
    amount: Amount


def merge(samples: Iterable[Sample]) -> dict[Series, Amount]:
    """Return the amount of each series over all of the samples' time."""
    merged: dict[Series, Amount] = {}
    for sample in samples:
        before = merged.get(sample.series)
        merged[sample.series] = sample.amount if before is None else before.plus(sample.amount)
    return merged
