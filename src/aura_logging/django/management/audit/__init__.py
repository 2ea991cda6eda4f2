"""The subcommands of `manage.py aura_audit`, one a module."""

from __future__ import annotations

from collections.abc import Mapping

from aura_logging.django.management.audit import checkpoint, erase, export, hold, purge, report, verify
from aura_logging.django.management.logs import Subcommand

__all__ = ["SUBCOMMANDS"]

SUBCOMMANDS: Mapping[str, Subcommand] = {
    "verify": verify,
    "checkpoint": checkpoint,
    "report": report,
    "export": export,
    "purge": purge,
    "hold": hold,
    "erase": erase,
}
