"""Let `AURA["METRICS"]` say where the numbers are, and `AURA["ALERTS"]` from where on they are too much."""

from __future__ import annotations

import functools
import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from aura_logging.alerts import AlertOptions
from aura_logging.diagnostics.live_handlers import live_handlers
from aura_logging.django.conf import declare, options
from aura_logging.handlers.metrics import MetricsHandler
from aura_logging.metrics.stores import MetricsStore, check_url, default_url, open_store
from aura_logging.options import OptionError

__all__ = ["MetricsOptions", "apply", "store_of_settings"]


@dataclass(frozen=True, slots=True)
class MetricsOptions:
    """`AURA["METRICS"]`: where the numbers are, and which machines may read them.

    `store` is a URL as for `aura_logging.metrics.open_store`; every `MetricsHandler` of LOGGING then counts into it,
    whatever it was given itself. `allowed_networks` are the addresses and networks that read `/aura/metrics` and
    `/aura/health` without logging in; `token` opens them to whoever sends `Authorization: Bearer <token>`.
    """

    store: str | None = None
    allowed_networks: tuple[str, ...] = ("127.0.0.0/8", "::1")
    token: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if self.store is not None:
            check_url(self.store)
        for network in self.allowed_networks:
            try:
                ipaddress.ip_network(network, strict=False)
            except ValueError as error:
                raise ValueError(
                    f"allowed_networks has {network!r}; give addresses or networks such as '10.0.0.0/8': {error}"
                ) from None
        if self.token is not None and (not self.token or not self.token.isascii() or not self.token.isprintable()):
            raise ValueError("token is empty, or cannot be sent in a header; leave it out or give printable ASCII.")
        if self.token is not None and self.token != self.token.strip():
            raise ValueError("token begins or ends with a space; it could never be sent in a header.")


declare("METRICS", MetricsOptions)
declare("ALERTS", AlertOptions)


def apply() -> None:
    """Have the metrics handlers of LOGGING count into the chosen store, and alert by the chosen thresholds."""
    store = options(MetricsOptions).store
    has_thresholds = bool(_section("ALERTS"))
    for handler in _metrics_handlers():
        handler.use(store=store, alerts=options(AlertOptions) if has_thresholds else None)


def store_of_settings() -> MetricsStore:
    """Return the store that this site counts into; neither disk nor network is touched before it is used.

    That of `AURA["METRICS"]`; else the one of the `MetricsHandler` in LOGGING; else `REDIS_URL`; else the SQLite file
    in `AURA_LOG_DIR`. The same object each time, so that connections are kept.
    """
    chosen = options(MetricsOptions).store
    if chosen is None:
        for handler in _metrics_handlers():
            return handler.store
        chosen = os.environ.get("REDIS_URL") or default_url()
    try:
        return _opened(chosen)
    except OptionError as error:
        raise ImproperlyConfigured(f'AURA["METRICS"], or REDIS_URL: {error}') from error


@functools.lru_cache(maxsize=4)
def _opened(url: str) -> MetricsStore:
    return open_store(url)


def _metrics_handlers() -> list[MetricsHandler]:
    return [handler for handler in live_handlers() if isinstance(handler, MetricsHandler)]


def _section(name: str) -> Mapping[str, object]:
    section: Mapping[str, object] = (getattr(settings, "AURA", None) or {}).get(name) or {}
    return section
