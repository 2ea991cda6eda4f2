"""Locate addresses with a MaxMind database (GeoLite2 or GeoIP2, City or Country) that the user has downloaded."""

from __future__ import annotations

import functools
import os
from typing import Any

try:
    import maxminddb
except ImportError as error:
    raise ImportError('Locating addresses needs maxminddb: pip install "aura-logging[geoip]"') from error

from aura_logging.threats.geo import Place

__all__ = ["MaxMindLocator"]

_ADDRESSES_CACHED = 4_096


class MaxMindLocator:
    """A `GeoLocator` over a `.mmdb` file, which is opened now: `OSError` or `ValueError` says what is wrong with it.

    The file is read into memory, so that it may be replaced, and the process may fork; about 60 MB for a City
    database, shared by forked workers. `close()` lets go of it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        try:
            self._reader: Any = maxminddb.open_database(os.fspath(path), maxminddb.MODE_MEMORY)
        except maxminddb.InvalidDatabaseError as error:
            raise ValueError(f"{os.fspath(path)!r} is no MaxMind database: {error}") from error
        self._located = functools.lru_cache(maxsize=_ADDRESSES_CACHED)(self._look_up)

    def __call__(self, address: str) -> Place | None:
        """Return where the address is; None for one that is not in the database, or is no address."""
        return self._located(address)

    def close(self) -> None:
        """Let go of the database; every address is unknown from then on."""
        reader, self._reader = self._reader, None
        self._located.cache_clear()
        if reader is not None:
            reader.close()

    def _look_up(self, address: str) -> Place | None:
        reader = self._reader
        try:
            found: Any = None if reader is None else reader.get(address)
        except (ValueError, TypeError, OSError, maxminddb.InvalidDatabaseError):
            return None
        if not isinstance(found, dict):
            return None
        country = _within(found, "country") or _within(found, "registered_country")
        location = _within(found, "location")
        city = _within(_within(found, "city"), "names")
        return Place(
            country_code=str(country.get("iso_code") or ""),
            city=str(city.get("en") or ""),
            latitude=_degrees(location.get("latitude")),
            longitude=_degrees(location.get("longitude")),
        )


# A database of another maker's may hold anything under these names.
def _within(found: dict[str, Any], name: str) -> dict[str, Any]:
    value = found.get(name)
    return value if isinstance(value, dict) else {}


def _degrees(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None
