"""What is recorded is in the trail when the call returns, or the call fails."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import aura_logging
from aura_logging import audit, context
from aura_logging.audit import trail as trail_module
from aura_logging.audit.actors import acting_as
from aura_logging.audit.canonical import parse
from aura_logging.audit.events import Actor, AuditEvent
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.stores.base import AuditError, Entry
from aura_logging.audit.stores.memory import MemoryAuditStore
from aura_logging.audit.trail import Trail, configure, current_trail, install
from aura_logging.audit.verify import verify
from aura_logging.health import Checkable, Status
from aura_logging.options import OptionError
from aura_logging.testing import ManualClock


@pytest.fixture(autouse=True)
def _no_trail_left_behind(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(trail_module, "_installed", None)
    context.release()
    yield
    context.release()


@pytest.fixture
def store(keys: KeyRing) -> MemoryAuditStore:
    return MemoryAuditStore(keys)


def recorded(entry: Entry | None) -> AuditEvent:
    assert entry is not None
    return parse(entry.event_bytes)


def test_an_event_says_who_did_what_to_what_when_and_from_where(store: MemoryAuditStore) -> None:
    clock = ManualClock(1_800_000_000.0)
    configure(store, clock=clock)
    aura_logging.bind(user_id=17, client_ip="10.0.0.1", correlation_id="req-1")

    entry = audit.record("patient.viewed", "patient:42", reason="ward round", ward="B")

    event = recorded(entry)
    assert (event.action, event.object_type, event.object_id) == ("patient.viewed", "patient", "42")
    assert event.actor == Actor("user", "17")
    assert (event.client_ip, event.correlation_id, event.reason) == ("10.0.0.1", "req-1", "ward round")
    assert (event.timestamp, event.outcome, event.extra) == (1_800_000_000.0, "success", {"ward": "B"})
    assert list(store.entries()) == [entry]


class Patient:
    pk = 42

    def __str__(self) -> str:
        return "Jane"


@pytest.mark.parametrize(
    ("thing", "told"),
    [
        (None, ("", "", "")),
        ("patient:42", ("patient", "42", "")),
        ("settings", ("", "settings", "")),
        (("clinic.patient", 42), ("clinic.patient", "42", "")),
        (("clinic.patient", 42, "Jane"), ("clinic.patient", "42", "Jane")),
        (Patient(), ("Patient", "42", "Jane")),
    ],
)
def test_an_object_may_be_told_in_several_ways(store: MemoryAuditStore, thing: Any, told: tuple[str, str, str]) -> None:
    event = recorded(Trail(store).record("seen", thing))

    assert (event.object_type, event.object_id, event.object_label) == told


class TestActors:
    def test_without_a_user_it_is_the_system(self, store: MemoryAuditStore) -> None:
        assert recorded(Trail(store).record("x")).actor == Actor("system")

    def test_nobody_who_logged_in_is_anonymous(self, store: MemoryAuditStore) -> None:
        aura_logging.bind(user_type="anonymous")

        assert recorded(Trail(store).record("x")).actor == Actor("anonymous")

    def test_a_block_names_its_actor_and_gives_back_the_one_before(self, store: MemoryAuditStore) -> None:
        trail = Trail(store)
        aura_logging.bind(user_id=1)

        with acting_as(Actor("command", "import")), acting_as(Actor("task", "nightly")):
            inner = recorded(trail.record("x")).actor
        after = recorded(trail.record("x")).actor

        assert (inner, after) == (Actor("task", "nightly"), Actor("user", "1"))

    def test_tasks_do_not_see_each_others_actors(self, store: MemoryAuditStore) -> None:
        trail = Trail(store)

        async def work(name: str) -> str:
            with acting_as(Actor("task", name)):
                await asyncio.sleep(0)
                return recorded(trail.record("x")).actor.id

        async def both() -> list[str]:
            return await asyncio.gather(work("a"), work("b"))

        assert asyncio.run(both()) == ["a", "b"]

    def test_an_actor_that_is_given_wins_over_who_is_asked(self, store: MemoryAuditStore) -> None:
        trail = Trail(store, who=lambda: Actor("user", "9", "root"))

        assert recorded(trail.record("x")).actor == Actor("user", "9", "root")
        assert recorded(trail.record("x", actor=Actor("user", "3"))).actor == Actor("user", "3")


class TestScrubbing:
    def test_secrets_go_by_name_and_personal_data_by_form(self, store: MemoryAuditStore) -> None:
        event = recorded(
            Trail(store).record(
                "patient.changed",
                ("clinic.patient", 42, "jane@example.com"),
                changes={"password": ("hunter2", "hunter3"), "pin_code": (None, "4111 1111 1111 1111"), "age": (1, 2)},
                reason="asked by jane@example.com",
                token="abc",
                nested={"api_key": "k", "note": "fine"},
            )
        )

        assert event.changes == {
            "password": ("[REDACTED:secret]", "[REDACTED:secret]"),
            "pin_code": (None, "[REDACTED:credit_card]"),
            "age": (1, 2),
        }
        assert event.reason == "asked by [REDACTED:email]"
        assert event.object_label == "[REDACTED:email]"
        assert event.extra == {"token": "[REDACTED:secret]", "nested": {"api_key": "[REDACTED:secret]", "note": "fine"}}

    def test_a_secret_that_was_set_for_the_first_time_shows_that_it_was(self, store: MemoryAuditStore) -> None:
        event = recorded(Trail(store).record("x", changes={"password": (None, "hunter2")}))

        assert event.changes == {"password": (None, "[REDACTED:secret]")}

    def test_who_did_it_to_what_stays(self, store: MemoryAuditStore) -> None:
        actor = Actor("user", "jane@example.com", "jane@example.com")

        event = recorded(Trail(store).record("x", ("account", "jane@example.com"), actor=actor))

        assert (event.actor, event.object_id) == (actor, "jane@example.com")

    def test_no_text_makes_it_fail(self, store: MemoryAuditStore) -> None:
        half = "\ud800"

        event = recorded(
            Trail(store).record(
                half, (half, half, half), {half: (half, "jane@example.com")}, half, half, **{half: half}
            )
        )

        assert event.action == event.object_id == event.object_label == event.reason == "\\ud800"
        assert event.changes == {"\\ud800": ("\\ud800", "[REDACTED:email]")}

    def test_it_can_be_switched_off(self, store: MemoryAuditStore) -> None:
        event = recorded(Trail(store, scrub=False).record("x", changes={"email": ("", "jane@example.com")}))

        assert event.changes == {"email": ("", "jane@example.com")}

    def test_the_callers_own_values_are_left_alone(self, store: MemoryAuditStore) -> None:
        mine = {"password": "hunter2"}

        Trail(store).record("x", settings=mine)

        assert mine == {"password": "hunter2"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"action": ""}, "action='' must be a text"),
        ({"action": "x", "changes": {"a": 1}}, "changes['a'] is 1; it must be (before, after)"),
        ({"action": "x", "event_class": "acess"}, "Did you mean 'access'?"),
        ({"action": "x", "object": (1,)}, "must be (type, id) or (type, id, label)"),
    ],
)
def test_what_is_no_event_is_refused(store: MemoryAuditStore, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:  # the message is looked at
        Trail(store).record(**arguments)

    assert message in str(caught.value)
    assert list(store.entries()) == []


def test_recording_without_a_trail_fails() -> None:
    with pytest.raises(AuditError, match="no audit trail is configured"):
        audit.record("x")


def test_a_trail_can_be_installed_and_asked_for(store: MemoryAuditStore) -> None:
    trail = install(Trail(store))

    assert current_trail() is trail
    assert isinstance(trail, Checkable)


class Unwritable(MemoryAuditStore):
    """A store that can be switched off."""

    is_off = False

    def append(self, event: AuditEvent) -> Entry:
        if self.is_off:
            raise AuditError("the database is away")
        return super().append(event)


class TestWhenTheStoreIsAway:
    @pytest.fixture
    def store(self, keys: KeyRing) -> Unwritable:
        return Unwritable(keys)

    def test_the_guarded_operation_fails(self, store: Unwritable) -> None:
        trail = Trail(store)
        store.is_off = True

        with pytest.raises(AuditError, match="the database is away"):
            trail.record("patient.viewed")

        assert trail.health().status is Status.UNHEALTHY
        assert trail.health().facts["failed"] == 1

    def test_health_is_well_again_with_the_next_event(self, store: Unwritable) -> None:
        trail = Trail(store)
        store.is_off = True
        with pytest.raises(AuditError):
            trail.record("patient.viewed")
        store.is_off = False

        trail.record("patient.viewed")

        assert trail.health().status is Status.HEALTHY

    def test_a_journal_keeps_events_until_it_can_be_delivered(self, store: Unwritable, tmp_path: Path) -> None:
        trail = configure(store, when_unwritable="journal", journal_dir=str(tmp_path / "journal"))
        store.is_off = True
        assert audit.record("patient.viewed", "patient:1") is None
        assert audit.record("patient.viewed", "patient:2") is None
        health = trail.health()
        assert (health.status, health.queued) == (Status.DEGRADED, 2)
        with pytest.raises(AuditError):
            trail.deliver()

        store.is_off = False
        assert trail.deliver() == 2

        assert [parse(entry.event_bytes).object_id for entry in store.entries()] == ["1", "2"]
        assert (trail.health().status, trail.health().queued) == (Status.HEALTHY, 0)
        assert trail.deliver() == 0
        trail.close()

    def test_a_successful_event_brings_the_journal_along(
        self, store: Unwritable, tmp_path: Path, keys: KeyRing, until: Callable[[Callable[[], object]], None]
    ) -> None:
        ended: list[str] = []
        trail = configure(
            store, when_unwritable="journal", journal_dir=str(tmp_path), on_thread_end=lambda: ended.append("end")
        )
        store.is_off = True
        audit.record("first")
        store.is_off = False

        audit.record("second")

        until(lambda: ended)
        assert sorted(parse(entry.event_bytes).action for entry in store.entries()) == ["first", "second"]
        trail.close()

    def test_what_a_dead_process_journalled_is_delivered_by_the_next(
        self, store: Unwritable, tmp_path: Path, keys: KeyRing
    ) -> None:
        child = os.fork()
        if child == 0:
            away = Unwritable(keys)
            away.is_off = True
            configure(away, when_unwritable="journal", journal_dir=str(tmp_path))
            audit.record("from the dead")
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0

        trail = configure(store, when_unwritable="journal", journal_dir=str(tmp_path))
        assert trail.deliver() == 1

        assert [parse(entry.event_bytes).action for entry in store.entries()] == ["from the dead"]
        trail.close()

    def test_what_was_delivered_before_a_failure_is_not_delivered_again(
        self, store: Unwritable, tmp_path: Path
    ) -> None:
        class FailsAtSecond(Unwritable):
            left = 1

            def append(self, event: AuditEvent) -> Entry:
                if not self.left:
                    raise AuditError("away again")
                self.left -= 1
                return super().append(event)

        trail = configure(store, when_unwritable="journal", journal_dir=str(tmp_path))
        store.is_off = True
        for number in range(3):
            audit.record("x", f"patient:{number}")
        shaky = FailsAtSecond(store.keys)
        assert trail.journal is not None
        with pytest.raises(AuditError, match="away again"):
            trail.journal.deliver(shaky)
        shaky.left = 9

        assert trail.journal.deliver(shaky) == 2

        assert [parse(entry.event_bytes).object_id for entry in shaky.entries()] == ["0", "1", "2"]
        trail.close()

    def test_an_event_that_was_changed_in_the_journal_is_not_passed_on(self, store: Unwritable, tmp_path: Path) -> None:
        trail = configure(store, when_unwritable="journal", journal_dir=str(tmp_path))
        store.is_off = True
        audit.record("x", "patient:1")
        audit.record("x", "patient:2")
        (segment,) = tmp_path.glob("*.jsonl")
        segment.write_bytes(segment.read_bytes().replace(b'"object_id":"2"', b'"object_id":"3"'))
        store.is_off = False

        assert trail.deliver() == 1

        assert [parse(entry.event_bytes).object_id for entry in store.entries()] == ["1"]
        assert trail.health().status is Status.UNHEALTHY
        trail.close()

    def test_a_journal_that_cannot_be_written_either_fails_the_operation(
        self, store: Unwritable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        configure(store, when_unwritable="journal", journal_dir=str(tmp_path))
        store.is_off = True

        def no_space(*arguments: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(os, "write", no_space)
            with pytest.raises(AuditError, match="No space left"):
                audit.record("x")

    @pytest.mark.parametrize("options", [{"when_unwritable": "journal"}, {"when_unwritable": "ignore"}])
    def test_a_journal_wants_a_directory(self, store: Unwritable, options: dict[str, Any]) -> None:
        with pytest.raises(OptionError, match="when_unwritable"):
            configure(store, **options)


def test_nothing_is_sampled_or_limited(store: MemoryAuditStore, keys: KeyRing) -> None:
    trail = Trail(store)

    for number in range(2_000):
        trail.record("patient.viewed", ("patient", number))

    assert verify(store, keys).entries == 2_000
    assert trail.health().accepted == 2_000
