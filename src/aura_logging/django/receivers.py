"""Listen to Django's signals: what ends a request, and what it failed with."""

from __future__ import annotations

from typing import Any

from django.core.signals import request_finished

from aura_logging import context, propagation

__all__ = ["connect"]


def connect() -> None:
    """Connect every receiver; connecting twice is harmless."""
    request_finished.connect(_release, dispatch_uid="aura_logging.release")


def _release(**_: Any) -> None:
    # Not when the middleware returns: Django's own lines about a 404, and a streaming body, come after that.
    context.release()
    propagation.release()
