"""Record an event so that it is in the trail when the call returns, or the call fails."""

from __future__ import annotations

import functools
import os
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from aura_logging import context
from aura_logging.audit.actors import actor_of
from aura_logging.audit.events import EVENT_CLASSES, Actor, AuditEvent, EventClass, new_event_id
from aura_logging.audit.journal import AuditJournal
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.objects import describe
from aura_logging.audit.scrubbing import scrubbed
from aura_logging.audit.sealing import PeriodicSealer
from aura_logging.audit.shredding import SubjectCipher
from aura_logging.audit.stores.base import AuditError, AuditStore, Entry
from aura_logging.health import Health, Status, hear, worst
from aura_logging.options import OptionError, nearest
from aura_logging.privacy.scrubber import Scrubber
from aura_logging.resilience.background import BackgroundJob
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.forks import tell_after_fork

__all__ = ["Trail", "configure", "current_trail", "install", "record"]

_DELIVER_AGAIN_SECONDS = 1.0


class Trail:
    """Scrubs events, encrypts what is a subject's, and hands them to the store; nothing is ever left out.

    Made once, used by any thread. Nothing is opened and no thread is started before the first event. `scrub=False`
    switches redaction off, `scrubber` chooses it. With a `journal` an event that the store does not take is kept on the
    disk and delivered when it does; without, `AuditError` is raised: the guarded work must not go on. `describe`
    returns an object's type, id and label, `who` the actor of this moment or None. `on_thread_end` is called at the end
    of a delivery in the background, on its thread: close its database connection there.
    """

    def __init__(
        self,
        store: AuditStore,
        *,
        scrub: bool = True,
        scrubber: Scrubber | None = None,
        journal: AuditJournal | None = None,
        cipher: SubjectCipher | None = None,
        sealer: PeriodicSealer | None = None,
        describe: Callable[[Any], tuple[str, str, str]] = describe,
        who: Callable[[], Actor | None] = lambda: None,
        on_thread_end: Callable[[], None] = lambda: None,
        clock: Clock = time.time,
        entropy: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.store = store
        self.journal = journal
        self.cipher = cipher
        self.sealer = sealer
        self._scrubber = (scrubber or _usual_scrubber()) if scrub else None
        self._describe = describe
        self._who = who
        self._on_thread_end = on_thread_end
        self._clock = clock
        self._entropy = entropy
        self._recorded = 0
        self._failed = 0
        self._last_error: str | None = None
        self._deliver_at = 0.0
        self._count_lock = threading.RLock()
        self._delivery = BackgroundJob(self._deliver_quietly, "aura-audit-delivery")
        tell_after_fork(self)

    def after_fork_in_child(self) -> None:
        """In a forked child: another thread of the parent may have held the lock."""
        self._count_lock = threading.RLock()

    def record(
        self,
        action: str,
        object: Any = None,
        changes: Mapping[str, tuple[Any, Any]] | None = None,
        outcome: str = "success",
        reason: str | None = None,
        *,
        actor: Actor | None = None,
        event_class: EventClass = "other",
        subject: str | None = None,
        **extra: Any,
    ) -> Entry | None:
        """Record what happened; None if it was journalled.

        Who, from which address and in which request comes from the context, unless `actor` is given. `object` is a
        text such as "patient:42", a pair of type and id, or any object. `changes` maps a field to (before, after).
        `ValueError` for what is no event, `AuditError` if it cannot be kept: in both cases nothing was recorded.
        """
        if not isinstance(action, str) or not action:
            raise ValueError(f"action={action!r} must be a text such as 'patient.viewed'")
        if event_class not in EVENT_CLASSES:
            raise ValueError(f"event_class={event_class!r} is unknown. {nearest(str(event_class), EVENT_CLASSES)}")
        fields = context.current()
        kind, key, label = self._describe(object)
        now = self._clock()
        client_ip, correlation_id = fields.get("client_ip"), fields.get("correlation_id")
        return self.append(
            AuditEvent(
                action=action,
                actor=actor or self._who() or actor_of(fields),
                object_type=kind,
                object_id=key,
                object_label=label,
                changes=_checked_changes(changes) if changes else {},
                outcome=outcome,
                event_class=event_class,
                client_ip=None if client_ip is None else str(client_ip),
                correlation_id=None if correlation_id is None else str(correlation_id),
                reason=reason,
                subject=subject,
                extra=extra,
                timestamp=now,
                id=new_event_id(now, self._entropy),
            )
        )

    def append(self, event: AuditEvent) -> Entry | None:
        """Record a ready event: scrub it, encrypt what is its subject's, store it. As `record` otherwise."""
        if self._scrubber is not None:
            event = scrubbed(event, self._scrubber)
        if self.cipher is not None and event.subject and not event.sealed:
            event = self.cipher.seal(event)
        try:
            entry = self.store.append(event)
        except AuditError as error:
            self._note_failure(error)
            if self.journal is None:
                raise
            self.journal.keep(event)
            return None
        with self._count_lock:
            self._recorded += 1
            self._last_error = None
        if self.journal is not None:
            self._deliver_soon()
        if self.sealer is not None:
            self.sealer.after_append()
        return entry

    def deliver(self) -> int:
        """Hand what was journalled to the store, on this thread; return how many. `AuditError` if it fails again."""
        return 0 if self.journal is None else self.journal.deliver(self.store)

    def seal(self) -> None:
        """Have what is in the trail sealed now, if the trail seals at all; what fails is shown by `health`."""
        if self.sealer is not None:
            self.sealer.seal_now()

    def close(self, timeout_seconds: float = 5.0) -> None:
        """Let work in the background finish, and close the store."""
        self._delivery.stop(timeout_seconds, 0.0)
        if self.sealer is not None:
            self.sealer.close(timeout_seconds)
        self.store.close()

    def health(self) -> Health:
        """Return the state of the store, the journal and the sealer as of the last calls."""
        parts = [self.store.health(), *([] if self.sealer is None else [self.sealer.health()])]
        facts: dict[str, object] = {"failed": self._failed}
        status, details = worst(part.status for part in parts), [part.detail for part in parts if part.detail]
        for part in parts:
            facts.update(part.facts)
        queued = None
        if self.journal is not None:
            queued = max(0, self.journal.kept - self.journal.delivered)
            facts.update(journalled=self.journal.kept, journal_delivered=self.journal.delivered)
            if self.journal.damaged:
                status, details = (
                    Status.UNHEALTHY,
                    [*details, "journalled events were changed before they were delivered"],
                )
            elif not self.journal.is_empty():
                status, details = worst((status, Status.DEGRADED)), [*details, "events wait in the journal"]
        elif self._last_error is not None:
            status, details = Status.UNHEALTHY, [self._last_error]
        return Health(status, "; ".join(details), accepted=self._recorded, queued=queued, facts=facts)

    def _note_failure(self, error: AuditError) -> None:
        with self._count_lock:
            self._failed += 1
            self._last_error = str(error)

    def _deliver_soon(self) -> None:
        now = time.monotonic()
        if now >= self._deliver_at:
            self._deliver_at = now + _DELIVER_AGAIN_SECONDS
            if self.journal is not None and not self.journal.is_empty():
                self._delivery.wake()

    def _deliver_quietly(self) -> None:
        try:
            self.deliver()
        except AuditError as error:
            self._note_failure(error)
        finally:
            self._on_thread_end()


@functools.cache  # its automaton takes tens of milliseconds to build
def _usual_scrubber() -> Scrubber:
    return Scrubber()


def _checked_changes(changes: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    checked: dict[str, tuple[Any, Any]] = {}
    for name, pair in changes.items():
        if type(pair) not in (tuple, list) or len(pair) != 2:  # before and after
            raise ValueError(f"changes[{name!r}] is {pair!r}; it must be (before, after)")
        checked[name] = (pair[0], pair[1])
    return checked


_installed: Trail | None = None


def configure(
    store: AuditStore, *, when_unwritable: str = "raise", journal_dir: str | None = None, **options: Any
) -> Trail:
    """Make the trail that `record` writes to from here on, and return it.

    `when_unwritable="journal"` keeps events in `journal_dir` while the store cannot be written, signed with the store's
    `keys`; the other options are `Trail`'s. `OptionError` names what is wrong.
    """
    if when_unwritable == "journal":
        keys = getattr(store, "keys", None)
        if not journal_dir or not isinstance(keys, KeyRing):
            raise OptionError(
                "when_unwritable='journal' needs journal_dir, and a store that has its KeyRing as `keys`."
            )
        options["journal"] = AuditJournal(journal_dir, keys)
    elif when_unwritable != "raise":
        raise OptionError(f"when_unwritable={when_unwritable!r} is unknown. Use 'raise' or 'journal'.")
    return install(Trail(store, **options))


def install(trail: Trail) -> Trail:
    """Have `record` write to this trail."""
    global _installed
    _installed = trail
    hear("audit trail", lambda: current_trail().health())
    return trail


def current_trail() -> Trail:
    """Return the trail that `record` writes to; `AuditError` if none is configured."""
    if _installed is None:
        raise AuditError("no audit trail is configured: call aura_logging.audit.configure(store) at start-up")
    return _installed


def record(
    action: str,
    object: Any = None,
    changes: Mapping[str, tuple[Any, Any]] | None = None,
    outcome: str = "success",
    reason: str | None = None,
    **extra: Any,
) -> Entry | None:
    """Record what happened in the configured trail; as `Trail.record`."""
    return current_trail().record(action, object, changes, outcome, reason, **extra)
