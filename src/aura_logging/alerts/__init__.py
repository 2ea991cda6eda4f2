"""Decide from the numbers in the store when somebody should be told, and tell it once.

An alert is a record on the logger `aura.alerts`; who hears of it is ordinary `LOGGING`.
"""

from __future__ import annotations

from aura_logging.alerts.anomalies import anomaly_rules
from aura_logging.alerts.evaluator import AlertEvaluator
from aura_logging.alerts.rules import AlertOptions, Reading, Rule, standard_rules
from aura_logging.alerts.told import Alert

__all__ = ["Alert", "AlertEvaluator", "AlertOptions", "Reading", "Rule", "anomaly_rules", "standard_rules"]
