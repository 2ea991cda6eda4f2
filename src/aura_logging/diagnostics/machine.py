"""Look at the machine: memory, processors, and how much room is left where our files lie."""

from __future__ import annotations

import functools
import os
import shutil
import socket
import time
from collections.abc import Iterable
from pathlib import Path

from aura_logging.diagnostics.report import Disk, System
from aura_logging.diagnostics.topology import Topology, file_of
from aura_logging.handlers.metrics import MetricsHandler
from aura_logging.metrics.stores.sqlite import SqliteStore
from aura_logging.performance.system import HostMetrics

__all__ = ["look_around", "our_directories"]

_DEVICES = Path("/dev")


_FIRST_LOOK_SECONDS = 0.15


def look_around(directories: Iterable[Path]) -> System:
    """Return the state of this machine, and of the disks under these directories, each disk once.

    The first look of a process takes a seventh of a second: how busy processors are is seen over a time only.
    """
    fields = _host_metrics().fields()
    disks: dict[int, Disk] = {}
    for directory in directories:
        try:
            device = directory.stat().st_dev
            usage = shutil.disk_usage(directory)
        except OSError:
            continue
        disks.setdefault(device, Disk(str(directory), usage.free, usage.total))
    return System(
        socket.gethostname(),
        fields.get("memory_percent"),
        fields.get("cpu_percent"),
        fields.get("system_load"),
        tuple(disks.values()),
    )


@functools.cache
def _host_metrics() -> HostMetrics:
    """Return the one of this process, which measures processors from one look to the next."""
    metrics = HostMetrics(every_seconds=0.1)
    metrics.fields()
    # Asleep, so that what the first look measures is not our own work.
    time.sleep(_FIRST_LOOK_SECONDS)
    return metrics


def our_directories(topology: Topology) -> list[Path]:
    """Return the directories that handlers write in: logs, journals, the metrics database."""
    found: dict[Path, None] = {}
    for node in topology.handlers:
        file = file_of(node.handler)
        journal: Path | None = getattr(node.handler, "journal_directory", None)
        if file is not None and file.parent != _DEVICES:
            found[file.parent] = None
        if journal is not None:
            found[journal.absolute()] = None
        if isinstance(node.handler, MetricsHandler) and isinstance(node.handler.store, SqliteStore):
            found[node.handler.store.path.parent] = None
    return [path for path in found if os.path.isdir(path)]  # noqa: PTH112  # Path.is_dir raises where we may not look
