"""Write the fields of the work at hand on every record that passes."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

from aura_logging import context
from aura_logging.options import OptionError
from aura_logging.performance.system import HostMetrics

__all__ = ["RequestContextFilter"]


class RequestContextFilter(logging.Filter):
    """Add what is bound (`aura_logging.bind`, the request's fields), the service, and the state of its host.

    Attach it to handlers, not to a logger: a logger's filters do not see what child loggers log. It lets every
    record pass, adds in place, and never overwrites what the log call itself gave in `extra`. Attaching it to
    several handlers is harmless. `correlation_id` is always set, to `None` outside a request, so that
    `%(correlation_id)s` in a text format works everywhere.

    `service_name`, `environment` and `version` default to the environment variables `SERVICE_NAME` (`aura`),
    `ENVIRONMENT` and `VERSION`; what is empty is left out. `host_metrics` adds `cpu_percent`, `memory_percent`
    and `system_load`, read at most once a second; `OptionError` if it is neither true nor false.
    """

    def __init__(
        self,
        service_name: str | None = None,
        environment: str | None = None,
        version: str | None = None,
        host_metrics: bool | HostMetrics = True,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        super().__init__()
        if not isinstance(host_metrics, (bool, HostMetrics)):
            # Found out here, not by every log call.
            raise OptionError(f"host_metrics={host_metrics!r}; give True, False, or a HostMetrics.")
        named = {
            "service_name": service_name or environ.get("SERVICE_NAME") or "aura",
            "environment": environment or environ.get("ENVIRONMENT"),
            "version": version or environ.get("VERSION"),
        }
        self._service: dict[str, Any] = {name: value for name, value in named.items() if value}
        self._host = HostMetrics() if host_metrics is True else host_metrics or None
        self._ambient: Mapping[str, Any] = {"correlation_id": None, **self._service}
        # The last answer and what it was made of: in one request it is asked for again and again.
        self._merged: tuple[Mapping[str, Any], Mapping[str, Any], int, dict[str, Any]] = ({}, {}, 0, {})

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields; always true."""
        attributes = record.__dict__
        added = self.fields()
        if attributes.keys().isdisjoint(added):
            # Nothing of the log call's own to spare: one C call for what is a loop otherwise.
            attributes.update(added)
            return True
        for name, value in added.items():
            if name not in attributes or attributes[name] is None:
                attributes[name] = value
        return True

    def fields(self) -> Mapping[str, Any]:
        """Return what is added to a record logged here and now; the same object for as long as it is the same."""
        bound = context.current()
        host = self._host
        ambient = self._ambient if host is None or host.is_fresh() else self._look_around(host)
        of_ambient, of_bound, of_size, added = self._merged
        size = len(bound)  # what is learnt late of a request may be added to the very mapping
        if ambient is not of_ambient or bound is not of_bound or size != of_size:
            added = {**ambient, **bound}
            self._merged = (ambient, bound, size, added)
        return added

    def with_fields(self, own: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a record that was given these fields in `extra` would carry behind this filter."""
        bound = context.current()
        host = self._host
        ambient = self._ambient if host is None or host.is_fresh() else self._look_around(host)
        carried = {**own, **ambient, **bound}
        if len(carried) < len(own) + len(ambient) + len(bound) - ("correlation_id" in bound):
            added = {**ambient, **bound}
            carried = {**own, **{name: value for name, value in added.items() if own.get(name) is None}}
        return carried

    def _look_around(self, host: HostMetrics) -> Mapping[str, Any]:
        self._ambient = {"correlation_id": None, **self._service, **host.fields()}
        return self._ambient
