"""Join Celery's tasks to the work that sent them, and write one wide record of each, through Celery's signals."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from celery import signals  # type: ignore[import-untyped]  # it ships no types

from aura_logging.performance import outgoing, tasks
from aura_logging.performance.probe import PerformanceOptions
from aura_logging.propagation import REQUEST_ID_HEADERS, outgoing_headers

__all__ = ["observe"]

_CARRIED = ("traceparent", "tracestate", *REQUEST_ID_HEADERS)
_TERMINATED = "TERMINATED"
_LEVELS = {"FAILURE": logging.ERROR, _TERMINATED: logging.ERROR, "RETRY": logging.WARNING, "REJECTED": logging.WARNING}

_options: list[PerformanceOptions | None] = []


def observe(options: PerformanceOptions | None = None) -> None:
    """Observe every task that this process sends or runs; call it beside `Celery(...)`, once or more often.

    Sent: counted in the record of the request or task that sends it, and given its ids as headers of the message. Run:
    its records carry those ids, `task_name` and `task_id`, and one record on `aura.task` tells what it cost. ERROR when
    it failed, WARNING when it is to be retried, else INFO. A task whose process was asked to end (a hard time limit) is
    `TERMINATED`; one whose process was killed leaves no record: Celery's own log has that.

    `options` are by default those of `AURA["PERFORMANCE"]`; without Django, what the environment says.
    """
    _options[:] = [options]
    outgoing.observed_by("celery")
    signals.before_task_publish.connect(_sending, dispatch_uid="aura_logging")
    signals.task_prerun.connect(_beginning, dispatch_uid="aura_logging")
    signals.task_failure.connect(_failing, dispatch_uid="aura_logging")
    signals.task_retry.connect(_retrying, dispatch_uid="aura_logging")
    signals.task_postrun.connect(_ending, dispatch_uid="aura_logging")


def _sending(sender: str = "", headers: dict[str, Any] | None = None, **_: Any) -> None:
    log = outgoing.current.get()
    if log is not None:
        log.add_task(str(sender))
    if headers is not None:
        for name, value in outgoing_headers().items():
            headers.setdefault(name, value)


def _beginning(task_id: str = "", task: Any = None, **_: Any) -> None:
    carried = _carried(getattr(task.request, "headers", None))
    tasks.begin(task.name, task_id, _options[0], carried, getattr(task, "run", None))


def _failing(task_id: str = "", exception: BaseException | None = None, **_: Any) -> None:
    _note(task_id, exception)


def _retrying(request: Any = None, reason: Any = None, **_: Any) -> None:
    # What is raised is celery.exceptions.Retry; what it is raised for is more telling.
    error = getattr(reason, "exc", None) or reason
    _note(getattr(request, "id", ""), error if isinstance(error, BaseException) else None)


def _ending(task_id: str = "", task: Any = None, state: str | None = None, **_: Any) -> None:
    state = state or _TERMINATED  # Celery has come to none
    request = task.request
    queue = (getattr(request, "delivery_info", None) or {}).get("routing_key")
    retries = getattr(request, "retries", 0) or None
    tasks.end(task_id, state, _LEVELS.get(state, logging.INFO), task_queue=queue, task_retries=retries)


def _note(task_id: str, error: BaseException | None) -> None:
    run = tasks.running(task_id)
    if run is not None and error is not None:
        run.failed(type(error))


def _carried(headers: Any) -> Mapping[str, str] | None:
    """Return the sender's ids among the message's own headers; `None` for a message without any."""
    if not isinstance(headers, Mapping):
        return None
    carried = {name: headers[name] for name in _CARRIED if isinstance(headers.get(name), str)}
    return carried or None
