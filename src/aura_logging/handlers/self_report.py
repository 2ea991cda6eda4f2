"""Say in one text how the handlers of this process are, for whoever asks about all processes."""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import psutil

from aura_logging.handlers.live import LiveHandler, named_live_handlers
from aura_logging.health import Checkable, Health, Status, heard_parts
from aura_logging.resilience.clock import Clock

__all__ = ["FORMAT", "pid_namespace", "program", "self_report"]

FORMAT = 1
"""Changes when a reader of the old form would misread the new one."""

_LONGEST_DETAIL = 300
_MOST_HANDLERS = 64


def self_report(every_seconds: float = 0.0, clock: Clock = time.time) -> str:
    """Return the state and ledger of every live handler, of their filters and of other parts, as JSON; never raises.

    `every_seconds` is how long it will hold before there is a newer one; 0 for one that is asked for once. Read it
    with `aura_logging.diagnostics.workers`.
    """
    handlers = named_live_handlers()[:_MOST_HANDLERS]
    report = {
        "format": FORMAT,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "namespace": pid_namespace(),
        "program": program(),
        "started_at": round(_started_at(), 3),
        "told_at": round(clock(), 3),
        "every_seconds": every_seconds,
        "handlers": [_handler(each) for each in handlers],
        "filters": list(_filters(handlers)),
        "parts": [{"name": name, "health": _health_told_by(ask)} for name, ask in heard_parts().items()],
    }
    return orjson.dumps(report, default=str, option=orjson.OPT_NON_STR_KEYS).decode()


def _started_at() -> float:
    try:
        return psutil.Process().create_time()
    except psutil.Error:  # a sandbox without /proc
        return time.time()


def pid_namespace() -> str:
    """Return which numbering of processes this is: two containers may have the same host name and the same pids."""
    try:
        return Path("/proc/self/ns/pid").readlink().name
    except OSError:  # no Linux, or a sandbox without /proc
        return ""


def program(arguments: Sequence[str] | None = None) -> str:
    """Return what this process runs: `gunicorn`, `manage.py runserver`; never an argument that may be private."""
    arguments = sys.argv if arguments is None else arguments
    name = Path(arguments[0]).name if arguments and arguments[0] not in ("", "-c") else "python"
    if name == "__main__.py":  # python -m gunicorn
        name = Path(arguments[0]).parent.name
    if name == "manage.py" and len(arguments) > 1 and not arguments[1].startswith("-"):
        return f"{name} {arguments[1]}"
    return name


def _handler(live: LiveHandler) -> dict[str, Any]:
    kind = type(live.handler)
    told: dict[str, Any] = {
        "name": live.name,
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "behind": live.behind,
        "health": None,
    }
    if isinstance(live.handler, Checkable):
        told["health"] = _health(live.handler)
    return told


def _filters(handlers: Sequence[LiveHandler]) -> Iterator[dict[str, Any]]:
    seen: set[int] = set()
    for live in handlers:
        filters: list[object] = [*live.handler.filters]
        for each in filters:
            if isinstance(each, Checkable) and id(each) not in seen:
                seen.add(id(each))
                yield {"class": type(each).__qualname__, "handler": live.name, "health": _health(each)}


def _health(of: Checkable) -> dict[str, object]:
    return _health_told_by(of.health)


def _health_told_by(ask: Callable[[], Health]) -> dict[str, object]:
    try:
        health = ask()
    except Exception as error:  # noqa: BLE001  # a handler may be anybody's; the others still want to be heard
        health = Health(Status.DEGRADED, f"health() raised {type(error).__name__}: {error}")
    told = health.as_dict()
    detail = told.get("detail")
    if isinstance(detail, str) and len(detail) > _LONGEST_DETAIL:
        told["detail"] = detail[: _LONGEST_DETAIL - 1] + "…"
    return told
