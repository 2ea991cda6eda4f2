"""Find personal data and secrets in text and values, and write something harmless instead."""

from __future__ import annotations

from aura_logging.privacy.findings import Finding
from aura_logging.privacy.patterns import custom_pattern
from aura_logging.privacy.scrubber import Scrubber

__all__ = ["Finding", "Scrubber", "custom_pattern"]
