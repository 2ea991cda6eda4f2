"""See attacks, break-ins by guessing, and impossible journeys as they happen; record them, block nothing."""

from __future__ import annotations

from aura_logging.threats.geo import JOURNEY_TYPES
from aura_logging.threats.inspection import QUIET, Inspector, examine, inspect
from aura_logging.threats.log_lines import LOG_LINE_KINDS
from aura_logging.threats.login_guard import LOGIN_THREAT_TYPES
from aura_logging.threats.threat import KINDS, Inspection, Kind, Threat

__all__ = ["KINDS", "QUIET", "THREAT_TYPES", "Inspection", "Inspector", "Kind", "Threat", "examine", "inspect"]

THREAT_TYPES = frozenset({*KINDS, *LOG_LINE_KINDS, *LOGIN_THREAT_TYPES, *JOURNEY_TYPES})
"""Every `threat_type` that we write."""
