"""Carry records to where they are kept; each handler works alone in anybody's LOGGING."""

from __future__ import annotations

from aura_logging.handlers.async_buffered import AsyncBufferedHandler
from aura_logging.handlers.failover import FailoverHandler
from aura_logging.handlers.files import StructuredFileHandler
from aura_logging.handlers.metrics import MetricsHandler
from aura_logging.handlers.request_buffer import RequestBuffer
from aura_logging.handlers.webhook import WebhookHandler

__all__ = [
    "AsyncBufferedHandler",
    "FailoverHandler",
    "MetricsHandler",
    "RequestBuffer",
    "StructuredFileHandler",
    "WebhookHandler",
]
