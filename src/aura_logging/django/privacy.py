"""Let `AURA["PRIVACY"]` say what the security filters of LOGGING redact."""

from __future__ import annotations

from aura_logging.django.conf import declare, options
from aura_logging.filters.security import use_everywhere
from aura_logging.privacy.options import PrivacyOptions

__all__ = ["apply"]

declare("PRIVACY", PrivacyOptions)


def apply() -> None:
    """Give the chosen options to every `SecurityFilter` that has none of its own."""
    chosen = options(PrivacyOptions)
    if not chosen.is_default:
        use_everywhere(chosen.scrubber())
