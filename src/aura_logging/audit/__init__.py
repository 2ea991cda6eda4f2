"""Record who did what, when and from where, so that nobody can change the record unseen.

Durable when the call returns, or the call fails; never sampled, dropped or rate-limited.
"""

from __future__ import annotations

from aura_logging.audit.events import Actor, AuditEvent
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.options import AuditOptions
from aura_logging.audit.stores.base import AuditError
from aura_logging.audit.trail import Trail, configure, record

__all__ = ["Actor", "AuditError", "AuditEvent", "AuditOptions", "KeyRing", "Trail", "configure", "record"]
