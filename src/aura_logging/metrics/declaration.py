"""Declare a metric: its name, kind, unit, help, labels and limits, checked when it is declared."""

from __future__ import annotations

import re
from dataclasses import dataclass

from aura_logging.metrics.buckets import DURATIONS_SECONDS, ascending
from aura_logging.metrics.model import Kind, Merge
from aura_logging.options import OptionError

__all__ = ["NO_VALUE", "Metric"]

NO_VALUE = "none"
"""The value of a label for which there is nothing to say; Prometheus takes an empty value for a missing label."""

MAX_SERIES = 200

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_RESERVED_LABELS = frozenset({"le", "quantile", "job", "instance"})
_TAKEN_SUFFIXES = ("_total", "_bucket", "_count", "_sum", "_created", "_info")


@dataclass(frozen=True, slots=True)
class Metric:
    """What one metric is, said once; `OptionError` names what cannot be.

    `labels` come from closed sets: a route, never a path. A process keeps at most `max_series` sets of label
    values; what comes after them is counted with every label `_overflow`. `merge` says what a gauge is across
    processes: the `mean` of all values that were set in the last five minutes, the one that was set `last`, or
    the `sum` of what each process holds now. `bounds` are a histogram's.
    """

    name: str
    kind: Kind
    help: str
    unit: str = ""
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    merge: Merge = "last"
    max_series: int = MAX_SERIES

    def __post_init__(self) -> None:
        _check_name(self.name, self.kind)
        for label in self.labels:
            _check_label(label, self)
        if len(set(self.labels)) != len(self.labels):
            raise OptionError(f"metric {self.name!r} has a label twice: labels={self.labels!r}; name each once.")
        if self.kind == "histogram" and not self.bounds:
            object.__setattr__(self, "bounds", DURATIONS_SECONDS)
        if self.bounds and self.kind != "histogram":
            raise OptionError(f"metric {self.name!r} is a {self.kind} and takes no buckets; use histogram().")
        if self.bounds and not ascending(self.bounds):
            raise OptionError(
                f"metric {self.name!r} has buckets={self.bounds!r}; give finite numbers, each above the one before."
            )
        if self.merge not in ("mean", "last", "sum"):
            raise OptionError(f"metric {self.name!r} has merge={self.merge!r}; use 'mean', 'last' or 'sum'.")
        if self.max_series < 1:
            raise OptionError(f"metric {self.name!r} has max_series={self.max_series!r}; it must be 1 or more.")


def _check_name(name: str, kind: Kind) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise OptionError(f"metric name {name!r} is not one for Prometheus; use letters, digits and _, no digit first.")
    if kind == "counter":
        if not name.endswith("_total") or name == "_total":
            raise OptionError(f"counter {name!r} must end in '_total'; call it {name + '_total'!r}.")
    elif name.endswith(_TAKEN_SUFFIXES):
        ending = name[name.rindex("_") :]
        raise OptionError(f"{kind} {name!r} may not end in {ending!r}, which Prometheus gives a meaning; rename it.")


def _check_label(label: str, metric: Metric) -> None:
    if not isinstance(label, str) or not _NAME.fullmatch(label) or label.startswith("__"):
        raise OptionError(f"metric {metric.name!r} has the label {label!r}; use letters, digits and _, no digit first.")
    if label in _RESERVED_LABELS:
        raise OptionError(f"metric {metric.name!r} has the label {label!r}, which Prometheus sets itself; rename it.")
