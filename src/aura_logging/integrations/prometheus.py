"""Show the store's metrics through prometheus_client, beside what you count with it already.

    from prometheus_client import REGISTRY
    REGISTRY.register(AuraCollector(open_store("sqlite:///logs/aura-metrics.db")))

The store answers for all processes, so no multiprocess directory is needed for these metrics.
"""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client.core import Exemplar as ClientExemplar
from prometheus_client.core import Metric as ClientMetric
from prometheus_client.registry import Collector

from aura_logging.metrics.families import Family, gather
from aura_logging.metrics.stores import MetricsStore

__all__ = ["AuraCollector"]


class AuraCollector(Collector):
    """A prometheus_client collector of everything in a store.

    Collecting raises `StoreError` while the store does not answer: a scrape that fails is seen by Prometheus as
    `up == 0`, one that answers with nothing looks like no traffic.
    """

    def __init__(self, store: MetricsStore) -> None:
        self._store = store

    def collect(self) -> Iterable[ClientMetric]:
        """Return all families as they are in the store now."""
        return [_converted(family) for family in gather(self._store)]

    def describe(self) -> Iterable[ClientMetric]:
        """Return nothing: registering must not touch the store."""
        return []


def _converted(family: Family) -> ClientMetric:
    unit = family.unit if family.name.endswith(f"_{family.unit}") else ""
    metric = ClientMetric(family.name, family.help, family.kind, unit)
    for point in family.points:
        told = point.exemplar
        exemplar = None if told is None else ClientExemplar({"trace_id": told.trace_id}, told.value, told.at)
        metric.add_sample(family.name + point.suffix, dict(point.labels), point.value, exemplar=exemplar)
    return metric
