"""Say in the stream itself what is missing from it, so that a reader of the file alone can tell."""

from __future__ import annotations

import logging
from collections.abc import Mapping

__all__ = ["loss_record"]


def loss_record(losses: Mapping[str, int], handler: str | None, stream: str) -> logging.LogRecord:
    """Return a record for the gap that it stands in: how many are missing there, by reason."""
    record = logging.LogRecord(
        "aura.delivery", logging.WARNING, __file__, 0, "%d records lost", (sum(losses.values()),), None
    )
    record.__dict__.update(dropped=dict(losses), handler=handler, stream=stream)
    return record
