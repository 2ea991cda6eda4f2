"""Count what a log call asks to have counted: `extra={"metric": "orders_total"}`.

Three spellings: a name alone adds 1 to a counter; a name with `metric_value` adds that; a mapping tells all:

    log.info("order placed", extra={"metric": {
        "name": "basket_euros", "kind": "histogram", "value": 42.5, "labels": {"channel": "web"}}})
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from aura_logging.metrics.catalogue import declared
from aura_logging.metrics.declaration import Metric
from aura_logging.metrics.registry import Registry
from aura_logging.options import OptionError

__all__ = ["count_business"]

_MOST_LABELS = 5


def count_business(registry: Registry, fields: Mapping[str, Any]) -> str:
    """Count the record's `metric`; return an empty string, or why it could not be counted.

    Reasons: `value` (not a finite number, or a counter's is negative), `declaration` (a name, kind or set of labels
    that cannot be, or differs from what was counted before), `reserved` (a metric of our own catalogue). A
    counter's name gets `_total` if it lacks it.
    """
    told = fields["metric"]
    if isinstance(told, str):
        told = {"name": told, "value": fields.get("metric_value", 1)}
    if not isinstance(told, Mapping):
        return "declaration"
    name, kind, value, labels = (
        told.get("name"),
        told.get("kind", "counter"),
        told.get("value", 1),
        told.get("labels") or {},
    )
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not math.isfinite(value):
        return "value"
    if not isinstance(name, str) or not isinstance(labels, Mapping) or len(labels) > _MOST_LABELS:
        return "declaration"
    if kind == "counter" and not name.endswith("_total"):
        name += "_total"
    if declared(name) is not None:
        return "reserved"
    try:
        _count(registry, name, kind, float(value), labels)
    except (OptionError, ValueError, TypeError, OverflowError):
        return "declaration"
    return "value" if value < 0 and kind != "gauge" else ""


def _count(registry: Registry, name: str, kind: str, value: float, labels: Mapping[str, Any]) -> None:
    names = tuple(sorted(labels))
    values = [labels[label] for label in names]
    if kind == "counter":
        registry.counter(Metric(name, "counter", "", labels=names)).of(*values).inc(value)
    elif kind == "gauge":
        registry.gauge(Metric(name, "gauge", "", labels=names)).of(*values).set(value)
    elif kind == "histogram":
        registry.histogram(Metric(name, "histogram", "", labels=names)).of(*values).observe(value)
    else:
        raise OptionError(f"metric {name!r} has kind={kind!r}; use 'counter', 'gauge' or 'histogram'.")
