"""Decide from one process's own handlers whether it should be sent requests."""

from __future__ import annotations

from collections.abc import Mapping

from aura_logging.diagnostics.report import Worker
from aura_logging.health import Status

__all__ = ["hindrances"]

_FAILOVER = "aura_logging.handlers.failover.FailoverHandler"
_METRICS = "aura_logging.handlers.metrics.MetricsHandler"


def hindrances(worker: Worker) -> Mapping[str, str]:
    """Return what keeps this process's lines from arriving, by handler; empty if it is ready.

    A handler that stands behind a failover is no hindrance: another takes its place. Neither is the store of metrics:
    counts wait in memory.
    """
    kinds = {each.name: each.kind for each in worker.handlers}
    return {
        each.name: each.detail
        for each in worker.handlers
        if each.status is Status.UNHEALTHY and each.kind != _METRICS and kinds.get(each.behind) != _FAILOVER
    }
