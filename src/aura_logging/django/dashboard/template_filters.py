"""Let templates use the dashboard's wording of numbers."""

from __future__ import annotations

from django.template import Library

from aura_logging.django.dashboard import wording

__all__ = ["register"]

register = Library()

for _name in ("age", "count", "date_time", "duration", "measure", "number", "rate", "share", "size"):
    register.filter(_name, getattr(wording, _name))
