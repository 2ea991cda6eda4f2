"""Write the fields of the work at hand on every record that passes."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from aura_logging import context
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
    and `system_load`, read at most once a second.
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
        named = {
            "service_name": service_name or environ.get("SERVICE_NAME") or "aura",
            "environment": environment or environ.get("ENVIRONMENT"),
            "version": version or environ.get("VERSION"),
        }
        self._service: dict[str, Any] = {name: value for name, value in named.items() if value}
        self._host = HostMetrics() if host_metrics is True else host_metrics or None
        self._seen: Mapping[str, Any] = MappingProxyType({})
        self._ambient: dict[str, Any] = {"correlation_id": None, **self._service}

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields; always true."""
        attributes = record.__dict__
        ambient = self._ambient
        if self._host is not None:
            reading = self._host.fields()
            if reading is not self._seen:
                ambient = self._ambient = {"correlation_id": None, **self._service, **reading}
                self._seen = reading
        bound = context.current()
        if attributes.keys().isdisjoint(bound):
            # Nothing of the log call's own to spare: two C calls for what is a loop otherwise.
            added = {**ambient, **bound} if bound else ambient
            if attributes.keys().isdisjoint(added):
                attributes.update(added)
                return True
        for name, value in {**ambient, **bound}.items():
            if name not in attributes or (name == "correlation_id" and attributes[name] is None):
                attributes[name] = value
        return True
