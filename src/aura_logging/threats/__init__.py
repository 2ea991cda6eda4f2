"""See attacks, break-ins by guessing, and impossible journeys as they happen; record them, block nothing."""

from __future__ import annotations

from aura_logging.threats.inspection import Inspector, examine, inspect
from aura_logging.threats.threat import KINDS, Inspection, Kind, Threat

__all__ = ["KINDS", "Inspection", "Inspector", "Kind", "Threat", "examine", "inspect"]
