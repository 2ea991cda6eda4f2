"""Count, measure and keep numbers that survive workers.

>>> from aura_logging.metrics import counter, timer
>>> orders = counter("doc_orders_total", "Orders placed.", labels=["channel"])
>>> orders.inc(channel="web")
>>> with timer("doc_checkout_seconds"):
...     pass

What is counted stays in the process; the `MetricsHandler` of your LOGGING adds it to the store.
"""

from __future__ import annotations

from aura_logging.metrics.registry import counter, gauge, histogram, timer
from aura_logging.metrics.stores import MetricsStore, StoreError, open_store

__all__ = ["MetricsStore", "StoreError", "counter", "gauge", "histogram", "open_store", "timer"]
