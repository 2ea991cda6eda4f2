"""Let `AURA["SAMPLING"]` say how much the sampling filters of LOGGING keep."""

from __future__ import annotations

from aura_logging.django.conf import declare, options
from aura_logging.filters.sampling import use_everywhere
from aura_logging.volume.options import SamplingOptions

__all__ = ["apply"]

declare("SAMPLING", SamplingOptions)


def apply() -> None:
    """Give the chosen options to every `SamplingFilter` that has none of its own."""
    chosen = options(SamplingOptions)
    if not chosen.is_default:
        use_everywhere(chosen)
