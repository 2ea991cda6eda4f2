"""Find the handler that another handler's configuration refers to, while `dictConfig` is still building.

A handler that wraps others takes a name of `LOGGING["handlers"]`, an inline handler dict, or a handler. The
standard library does that for its own `MemoryHandler` only, and only for names. A handler that only another one
refers to is garbage once `dictConfig` returns, so whoever resolves one must hold it.
"""

from __future__ import annotations

import logging
import logging.config
import logging.handlers
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

from aura_logging.options import nearest

__all__ = ["resolve"]


def resolve(reference: str | Mapping[str, Any] | logging.Handler, *, option: str) -> logging.Handler:
    """Return the handler that is meant; `option` names the setting in errors.

    Inside `dictConfig`, names are those of its handlers, whether it has made them yet or not; outside it, those of
    handlers that exist, and an inline dict cannot name formatters or filters. `ValueError` says which names there
    are, and refuses a handler that refers to itself.
    """
    if isinstance(reference, logging.Handler):
        return reference
    configurator = _configurator(sys._getframe(1))
    if isinstance(reference, str):
        return _named(reference, configurator, option)
    if isinstance(reference, Mapping):
        if configurator is None:
            configurator = logging.config.DictConfigurator({"version": 1})
            configurator.config["formatters"] = configurator.config["filters"] = {}
        return _inline(reference, configurator, option)
    raise ValueError(
        f"{option}={reference!r} is no handler; give a handler's name, an inline handler dict, or a handler."
    )


def _named(name: str, configurator: Any, option: str) -> logging.Handler:
    if configurator is None:
        existing: Mapping[str, logging.Handler] = logging._handlers  # type: ignore[attr-defined]  # public only from 3.12
        if name not in existing:
            raise ValueError(f"{option}={name!r} names no handler that exists. {nearest(name, existing)}")
        return existing[name]
    handlers = configurator.config["handlers"]
    if name not in handlers:
        raise ValueError(f'{option}={name!r} is not in LOGGING["handlers"]. {nearest(name, handlers)}')
    found = handlers[name]
    if isinstance(found, logging.Handler):
        return found
    built: dict[str, logging.Handler] = configurator.__dict__.setdefault("_aura_built", {})
    if name not in built:
        if "class" not in found and "()" not in found:
            # dictConfig takes both out of a handler's dict while it builds it.
            raise ValueError(f"{option}={name!r} refers back to a handler that waits for it, or has no class.")
        handler = built[name] = _made(found, configurator, option)
        handler.name = name
        # dictConfig has yet to visit this name; let it find the same object.
        handlers[name] = {"()": lambda: handler}
    return built[name]


def _made(found: Mapping[str, Any], configurator: Any, option: str) -> logging.Handler:
    target = _memory_target(found, configurator)
    handler: logging.Handler
    if target is None:
        handler = configurator.configure_handler(found)
        return handler
    made = _named(target, configurator, option)
    handlers = configurator.config["handlers"]
    not_visited = handlers[target]
    handlers[target] = made
    try:
        handler = configurator.configure_handler(found)
    finally:
        handlers[target] = not_visited
    return handler


def _memory_target(found: Mapping[str, Any], configurator: Any) -> str | None:
    """Return what a `MemoryHandler` of the standard library refers to: it wants to find that made."""
    target, kind = found.get("target"), found.get("class")
    if not isinstance(target, str) or target not in configurator.config["handlers"]:
        return None
    kind = configurator.resolve(kind) if isinstance(kind, str) else kind
    is_memory = isinstance(kind, type) and issubclass(kind, logging.handlers.MemoryHandler)
    return target if is_memory else None


def _inline(reference: Mapping[str, Any], configurator: Any, option: str) -> logging.Handler:
    if "class" not in reference and "()" not in reference:
        raise ValueError(
            f'{option}={reference!r} has no "class"; say which, as in {{"class": "logging.StreamHandler"}}.'
        )
    try:
        handler: logging.Handler = configurator.configure_handler(configurator.convert(dict(reference)))
    except (ValueError, TypeError, ImportError) as error:
        raise ValueError(f"{option}={reference!r} cannot be made: {error}") from error
    return handler


def _configurator(frame: FrameType | None) -> Any:
    """Return the configurator that is calling us: a plain string says nothing of where it came from."""
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, logging.config.DictConfigurator):
            return caller
        frame = frame.f_back
    return None
