"""Make a task a unit of work with ids of its own, measure it, and write one wide record of it."""

from __future__ import annotations

import functools
import inspect
import logging
import math
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from contextvars import ContextVar
from typing import Any

from aura_logging import propagation
from aura_logging.options import fill
from aura_logging.performance import outgoing, queries, wide_record
from aura_logging.performance.findings import findings
from aura_logging.performance.probe import PerformanceOptions, RequestProbe

__all__ = ["TaskRun", "begin", "end", "options_from", "running"]

log = logging.getLogger("aura.task")

_NOWHERE = ("(unknown file)", 0, "(unknown function)")


class TaskRun:
    """One run of a task, from its making to `end`, in one thread or asyncio task.

    `headers` are those of the message that brought it, where its sender's ids may be; without, it keeps the
    correlation id of the work it runs inside of, or is given a new one. Inside a request (a task that is run at once)
    its queries and calls are the request's; else they are its own, and on its record.
    """

    def __init__(
        self,
        name: str,
        task_id: str,
        options: PerformanceOptions,
        headers: Mapping[str, str] | None = None,
        function: Callable[..., Any] | None = None,
    ) -> None:
        self.task_id = task_id
        self.outer = _running.get()
        self._name = name
        self._place = _place_of(function)
        self._options = options
        self._stack = ExitStack()
        self._stack.enter_context(propagation.unit_of_work(headers, task_name=name, task_id=task_id))
        self._queries: queries.QueryLog | None = None
        self._outgoing: outgoing.OutgoingLog | None = None
        self._probe: RequestProbe | None = None
        if options.enabled:
            self._begin_logs()
            self._probe = RequestProbe(math.inf, cpu_clock=time.thread_time)

    def failed(self, kind: type[BaseException]) -> None:
        """Note what the task failed with, or asked to be tried again for."""
        if self._probe is not None:
            self._probe.failed(kind)

    def end(self, state: str, level: int = logging.INFO, **fields: Any) -> None:
        """Write the record, unless measuring is off; give the context back as it was."""
        try:
            if self._probe is not None and log.isEnabledFor(level):
                wide_record.write(log, level, "task finished", self._place, self._fields(self._probe, state, fields))
        finally:
            self._stack.close()

    def _begin_logs(self) -> None:
        if queries.current.get() is None and queries.is_observed():
            chosen = self._options
            self._queries = queries.QueryLog(
                chosen.slow_query_seconds,
                chosen.n_plus_one_threshold,
                chosen.explain_sample_rate if chosen.explain_slow_queries else 0.0,
            )
            self._set_for_now(queries.current, self._queries)
            self._queries.observes_caches = chosen.observe_caches
        if outgoing.current.get() is None:
            self._stack.callback(outgoing.current.set, None)
            self._outgoing = outgoing.begin()

    def _set_for_now(self, variable: ContextVar[Any], value: Any) -> None:
        # Not ContextVar.reset, which raises in another context than the one that was set in.
        self._stack.callback(variable.set, variable.get())
        variable.set(value)

    def _fields(self, probe: RequestProbe, state: str, given: Mapping[str, Any]) -> dict[str, Any]:
        measured: dict[str, Any] = {
            "task_name": self._name,
            "task_id": self.task_id,
            "task_state": state,
            "task_duration": round(probe.elapsed(), 6),
            **{name: value for name, value in given.items() if value is not None},
        }
        probe.add_costs(measured)
        if probe.exception_type is not None:
            measured["exception_type"] = probe.exception_type
        if self._queries is not None:
            measured.update(findings(self._queries, self._options.long_transaction_seconds))
        if self._outgoing is not None:
            measured.update(self._outgoing.fields())
        return measured


def options_from(source: Callable[[], PerformanceOptions]) -> None:
    """Ask `source` for the options of every run that is given none; the last one who says so is asked."""
    _sources[:] = [source]


@functools.cache
def _from_environment() -> PerformanceOptions:
    return fill(PerformanceOptions, where="PERFORMANCE")


_sources: list[Callable[[], PerformanceOptions]] = [_from_environment]

_running: ContextVar[TaskRun | None] = ContextVar("aura_logging_task", default=None)


def begin(
    name: str,
    task_id: str,
    options: PerformanceOptions | None = None,
    headers: Mapping[str, str] | None = None,
    function: Callable[..., Any] | None = None,
) -> TaskRun:
    """Begin a run and remember it here until `end`; runs may nest."""
    run = TaskRun(name, task_id, options or _sources[0](), headers, function)
    _running.set(run)
    return run


def running(task_id: str) -> TaskRun | None:
    """Return the innermost run here if it is this task's."""
    run = _running.get()
    return run if run is not None and run.task_id == task_id else None


def end(task_id: str, state: str, level: int = logging.INFO, **fields: Any) -> None:
    """End the innermost run here if it is this task's; nothing happens if it is not."""
    run = running(task_id)
    if run is not None:
        _running.set(run.outer)
        run.end(state, level, **fields)


def _place_of(function: Callable[..., Any] | None) -> tuple[str, int, str]:
    try:
        unwrapped: Any = inspect.unwrap(function) if function is not None else None
        code = unwrapped.__code__
    except Exception:  # noqa: BLE001  # a task may be any callable, with a __getattr__ of its own
        return _NOWHERE
    return code.co_filename, code.co_firstlineno, unwrapped.__qualname__
