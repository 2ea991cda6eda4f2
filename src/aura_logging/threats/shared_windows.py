"""Open the windows that a URL or a path names: this process's memory, a host's file, or a fleet's Redis."""

from __future__ import annotations

import re
from pathlib import Path

from aura_logging.options import OptionError
from aura_logging.threats.sqlite_windows import SqliteWindows
from aura_logging.threats.windows import MemoryWindows, Windows

__all__ = ["check_windows_url", "open_windows"]

_REDIS = ("redis", "rediss", "unix")
_KNOWN = "'memory', a path, 'sqlite:///logs/aura-logins.db' or 'redis://host:6379/0'"


def open_windows(url: str) -> Windows:
    """Return the windows at `url`; neither disk nor network is touched before they are used.

    `memory` (or `memory://`) counts in this process alone; a path, or `sqlite:///path`, in a file; `redis://`,
    `rediss://` and `unix://` in Redis. `OptionError` names what is wrong with it.
    """
    scheme, rest = check_windows_url(url)
    if scheme == "memory":
        return MemoryWindows()
    if scheme == "sqlite":
        return SqliteWindows(Path(rest))
    try:
        from aura_logging.threats.redis_windows import RedisWindows
    except ImportError as error:
        raise OptionError(f"login_store={_without_password(url)!r}: {error}") from error
    try:
        return RedisWindows(url)
    except ValueError as error:
        raise OptionError(f"login_store={_without_password(url)!r}: {error}") from None


def check_windows_url(url: str) -> tuple[str, str]:
    """Return a URL's scheme and what it names, or raise `OptionError`."""
    scheme, separator, rest = url.partition("://")
    if url == "memory" or scheme == "memory":
        return "memory", ""
    if not separator:
        if not url.strip():
            raise OptionError(f"login_store={url!r} names nothing; use {_KNOWN}.")
        return "sqlite", url
    if scheme == "sqlite":
        if not rest.startswith("/") or not rest.strip("/") or rest.endswith("/"):
            raise OptionError(f"login_store={url!r} names no file; use {_KNOWN}.")
        return scheme, rest[1:]
    if scheme not in _REDIS:
        raise OptionError(f"login_store={_without_password(url)!r} has an unknown scheme; use {_KNOWN}.")
    return scheme, rest


def _without_password(url: str) -> str:
    return re.sub(r"(//[^/@:]*):.*@", r"\1:***@", url, flags=re.DOTALL)
