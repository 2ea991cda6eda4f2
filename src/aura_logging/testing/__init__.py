"""Help for the tests of code that logs: a clock to turn, records to look at, assertions about them.

A store of your own can be held against the contract that ours keep: subclass `MetricsStoreContract`.
The pytest plugin is `aura_logging.testing.pytest_plugin`; it is not loaded unless a `conftest.py` asks for it.
"""

from __future__ import annotations

from aura_logging.metrics.stores.contract import MetricsStoreContract
from aura_logging.performance.budgets import BudgetExceededError, assert_request_budget
from aura_logging.privacy.assertions import assert_no_pii
from aura_logging.testing.capture import CapturedRecords, capture
from aura_logging.testing.clock import ManualClock

__all__ = [
    "BudgetExceededError",
    "CapturedRecords",
    "ManualClock",
    "MetricsStoreContract",
    "assert_no_pii",
    "assert_request_budget",
    "capture",
]
