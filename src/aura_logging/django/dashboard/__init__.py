"""Show staff how the system is: the pages under `/aura/`."""

from __future__ import annotations

from aura_logging.django.dashboard import options

__all__ = ["options"]
