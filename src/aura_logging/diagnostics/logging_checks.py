"""Find in a logging topology what will lose lines, double them, break them or give secrets away.

Each check is a function of the topology that yields recommendations with the id of a system check;
`python manage.py check` and the health report show the same ones.
"""

from __future__ import annotations

import logging
import logging.handlers
import os
import queue
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from aura_logging.diagnostics.formats import fields_missing
from aura_logging.diagnostics.report import Recommendation
from aura_logging.diagnostics.topology import HandlerNode, Topology, file_of, sends_away_to
from aura_logging.filters import SamplingFilter, SecurityFilter
from aura_logging.handlers.metrics import MetricsHandler
from aura_logging.health import Status
from aura_logging.metrics.stores.sqlite import SqliteStore
from aura_logging.resilience.journal.filesystems import filesystem_type, is_network_filesystem

__all__ = ["LOGGING_CHECKS", "check_logging"]

Check = Callable[[Topology], Iterator[Recommendation]]


def check_logging(topology: Topology, *, has_neighbours: bool = True) -> list[Recommendation]:
    """Return what is wrong with the topology, the checks in the order of `LOGGING_CHECKS`.

    What hurts only beside other processes that have the same handlers is left out without `has_neighbours`.
    """
    checks = [check for check in LOGGING_CHECKS if has_neighbours or check is not rotation_knows_of_other_processes]
    return [each for check in checks for each in check(topology)]


def formats_have_their_fields(topology: Topology) -> Iterator[Recommendation]:
    """A format that wants `%(correlation_id)s` needs a filter that sets it, or every record fails to format."""
    for node in topology.handlers:
        missing = fields_missing(
            node.handler.formatter, [each for above in topology.above(node) for each in above.filters]
        )
        if missing:
            fields = ", ".join(sorted(missing))
            yield _found(
                "aura.E001",
                node,
                f"its format wants {fields}, and no filter of this handler sets that: records will not be written.",
                "Attach a filter that sets it (the preset's is named request_context) to this handler.",
                "filters",
                '["request_context", ...]',
                Status.UNHEALTHY,
            )


def files_can_be_written(topology: Topology) -> Iterator[Recommendation]:
    """A file, journal or database in a place where this process may not write."""
    for node in topology.handlers:
        for path, option, is_directory in _written_by(node.handler):
            problem = _unwritable(path, is_directory=is_directory)
            if problem:
                yield _found(
                    "aura.E002",
                    node,
                    f"{path} cannot be written by {_user()}: {problem}.",
                    f"Make it writable for the user the site runs as (chown, chmod u+w {_nearest(path)}), or choose "
                    "another place, with AURA_LOG_DIR for all of them.",
                    option,
                    f'"{Path("/var/log/your-service") / path.name}"',
                    Status.UNHEALTHY,
                )


def what_leaves_the_host_is_scrubbed(topology: Topology) -> Iterator[Recommendation]:
    """A handler that sends records away, with no SecurityFilter on their way."""
    for node in topology.handlers:
        where = sends_away_to(node.handler)
        passed = [each for above in topology.above(node) for each in above.filters]
        if where and not any(isinstance(each, SecurityFilter) for each in passed):
            yield _found(
                "aura.W001",
                node,
                f"it sends records away ({where}) that nobody scrubbed: personal data and secrets leave with them.",
                "Put the security filter on it, after the filters that add fields.",
                "filters",
                '["request_context", "security"]',
            )


def rotation_knows_of_other_processes(topology: Topology) -> Iterator[Recommendation]:
    """RotatingFileHandler in several processes: each renames the file under the others."""
    kinds = (logging.handlers.RotatingFileHandler, logging.handlers.TimedRotatingFileHandler)
    for node in topology.handlers:
        rotates = getattr(node.handler, "maxBytes", 1) > 0
        if type(node.handler) in kinds and rotates:
            yield _found(
                "aura.W004",
                node,
                f"{type(node.handler).__name__} renames the file under other workers, and their lines are lost.",
                "Use the handler that processes can share; it takes the same filename.",
                "class",
                '"aura_logging.handlers.StructuredFileHandler"',
            )


def queues_are_bounded(topology: Topology) -> Iterator[Recommendation]:
    """A queue without a limit: a target that hangs takes all memory."""
    for node in topology.handlers:
        waiting = getattr(node.handler, "queue", None)
        size = getattr(waiting, "maxsize", getattr(waiting, "_maxsize", 1))
        if isinstance(node.handler, logging.handlers.QueueHandler) and _is_unbounded(waiting, size):
            yield _found(
                "aura.W005",
                node,
                "its queue has no limit: while its listener hangs, memory grows until the process is killed.",
                "Use AsyncBufferedHandler, which is bounded and counts what it drops, or give the queue a size.",
                "class",
                '"aura_logging.handlers.AsyncBufferedHandler"',
            )


def no_line_is_written_twice(topology: Topology) -> Iterator[Recommendation]:
    """A logger that has a handler and propagates to another that writes to the same place."""
    for logger in topology.loggers:
        if not logger.name or not logger.handlers or logger.name == "root":
            continue
        reached = topology.reached_from(logger.name)
        own, inherited = reached[: len(logger.handlers)], reached[len(logger.handlers) :]
        for node in own:
            double = next((other for other in inherited if _writes_to_the_same(topology, node, other)), None)
            if double is not None and logger.logger.propagate:
                yield Recommendation(
                    "aura.W006",
                    Status.DEGRADED,
                    logger.name,
                    f"every line is written twice: by {node.name} and, because it propagates, by {double.name}.",
                    "Take the handler off this logger, or stop it from propagating.",
                    f'LOGGING["loggers"]["{logger.name}"]["propagate"]',
                    "False",
                )


def journals_lie_on_a_local_disk(topology: Topology) -> Iterator[Recommendation]:
    """A journal on a network file system: a memory map there is no promise, and locks may not hold."""
    for node in topology.handlers:
        directory: Path | None = getattr(node.handler, "journal_directory", None)
        if directory is not None and is_network_filesystem(directory):
            yield _found(
                "aura.W008",
                node,
                f"its journal {directory} lies on a network file system ({filesystem_type(directory)}).",
                "Put the journal on a disk of this host.",
                "journal",
                '"/var/lib/your-service/journal"',
            )


def metrics_count_before_sampling(topology: Topology) -> Iterator[Recommendation]:
    """A MetricsHandler behind a SamplingFilter counts half of the traffic."""
    for node in topology.handlers:
        if not isinstance(node.handler, MetricsHandler):
            continue
        filters: list[Any] = [each for above in topology.above(node) for each in above.filters]
        filters += [each for logger in topology.loggers_of(node) for each in logger.logger.filters]
        if any(isinstance(each, SamplingFilter) for each in filters):
            yield _found(
                "aura.W009",
                node,
                "records are sampled before they are counted: rates, errors and alerts come out too low.",
                "Take the sampling filter off the metrics handler and its logger; sample at the handlers that write.",
                "filters",
                '["request_context"]',
            )


def filters_are_on_handlers(topology: Topology) -> Iterator[Recommendation]:
    """A scrubbing or sampling filter on a logger does not see what child loggers log."""
    for logger in topology.loggers:
        for each in logger.logger.filters:
            if isinstance(each, (SamplingFilter, SecurityFilter)):
                yield Recommendation(
                    "aura.W010",
                    Status.DEGRADED,
                    logger.name,
                    f"its {type(each).__name__} does not see what child loggers log: a logger's filters never do.",
                    "Move the filter from the logger to the handlers.",
                    f'LOGGING["loggers"]["{logger.name}"]["filters"]',
                    "[]",
                )


def metrics_lie_on_a_local_disk(topology: Topology) -> Iterator[Recommendation]:
    """SQLite's WAL mode does not work over a network file system."""
    for node in topology.handlers:
        store = node.handler.store if isinstance(node.handler, MetricsHandler) else None
        if isinstance(store, SqliteStore) and is_network_filesystem(store.path):
            yield _found(
                "aura.W011",
                node,
                f"{store.path} lies on a network file system ({filesystem_type(store.path)}), where SQLite's log is "
                "not safe.",
                "Use Redis for several hosts, or a disk of this one.",
                "store",
                '"redis://host:6379/0"',
            )


LOGGING_CHECKS: tuple[Check, ...] = (
    formats_have_their_fields,
    files_can_be_written,
    what_leaves_the_host_is_scrubbed,
    rotation_knows_of_other_processes,
    queues_are_bounded,
    no_line_is_written_twice,
    journals_lie_on_a_local_disk,
    metrics_count_before_sampling,
    filters_are_on_handlers,
    metrics_lie_on_a_local_disk,
)


def _found(
    code: str,
    node: HandlerNode,
    problem: str,
    advice: str,
    option: str,
    value: str,
    status: Status = Status.DEGRADED,
) -> Recommendation:
    setting = f'LOGGING["handlers"]["{node.name}"]["{option}"]' if node.handler.name else ""
    return Recommendation(code, status, node.name, problem, advice, setting, value if setting else "")


def _written_by(handler: logging.Handler) -> Iterator[tuple[Path, str, bool]]:
    """Yield what a handler writes: the path, the option that names it, and whether it is a directory."""
    file = file_of(handler)
    if file is not None:
        yield file, "filename", False
    journal: Path | None = getattr(handler, "journal_directory", None)
    if journal is not None:
        yield journal.absolute(), "journal", True
    if isinstance(handler, MetricsHandler) and isinstance(handler.store, SqliteStore):
        yield handler.store.path, "store", False


def _unwritable(path: Path, *, is_directory: bool) -> str:
    """Return why this process could not write there; empty if it could."""
    if path.exists():
        if path.is_dir() != is_directory:
            return "it is no directory" if is_directory else "it is a directory"
        return "" if os.access(path, os.W_OK | (os.X_OK if is_directory else 0)) else "permission denied"
    nearest = _nearest(path)
    if not nearest.is_dir():
        return f"{nearest} is no directory"
    return "" if os.access(nearest, os.W_OK | os.X_OK) else f"permission denied in {nearest}"


def _nearest(path: Path) -> Path:
    """Return the path, or the nearest parent that is there."""
    while not os.path.lexists(path) and path != path.parent:
        path = path.parent
    return path


def _user() -> str:
    try:
        import pwd

        return f"user {pwd.getpwuid(os.geteuid()).pw_name}"
    except (ImportError, KeyError):
        return f"uid {os.geteuid()}"


def _is_unbounded(waiting: object, size: object) -> bool:
    return isinstance(waiting, queue.SimpleQueue) or (isinstance(size, int) and size <= 0)


def _writes_to_the_same(topology: Topology, one: HandlerNode, other: HandlerNode) -> bool:
    return any(
        _destination(end) == _destination(other_end) is not None
        for end in topology.usual_chain(one)
        for other_end in topology.usual_chain(other)
    )


def _destination(node: HandlerNode) -> object:
    """Return what two handlers have in common if they write to the same place; None for a place unknown."""
    handler = node.handler
    if node.inner or isinstance(handler, MetricsHandler):
        return id(handler)
    file = file_of(handler)
    if file is not None:
        return file
    if type(handler) is logging.StreamHandler:
        return id(handler.stream)
    return sends_away_to(handler) or id(handler)
