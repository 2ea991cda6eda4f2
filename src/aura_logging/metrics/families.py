"""Gather what the store has into families as Prometheus knows them: one metric, its meaning and all its lines."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from aura_logging.metrics.buckets import shown
from aura_logging.metrics.catalogue import declared
from aura_logging.metrics.model import Amount, Exemplar, Kind, Labels, Sample
from aura_logging.metrics.registry import PROCESS
from aura_logging.metrics.stores.base import MetricsStore
from aura_logging.metrics.window import read_window
from aura_logging.resilience.clock import Clock

__all__ = ["GAUGE_WINDOW_SECONDS", "Family", "Point", "gather"]

GAUGE_WINDOW_SECONDS = 300
"""How far back a gauge is looked for, and what the mean of one is taken over; Prometheus looks back as far."""


@dataclass(frozen=True, slots=True)
class Point:
    """One line of a family: what its name adds to the family's, its labels, value and perhaps an exemplar."""

    suffix: str
    labels: Labels
    value: float
    exemplar: Exemplar | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """One metric as it is exposed; a counter's `name` is without `_total`, which is its points' suffix."""

    name: str
    kind: Kind
    help: str
    unit: str
    points: list[Point] = field(default_factory=list)


def gather(store: MetricsStore, clock: Clock = time.time) -> list[Family]:
    """Return all families in the store, by name; `StoreError` if it does not answer.

    Counters and histograms are totals since the store was made, so they never decrease while it lasts, whatever
    processes come and go. A gauge that nobody set within five minutes is left out. A histogram of many
    buckets shows about twenty of them (see `buckets.shown`).
    """
    by_name: dict[str, list[Sample]] = {}
    for sample in store.totals():
        by_name.setdefault(sample.series.name, []).append(sample)
    gauges = [name for name, samples in by_name.items() if samples[0].series.kind == "gauge"]
    window = read_window(store, GAUGE_WINDOW_SECONDS, gauges, clock) if gauges else None
    told_here = {metric.name: metric for metric in PROCESS.metrics()}
    families = []
    for name, samples in sorted(by_name.items()):
        kind = samples[0].series.kind
        samples = [sample for sample in samples if sample.series.kind == kind]
        metric = declared(name) or told_here.get(name)
        family = Family(
            name.removesuffix("_total") if kind == "counter" else name,
            kind,
            metric.help if metric else "",
            metric.unit if metric else "",
        )
        if kind == "counter":
            family.points.extend(Point("_total", sample.series.labels, sample.amount.sum) for sample in samples)
        elif kind == "histogram":
            family.points.extend(_histogram_points(samples))
        elif window is not None:
            for sample in samples:
                value = window.gauge(name, **dict(sample.series.labels))
                if value is not None:
                    family.points.append(Point("", sample.series.labels, value))
        if family.points:
            families.append(family)
    return families


def _histogram_points(samples: Iterable[Sample]) -> Iterable[Point]:
    by_labels: dict[Labels, list[Sample]] = {}
    for sample in samples:
        by_labels.setdefault(sample.series.labels, []).append(sample)
    for labels, alike in by_labels.items():
        # Two releases with other bounds: where both have a bound, both know exactly how many lie below it.
        common = set.intersection(*(set(sample.series.bounds) for sample in alike))
        bounds = shown(tuple(sorted(common))) if common else ()
        cumulative = [0.0] * len(bounds)
        count = total = 0.0
        exemplar: Exemplar | None = None
        for sample in alike:
            for place, below in enumerate(_cumulative(sample.series.bounds, sample.amount, bounds)):
                cumulative[place] += below
            count += sample.amount.count
            total += sample.amount.sum
            exemplar = sample.amount.exemplar or exemplar
        for bound, below in zip((*bounds, math.inf), (*cumulative, count), strict=True):
            own, exemplar = _if_within(exemplar, bound)
            yield Point("_bucket", (*labels, ("le", _bound_text(bound))), below, own)
        yield Point("_sum", labels, total)
        yield Point("_count", labels, count)


def _cumulative(have: Sequence[float], amount: Amount, wanted: Sequence[float]) -> list[float]:
    counts = sorted((amount.buckets or {}).items())
    below, place, answer = 0.0, 0, []
    for bound in wanted:
        while place < len(counts) and counts[place][0] < len(have) and have[counts[place][0]] <= bound:
            below += counts[place][1]
            place += 1
        answer.append(below)
    return answer


def _if_within(exemplar: Exemplar | None, bound: float) -> tuple[Exemplar | None, Exemplar | None]:
    """Return the exemplar for this bucket, and what is left for the next."""
    if exemplar is not None and exemplar.value <= bound:
        return exemplar, None
    return None, exemplar


def _bound_text(bound: float) -> str:
    return "+Inf" if bound == math.inf else repr(bound)
