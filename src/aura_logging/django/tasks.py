"""Count the tasks of Django's own framework (`django.tasks`, from Django 6.0 on) and write one record of each run."""

from __future__ import annotations

import importlib
import logging
import sys
from typing import Any

import django

from aura_logging.django.conf import options
from aura_logging.performance import outgoing, tasks
from aura_logging.performance.probe import PerformanceOptions

__all__ = ["HAS_TASKS", "observe"]

HAS_TASKS = django.VERSION >= (6, 0)


def observe() -> None:
    """Connect to the framework's signals, where Django has it, and tell every queue the options; harmless to repeat.

    Nothing carries ids from whoever enqueues a task to its worker: Django has no place for them but the task's own
    arguments. So a run begins a unit of work of its own, unless a backend runs it at once.
    """
    tasks.options_from(lambda: options(PerformanceOptions))
    if not HAS_TASKS:
        return
    signals = importlib.import_module("django.tasks.signals")
    signals.task_enqueued.connect(_enqueued, dispatch_uid="aura_logging.tasks")
    signals.task_started.connect(_started, dispatch_uid="aura_logging.tasks")
    signals.task_finished.connect(_finished, dispatch_uid="aura_logging.tasks")
    outgoing.observed_by("django.tasks")


def _enqueued(task_result: Any, **_: Any) -> None:
    log = outgoing.current.get()
    if log is not None:
        log.add_task(task_result.task.module_path)


def _started(task_result: Any, **_: Any) -> None:
    task = task_result.task
    tasks.begin(task.module_path, task_result.id, function=task.func)


def _finished(task_result: Any, **_: Any) -> None:
    run = tasks.running(task_result.id)
    has_failed = task_result.status == "FAILED"
    kind = sys.exc_info()[0]
    if run is not None and kind is not None and has_failed:
        run.failed(kind)  # the signal is sent while the exception is handled
    level = logging.ERROR if has_failed else logging.INFO
    tasks.end(task_result.id, str(task_result.status), level, task_queue=task_result.task.queue_name)
