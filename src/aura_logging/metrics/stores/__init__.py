"""Open a store of metrics by its URL."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from aura_logging.metrics.stores.base import MetricsStore, StoreError
from aura_logging.metrics.stores.memory import MemoryStore
from aura_logging.metrics.stores.sqlite import SqliteStore
from aura_logging.options import OptionError, nearest

__all__ = ["MetricsStore", "StoreError", "check_url", "default_url", "open_store"]

_REDIS = ("redis", "rediss", "unix")
_SCHEMES = ("memory", "sqlite", "redis", "rediss", "unix")

_in_memory: dict[str, MemoryStore] = {}


def default_url(environ: Mapping[str, str] = os.environ) -> str:
    """Return the URL of the store that is meant when none is given: `aura-metrics.db` in AURA_LOG_DIR, or in `logs`."""
    return f"sqlite:///{environ.get('AURA_LOG_DIR') or 'logs'}/aura-metrics.db"


def open_store(url: str) -> MetricsStore:
    """Return the store at `url`; neither disk nor network is touched before it is used.

    `memory://` is one store for this process, `memory://name` another. `sqlite:///logs/metrics.db` is relative
    to the working directory of now, `sqlite:////var/lib/metrics.db` absolute. `redis://host:6379/0`,
    `rediss://` and `unix://` go to redis-py. `OptionError` names what is wrong with a URL.
    """
    scheme, rest = check_url(url)
    if scheme == "memory":
        if rest not in _in_memory:
            _in_memory[rest] = MemoryStore()
        return _in_memory[rest]
    if scheme == "sqlite":
        return SqliteStore(rest)
    try:
        from aura_logging.metrics.stores.redis import RedisStore
    except ImportError as error:
        raise OptionError(
            f'store={_without_password(url)!r} needs redis-py: pip install "aura-logging[redis]"'
        ) from error
    try:
        return RedisStore(url)
    except ValueError as error:
        raise OptionError(
            f"store={_without_password(url)!r}: {error}; use redis://user:password@host:6379/0."
        ) from None


def check_url(url: str) -> tuple[str, str]:
    """Return a store URL's scheme and what it names, or raise `OptionError`."""
    if not isinstance(url, str) or "://" not in url:
        raise OptionError(
            f"store={url!r} is not a URL; use 'memory://', 'sqlite:///logs/aura-metrics.db' or 'redis://host:6379/0'."
        )
    scheme, _, rest = url.partition("://")
    if scheme not in _SCHEMES:
        raise OptionError(f"store={_without_password(url)!r} has an unknown scheme. {nearest(scheme, _SCHEMES)}")
    if scheme == "sqlite":
        if not rest.startswith("/") or rest.strip("/") == "" or rest.endswith("/"):
            raise OptionError(
                f"store={url!r} names no file; three slashes begin a relative path ('sqlite:///logs/aura-metrics.db'), "
                "four an absolute one."
            )
        return scheme, rest[1:]
    if scheme in ("redis", "rediss"):
        # redis-py takes what is no number for database 0, and so two applications for one.
        database = rest.rpartition("@")[2].partition("?")[0].partition("/")[2].strip("/")
        if database and not database.isdecimal():
            raise OptionError(
                f"store={_without_password(url)!r} names the database {database!r}; give its number, as in "
                "redis://user:password@host:6379/0."
            )
    return scheme, rest


def _without_password(url: str) -> str:
    # Up to the last @: what should have been escaped in a password is a part of it all the same.
    return re.sub(r"(//[^/@:]*):.*@", r"\1:***@", url, flags=re.DOTALL)
