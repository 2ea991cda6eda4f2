"""Write a request's times as a `Server-Timing` header, which browsers show beside their own."""

from __future__ import annotations

from aura_logging.performance.cache import CacheLog
from aura_logging.performance.queries import QueryLog

__all__ = ["server_timing"]


def server_timing(total_seconds: float, queries: QueryLog | None = None, cache: CacheLog | None = None) -> str:
    """Return the header's value: `total`, `view`, `db` and `cache`, durations in milliseconds (W3C Server Timing).

    What was not measured is left out. Nothing but numbers: no SQL, no key, no path.
    """
    parts = [_part("total", total_seconds)]
    if queries is not None:
        if queries.view_seconds is not None:
            parts.append(_part("view", queries.view_seconds))
            parts.append(_part("middleware", max(0.0, total_seconds - queries.view_seconds)))
        if queries.template_seconds:
            parts.append(_part("template", queries.template_seconds))
        count, seconds, _, _ = queries.totals()
        parts.append(_part("db", seconds, "1 query" if count == 1 else f"{count} queries"))
    if cache is not None and cache.calls:
        parts.append(_part("cache", cache.seconds, f"{cache.hits} hits, {cache.misses} misses"))
    return ", ".join(parts)


def _part(name: str, seconds: float, description: str = "") -> str:
    duration = f"{name};dur={seconds * 1_000:.1f}"
    return f'{duration};desc="{description}"' if description else duration
