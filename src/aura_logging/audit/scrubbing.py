"""Redact what must not be in a trail, before it is signed and can never be taken out again.

Scrubbed are the values: changes, extra fields, the reason, the object's label. Who, what, when and from where is what a
trail is for, and stays as it was given: do not put a secret into an id.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from aura_logging.audit.canonical import plain_changes, plain_mapping
from aura_logging.audit.events import AuditEvent
from aura_logging.audit.plain_values import plain
from aura_logging.privacy.scrubber import Scrubber

__all__ = ["scrubbed"]


def scrubbed(event: AuditEvent, scrubber: Scrubber) -> AuditEvent:
    """Return the event with every finding replaced, or the event itself if there is none.

    A value under a secret name goes as a whole, on both sides of a change; that it changed stays to be seen. One scan
    of the values' JSON decides that nothing needs a look, which is mostly so.
    """
    values: dict[str, Any] = {}
    if event.changes:
        values["changes"] = plain_changes(event.changes)
    if event.extra:
        values["extra"] = plain_mapping(event.extra)
    if event.reason:
        values["reason"] = plain(event.reason)
    if event.object_label:
        values["label"] = plain(event.object_label)
    if not values or not scrubber.engine.suspects(orjson.dumps(values)):
        return event
    changes = {
        name: (scrubber.scrub_value(old, name)[0], scrubber.scrub_value(new, name)[0])
        for name, (old, new) in values.get("changes", {}).items()
    }
    extra, _ = scrubber.scrub_value(values.get("extra", {}))
    reason, _ = scrubber.scrub_value(values.get("reason"))
    label, _ = scrubber.scrub_value(values.get("label", ""))
    return replace(event, changes=changes, extra=extra, reason=reason, object_label=label)
