"""Find the handler that another handler's configuration refers to, while `dictConfig` is still building.

A handler that wraps others takes a name of `LOGGING["handlers"]`, an inline handler dict, or a handler. The
standard library does that for its own `MemoryHandler` only, and only for names. A handler that only another one
refers to is garbage once `dictConfig` returns, so whoever resolves one must hold it.
"""

from __future__ import annotations

import logging
import logging.config
import sys
from collections.abc import Mapping
from types import FrameType
from typing import Any

from aura_logging.options import nearest

__all__ = ["resolve"]


def resolve(reference: str | Mapping[str, Any] | logging.Handler, *, option: str) -> logging.Handler:
    """Return the handler that is meant; `option` names the setting in errors.

    A name or an inline dict can only be resolved inside `dictConfig`; outside it, a name is looked up among the
    handlers that exist. `ValueError` says which names there are, and refuses a handler that refers to itself.
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
        handler: logging.Handler = configurator.configure_handler(
            logging.config.ConvertingDict(reference) if type(reference) is dict else reference
        )
        return handler
    raise ValueError(
        f"{option}={reference!r} is no handler; give a handler's name, an inline handler dict, or a handler."
    )


def _named(name: str, configurator: Any, option: str) -> logging.Handler:
    if configurator is None:
        existing: Mapping[str, logging.Handler] = logging._handlers  # type: ignore[attr-defined]  # public only from 3.12
        if name not in existing:
            raise ValueError(f"{option}={name!r} names no handler that exists. {nearest(name, existing)}")
        return existing[name]
    handlers = configurator.config.get("handlers", {})
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
        handler = built[name] = configurator.configure_handler(found)
        handler.name = name
        # dictConfig has yet to visit this name; let it find the same object.
        handlers[name] = {"()": lambda: handler}
    return built[name]


def _configurator(frame: FrameType | None) -> Any:
    """Return the configurator that is calling us: a plain string says nothing of where it came from."""
    while frame is not None:
        caller = frame.f_locals.get("self")
        if isinstance(caller, logging.config.DictConfigurator):
            return caller
        frame = frame.f_back
    return None
