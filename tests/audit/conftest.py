"""Give audit tests keys, events and trails with something in them."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from aura_logging.audit.events import Actor, AuditEvent
from aura_logging.audit.keys import KeyRing

NOW = 1_800_000_000.0


@pytest.fixture(scope="session")
def keys() -> KeyRing:
    """Return a ring of one key."""
    return KeyRing({"k1": b"0123456789abcdef0123456789abcdef"})


@pytest.fixture(scope="session")
def make_event() -> Callable[..., AuditEvent]:
    """Return a function that makes the event of a number."""

    def make(number: int, **members: object) -> AuditEvent:
        given: dict[str, object] = {
            "action": "patient.viewed",
            "actor": Actor("user", "17", "dr.house"),
            "object_type": "clinic.patient",
            "object_id": str(number),
            "event_class": "access",
            "timestamp": NOW + number,
            "id": f"01a2079e-de92-755e-9cf3-{number:012}",
        }
        return AuditEvent(**(given | members))  # type: ignore[arg-type]

    return make


@pytest.fixture
def until() -> Callable[[Callable[[], object]], None]:
    """Return a function that waits until something has come true."""

    def until(condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 30.0
        while not condition():
            assert time.monotonic() < deadline, "it never came true"
            time.sleep(0.002)

    return until
