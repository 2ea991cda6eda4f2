"""Carry records to where they are kept; each handler works alone in anybody's LOGGING."""

from __future__ import annotations

from aura_logging.handlers.async_buffered import AsyncBufferedHandler

__all__ = ["AsyncBufferedHandler"]
