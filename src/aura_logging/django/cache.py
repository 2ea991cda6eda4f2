"""Count what is asked of Django's caches, on the backend's own object, which keeps its whole API."""

from __future__ import annotations

import functools
import inspect
import time
from collections.abc import Callable, Mapping, Sized
from contextvars import ContextVar
from typing import Any

from django.core.cache import BaseCache, caches

from aura_logging.performance.cache import CacheLog
from aura_logging.performance.queries import current

__all__ = ["install", "unobserved"]

_clock = time.perf_counter
_MISSING = object()
# A backend's get_or_set calls its get, its aget may run its get in a thread: the outermost call is the one counted.
_inside: ContextVar[bool] = ContextVar("aura_logging_inside_cache", default=False)

Counts = tuple[int, int, int]
"""Hits, misses, sets."""


def install() -> None:
    """Observe the caches there are in this thread and those to come; installing twice is harmless.

    `django.core.cache.caches` makes one object for each alias and thread, in `create_connection`; Django has no signal
    for that. The object made stays what it is, of a subclass made for its class: `isinstance`, attributes and methods
    of its own all work.
    """
    if getattr(caches.create_connection, "_is_observed", False):
        return
    make = caches.create_connection

    @functools.wraps(make)
    def create_connection(alias: str) -> BaseCache:
        return _observed(make(alias), alias)

    create_connection._is_observed = True  # type: ignore[attr-defined]  # our own mark
    caches.create_connection = create_connection  # type: ignore[method-assign]  # see the docstring
    for alias in caches:
        made = getattr(caches._connections, alias, None)  # type: ignore[attr-defined]  # never creates one
        if made is not None:
            _observed(made, alias)


def _observed(cache: BaseCache, alias: str) -> BaseCache:
    try:
        kind = _observed_class(type(cache))
        cache._aura_alias = alias  # type: ignore[attr-defined]  # read by our own methods only
        cache.__class__ = kind
    except (AttributeError, TypeError, ValueError):
        unobserved.add(alias)
    return cache


def _observed_class(backend: type[BaseCache]) -> type[BaseCache]:
    """Return a subclass of the backend whose counted methods tell the log; made once for each class."""
    if getattr(backend, "_aura_is_observed", False):
        return backend
    known = _classes.get(backend)
    if known is not None:
        return known
    methods: dict[str, Any] = {"_aura_is_observed": True, "__module__": backend.__module__, "__doc__": backend.__doc__}
    for name, count in _COUNTED.items():
        for method in (name, f"a{name}"):
            original = getattr(backend, method, None)
            if original is not None:
                methods[method] = _counting(original, count)
    for method, getting_or_setting in (("get_or_set", _getting_or_setting), ("aget_or_set", _getting_or_setting_async)):
        original = getattr(backend, method, None)  # a backend need not be a BaseCache
        if original is not None:
            methods[method] = getting_or_setting(original)
    made = _classes[backend] = type(backend.__name__, (backend,), methods)
    return made


_classes: dict[type[BaseCache], type[BaseCache]] = {}

unobserved: set[str] = set()
"""Aliases whose objects cannot be given another class (slots, a class written in C): they work as ever, uncounted."""


def _counting(original: Callable[..., Any], count: Callable[[Any, Any], Counts]) -> Callable[..., Any]:
    takes_default = original.__name__ in ("get", "aget") and _takes_default(original)

    def prepare(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, tuple[Any, ...], dict[str, Any]]:
        """Return the keys, the caller's default, and the arguments with a default of ours that no value can be.

        What is called with is passed on as it came: a backend may take anything (django-redis: `*args, **kwargs`).
        """
        keys = args[0] if args else next(iter(kwargs.values()), None)
        if not takes_default:
            return keys, None, args, kwargs
        if len(args) > 1:
            return keys, args[1], (args[0], _MISSING, *args[2:]), kwargs
        return keys, kwargs.get("default"), args, {**kwargs, "default": _MISSING}

    if inspect.iscoroutinefunction(original):

        @functools.wraps(original)
        async def call_async(self: Any, *args: Any, **kwargs: Any) -> Any:
            log = _current_log()
            if log is None or _inside.get():
                return await original(self, *args, **kwargs)
            keys, default, args, kwargs = prepare(args, kwargs)
            token = _inside.set(True)
            began = _clock()
            try:
                result = await original(self, *args, **kwargs)
            finally:
                _inside.reset(token)
            return _tell(log, self, keys, default, result, _clock() - began, count)

        return call_async

    @functools.wraps(original)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        log = _current_log()
        if log is None or _inside.get():
            return original(self, *args, **kwargs)
        keys, default, args, kwargs = prepare(args, kwargs)
        token = _inside.set(True)
        began = _clock()
        try:
            result = original(self, *args, **kwargs)
        finally:
            _inside.reset(token)
        return _tell(log, self, keys, default, result, _clock() - began, count)

    return call


def _current_log() -> CacheLog | None:
    queries = current.get()
    return None if queries is None else queries.of_caches()


def _takes_default(original: Callable[..., Any]) -> bool:
    parameters = inspect.signature(original).parameters.values()
    return any(each.name == "default" or each.kind is each.VAR_KEYWORD for each in parameters)


def _getting_or_setting(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def get_or_set(self: Any, key: Any, default: Any, *args: Any, **kwargs: Any) -> Any:
        log = _current_log()
        if log is None or _inside.get():
            return original(self, key, default, *args, **kwargs)
        made = _Made(default)
        token = _inside.set(True)
        began = _clock()
        try:
            result = original(self, key, made, *args, **kwargs)
        finally:
            _inside.reset(token)
        return _tell(log, self, key, None, result, _clock() - began, made.counts)

    return get_or_set


def _getting_or_setting_async(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    async def aget_or_set(self: Any, key: Any, default: Any, *args: Any, **kwargs: Any) -> Any:
        log = _current_log()
        if log is None or _inside.get():
            return await original(self, key, default, *args, **kwargs)
        made = _Made(default)
        token = _inside.set(True)
        began = _clock()
        try:
            result = await original(self, key, made, *args, **kwargs)
        finally:
            _inside.reset(token)
        return _tell(log, self, key, None, result, _clock() - began, made.counts)

    return aget_or_set


class _Made:
    """The default of `get_or_set`, which a backend calls for if the key is not there."""

    def __init__(self, default: Any) -> None:
        self._default = default
        self._was_asked = False

    def __call__(self) -> Any:
        self._was_asked = True
        # The application's own code: what it asks of the cache counts.
        token = _inside.set(False)
        try:
            return self._default() if callable(self._default) else self._default
        finally:
            _inside.reset(token)

    def counts(self, _keys: Any, _result: Any) -> Counts:
        return (0, 1, 1) if self._was_asked else (1, 0, 0)


def _tell(
    log: CacheLog, cache: Any, keys: Any, default: Any, result: Any, seconds: float, count: Callable[[Any, Any], Counts]
) -> Any:
    try:
        hits, misses, sets = count(keys, result)
        log.add(cache._aura_alias, _first(keys), seconds, hits, misses, sets)
    except Exception:  # noqa: BLE001  # a cache must not fail because it is watched; the log says that it was not
        log.uncounted += 1
    return default if result is _MISSING else result


def _first(keys: Any) -> object:
    if isinstance(keys, (str, bytes, int)) or keys is None:
        return keys if keys is not None else ""
    # Not an iterator: looking at its first key would take it away.
    return next(iter(keys), "") if isinstance(keys, (Mapping, list, tuple, set, frozenset)) else "(many keys)"


def _found_one(_keys: Any, result: Any) -> Counts:
    return (0, 1, 0) if result is _MISSING else (1, 0, 0)


def _found_many(keys: Any, result: Any) -> Counts:
    found = len(result)
    asked = len(keys) if hasattr(keys, "__len__") else found
    return (found, max(0, asked - found), 0)


def _looked(_keys: Any, result: Any) -> Counts:
    return (1, 0, 0) if result else (0, 1, 0)


def _set_one(_keys: Any, result: Any) -> Counts:
    return (0, 0, 1)


def _set_many(keys: Any, result: Any) -> Counts:
    failed = len(result) if isinstance(result, Sized) else 0
    return (0, 0, max(0, len(keys) - failed))


def _added(_keys: Any, result: Any) -> Counts:
    return (0, 0, 1 if result else 0)


def _only_time(_keys: Any, result: Any) -> Counts:
    return (0, 0, 0)


_COUNTED: Mapping[str, Callable[[Any, Any], Counts]] = {
    "get": _found_one,
    "get_many": _found_many,
    "has_key": _looked,
    "set": _set_one,
    "set_many": _set_many,
    "add": _added,
    "touch": _only_time,
    "incr": _only_time,
    "decr": _only_time,
    "delete": _only_time,
    "delete_many": _only_time,
    "clear": _only_time,
}
