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
    """Connect to the framework's signals, where Django has it; harmless to repeat.

    Nothing carries ids from whoever enqueues a task to its worker: Django has no place for them but the task's own
    arguments. So a run begins a unit of work of its own, unless a backend runs it at once.
    """
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
    tasks.begin(task.module_path, task_result.id, options(PerformanceOptions), function=task.func)


def _finished(task_result: Any, **_: Any) -> None:
    run = tasks.running(task_result.id)
    kind = sys.exc_info()[0]  # the signal is sent while the exception is handled
    if run is not None and kind is not None:
        run.failed(kind)
    level = logging.ERROR if task_result.status == "FAILED" else logging.INFO
    tasks.end(task_result.id, str(task_result.status), level, task_queue=task_result.task.queue_name)
