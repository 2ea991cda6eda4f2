"""Decide about a record, or add to it, on its way to a handler."""

from __future__ import annotations

from aura_logging.filters.context import RequestContextFilter
from aura_logging.filters.sampling import SamplingFilter
from aura_logging.filters.security import SecurityFilter

__all__ = ["RequestContextFilter", "SamplingFilter", "SecurityFilter"]
