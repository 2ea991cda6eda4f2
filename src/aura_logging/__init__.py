"""Production logging and observability for Django and plain Python.

>>> import logging.config
>>> from aura_logging import bind, presets
>>> logging.config.dictConfig(presets.production(service_name="shop"))  # doctest: +SKIP
>>> bind(order_id=7)
"""

from __future__ import annotations

from aura_logging.context import bind, bound, correlation_id, fields, run_in_context, unbind
from aura_logging.propagation import outgoing_headers

__version__ = "0.1.0"

__all__ = [
    "__version__",
    "bind",
    "bound",
    "correlation_id",
    "fields",
    "outgoing_headers",
    "run_in_context",
    "unbind",
]
