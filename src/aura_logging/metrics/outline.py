"""Say what of a long stretch of time is wanted, so that a store can add up the rest where it lies.

A thousand series over a hundred and seventy hours are as many thousand samples, a second of work in Python. A page
needs each series' sum, or the course of a few sums over time: a database adds those up itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from aura_logging.metrics.model import Amount, Sample, Series

__all__ = ["Outline"]


@dataclass(frozen=True, slots=True)
class Outline:
    """Which metrics are wanted, and what is told apart in them; all else is added up.

    `labels` are those whose values are told apart (None: all labels). `only` names labels and the value that is wanted
    of them; a series without the label has the empty value. With `by_time` each time bucket is told apart, without it
    the whole stretch is one. Histograms of other bounds are never added up.
    """

    names: Collection[str]
    labels: Collection[str] | None = None
    only: Mapping[str, str] = field(default_factory=dict)
    by_time: bool = False

    def series(self, series: Series) -> Series | None:
        """Return the series that this one is added to; None for one that is not wanted."""
        if series.name not in self.names or any(series.label(name) != value for name, value in self.only.items()):
            return None
        if self.labels is None:
            return series
        return replace(series, labels=tuple(pair for pair in series.labels if pair[0] in self.labels))

    def added(self, samples: Iterable[Sample], first: int) -> list[Sample]:
        """Return the samples added up, oldest first; those of the whole stretch are at `first`, its beginning."""
        outlines: dict[Series, Series | None] = {}
        amounts: dict[tuple[int, Series], Amount] = {}
        for sample in samples:
            if sample.series not in outlines:
                outlines[sample.series] = self.series(sample.series)
            outline = outlines[sample.series]
            if outline is not None:
                key = (sample.at if self.by_time else first, outline)
                before = amounts.get(key)
                amounts[key] = sample.amount if before is None else before.plus(sample.amount)
        return [Sample(series, at, amounts[at, series]) for at, series in sorted(amounts, key=lambda key: key[0])]
