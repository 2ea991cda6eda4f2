"""Time what the Django template engine renders, `render()` and `render_to_string()` included."""

from __future__ import annotations

import time
from typing import Any

from django.template.backends import django as backend

from aura_logging.performance.queries import current

__all__ = ["DjangoTemplates", "Template"]

_clock = time.perf_counter


class Template(backend.Template):
    """A template whose rendering counts in the request's `template_time`; one inside another counts once."""

    def render(self, context: Any = None, request: Any = None) -> str:
        """Render it."""
        log = current.get()
        if log is None:
            return super().render(context, request)
        before = log.template_seconds
        began = _clock()
        try:
            return super().render(context, request)
        finally:
            # Not added: what was rendered inside has been added meanwhile.
            log.template_seconds = before + _clock() - began


class DjangoTemplates(backend.DjangoTemplates):
    """Django's engine, timed: put its path in the place of Django's as the `BACKEND` in `TEMPLATES`.

    Django sends a signal for rendering in tests only, so this class is the one supported place to stand.
    """

    def from_string(self, template_code: str) -> Template:
        """Make a template of its source."""
        return Template(super().from_string(template_code).template, self)

    def get_template(self, template_name: str) -> Template:
        """Find a template by its name."""
        return Template(super().get_template(template_name).template, self)
