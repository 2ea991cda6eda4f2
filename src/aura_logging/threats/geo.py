"""Place users on the map by their addresses, and notice journeys that nobody can make."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, MutableMapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from aura_logging.resilience.clock import Clock

__all__ = ["JOURNEY_TYPES", "GeoLocator", "Journey", "JourneyWatch", "Place", "Visit", "great_circle_km"]

JOURNEY_TYPES = ("impossible_travel", "new_country")

_EARTH_RADIUS_KM = 6_371.0088  # mean radius, IUGG

FASTEST_KM_PER_HOUR = 1_000.0
"""A little faster than an airliner; whoever is faster was in one of the two places by proxy."""

NEAR_KM = 100.0
"""Databases place an address no more exactly than this; nearer places are one place."""

USERS_AT_MOST = 20_000
_COUNTRIES_AT_MOST = 12


@dataclass(frozen=True, slots=True)
class Place:
    """Where an address is: ISO 3166-1 alpha-2 country, city, and degrees; what is unknown is empty or None."""

    country_code: str = ""
    city: str = ""
    latitude: float | None = None
    longitude: float | None = None


@runtime_checkable
class GeoLocator(Protocol):
    """`(address) -> Place`, or None for one that is unknown, private or not valid; any thread calls it, none raises."""

    def __call__(self, address: str) -> Place | None:
        """Return where the address is, if that is known."""
        ...


@dataclass(frozen=True, slots=True)
class Visit:
    """Where a user was last, when (Unix seconds), and in which countries before."""

    place: Place
    at: float
    countries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Journey:
    """What is odd about where a user came from.

    `threat_type` is one of `JOURNEY_TYPES`. `km` and `km_per_hour` are along the great circle since
    the last visit; 0 where places have no coordinates, infinite speed where no time passed.
    """

    threat_type: str
    user_id: str
    place: Place
    before: Place
    km: float = 0.0
    km_per_hour: float = 0.0


class JourneyWatch:
    """Compares where a user comes from with where they were; any thread may call it.

    `locate` is the `GeoLocator`. Addresses in `proxies` (addresses, networks: VPN exits, mobile gateways, your own
    offices) say nothing about where somebody is, and are passed over. `memory` keeps each user's last visit: by
    default the last 20,000 users of this process; give a mapping that processes share to have them watch together.
    """

    def __init__(
        self,
        locate: GeoLocator,
        *,
        proxies: Collection[str] = (),
        memory: MutableMapping[str, Visit] | None = None,
        fastest_km_per_hour: float = FASTEST_KM_PER_HOUR,
        clock: Clock = time.time,
    ) -> None:
        self._locate = locate
        self._proxies = tuple(ipaddress.ip_network(proxy, strict=False) for proxy in proxies)
        self._memory: MutableMapping[str, Visit] = _Recent(USERS_AT_MOST) if memory is None else memory
        self._fastest = fastest_km_per_hour
        self._clock = clock
        self._lock = threading.Lock()

    def seen(self, user_id: str, address: str) -> list[Journey]:
        """Remember that a user was seen at an address, and return what is odd about that."""
        if self._is_proxy(address):
            return []
        place = self._locate(address)
        if place is None:
            return []
        now = self._clock()
        with self._lock:
            last = self._memory.get(user_id)
            known = last.countries if last is not None else ()
            countries = known
            if place.country_code and place.country_code not in known:
                countries = (*known, place.country_code)[-_COUNTRIES_AT_MOST:]
            self._memory[user_id] = Visit(place, now, countries)
        return [] if last is None else self._judge(user_id, last, place, now)

    def _judge(self, user_id: str, last: Visit, place: Place, now: float) -> list[Journey]:
        found: list[Journey] = []
        km = great_circle_km(last.place, place)
        if km > NEAR_KM:
            hours = max(now - last.at, 0.0) / 3_600
            speed = km / hours if hours else math.inf
            if speed > self._fastest:
                found.append(Journey("impossible_travel", user_id, place, last.place, km, speed))
        if place.country_code and last.countries and place.country_code not in last.countries:
            found.append(Journey("new_country", user_id, place, last.place, km))
        return found

    def _is_proxy(self, address: str) -> bool:
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return True
        return any(parsed.version == proxy.version and parsed in proxy for proxy in self._proxies)


def great_circle_km(a: Place, b: Place) -> float:
    """Return the shortest way between two places over the earth's surface; 0 where one has no coordinates."""
    if a.latitude is None or a.longitude is None or b.latitude is None or b.longitude is None:
        return 0.0
    lat_a, lat_b = math.radians(a.latitude), math.radians(b.latitude)
    half_lat, half_lon = (lat_b - lat_a) / 2, math.radians(b.longitude - a.longitude) / 2
    # The haversine formula: exact for near places, too.
    h = math.sin(half_lat) ** 2 + math.cos(lat_a) * math.cos(lat_b) * math.sin(half_lon) ** 2
    return 2 * _EARTH_RADIUS_KM * math.asin(math.sqrt(min(1.0, h)))


class _Recent(OrderedDict[str, Visit]):
    """A mapping that forgets whom it has not heard of for longest."""

    def __init__(self, at_most: int) -> None:
        super().__init__()
        self._at_most = at_most

    def __setitem__(self, key: str, value: Visit) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        if len(self) > self._at_most:
            self.popitem(last=False)
