"""What was kept for long enough goes, what is held stays, and the trail stays whole."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_logging.audit.canonical import parse
from aura_logging.audit.damage import DamageKind
from aura_logging.audit.events import AuditEvent
from aura_logging.audit.holds import Hold
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.log_file_retention import plan_log_purge, purge_log_files
from aura_logging.audit.retention import RetentionPolicy, lift_hold, place_hold, plan_purge, purge
from aura_logging.audit.sealing import Sealer
from aura_logging.audit.stores.base import AuditError
from aura_logging.audit.stores.jsonl import JsonlAuditStore
from aura_logging.audit.stores.memory import MemoryAuditStore
from aura_logging.audit.tombstones import Tombstone
from aura_logging.audit.trail import Trail
from aura_logging.audit.verify import verify
from aura_logging.options import OptionError
from aura_logging.testing import ManualClock

MakeEvent = Callable[..., AuditEvent]

KEYS = KeyRing({"k1": b"0123456789abcdef0123456789abcdef"})
NOW = 1_800_000_000.0
DAY = 86_400.0
LATER = NOW + 400 * DAY


def trail_of(classes: str) -> Trail:
    """One event a letter: `a`ccess, `c`hange or au`t`hentication."""
    names = {"a": "access", "c": "change", "t": "authentication"}
    store = MemoryAuditStore(KEYS, "a")
    for number, letter in enumerate(classes):
        store.append(
            AuditEvent(
                action="x", object_id=str(number), event_class=names[letter], subject=f"p{number}",  # type: ignore[arg-type]
                timestamp=NOW + number,
            )
        )  # fmt: skip
    return Trail(store, clock=lambda: LATER)


def left(trail: Trail) -> list[str]:
    return [
        event.object_id for event in (parse(entry.event_bytes) for entry in trail.store.entries()) if event.object_id
    ]


def test_classes_are_kept_for_as_long_as_the_policy_says() -> None:
    trail = trail_of("aacaattcaa")

    plan = purge(trail, KEYS, RetentionPolicy({"access": 365}), clock=lambda: LATER)

    assert dict(plan.by_class) == {"access": 6}
    assert [(run.first, run.last) for run in plan.tombstones] == [(1, 2), (4, 5), (9, 10)]
    assert left(trail) == ["2", "5", "6", "7"]
    outcome = verify(trail.store, KEYS)
    assert (outcome.damages, outcome.purged) == ((), 6)


def test_a_dry_run_changes_nothing() -> None:
    trail = trail_of("aaca")
    Sealer(trail.store, KEYS).seal()

    plan = purge(trail, KEYS, RetentionPolicy({"access": 365}), dry_run=True, clock=lambda: LATER)

    assert plan.count == 3
    assert left(trail) == ["0", "1", "2", "3"]
    assert list(trail.store.tombstones()) == []
    assert plan.as_dict() == {
        "purged": 3, "runs": 2, "by_class": {"access": 3}, "held": {}, "kept": 1, "unsealed": 0, "damaged_chains": [],
    }  # fmt: skip


@given(
    st.text("act", min_size=1, max_size=12),
    st.lists(st.sampled_from(["access", "change", "authentication"]), min_size=1, max_size=3),
    st.lists(st.integers(0, 11), max_size=3),
)
@settings(deadline=None, max_examples=40)
def test_whatever_is_purged_and_however_often_the_trail_is_whole(classes: str, due: list[str], held: list[int]) -> None:
    trail = trail_of(classes)
    for number in held:
        trail.store.add_hold(Hold(name=f"h{number}", reason="r", subject=f"p{number}"))
    names = {"a": "access", "c": "change", "t": "authentication"}

    for count in range(1, len(due) + 1):
        purge(trail, KEYS, RetentionPolicy(dict.fromkeys(due[:count], 30)), clock=lambda: LATER)
        outcome = verify(trail.store, KEYS)
        assert outcome.damages == ()

    expected = [str(n) for n, letter in enumerate(classes) if names[letter] not in due or n in held]
    assert left(trail) == expected


@given(st.text("ac", min_size=6, max_size=12), st.data())
@settings(deadline=None, max_examples=40)
def test_what_is_changed_after_a_purge_is_found_as_before(classes: str, data: st.DataObject) -> None:
    trail = trail_of(classes)
    purge(trail, KEYS, RetentionPolicy({"access": 30}), clock=lambda: LATER)
    Sealer(trail.store, KEYS).seal()
    assert isinstance(trail.store, MemoryAuditStore)
    chain = trail.store.kept["a"]
    place = data.draw(st.integers(0, len(chain) - 1))
    if data.draw(st.booleans()):
        chain[place] = chain[place]._replace(event_bytes=chain[place].event_bytes.replace(b"success", b"failure"))
    else:
        del chain[place]

    outcome = verify(trail.store, KEYS)

    assert outcome.first is not None
    assert outcome.first.kind in (DamageKind.EDITED, DamageKind.DELETED, DamageKind.TRUNCATED)


def test_a_purge_is_in_the_trail_before_it_is_done() -> None:
    trail = trail_of("aac")

    purge(trail, KEYS, RetentionPolicy({"access": 365}), clock=lambda: LATER)

    *_, last = (parse(entry.event_bytes) for entry in trail.store.entries())
    assert (last.action, last.event_class) == ("audit.purged", "administration")
    assert last.extra["by_class"] == {"access": 2}
    assert last.extra["policy"] == {"access": 365}


def test_entries_that_no_checkpoint_covers_stay() -> None:
    trail = trail_of("aaa")

    plan = plan_purge(trail.store, KEYS, RetentionPolicy({"access": 365}), now=LATER)

    assert (plan.count, plan.unsealed) == (0, 3)


def test_a_damaged_chain_is_evidence_and_is_left_alone() -> None:
    trail = trail_of("aaaa")
    Sealer(trail.store, KEYS).seal()
    assert isinstance(trail.store, MemoryAuditStore)
    del trail.store.kept["a"][2]

    plan = purge(trail, KEYS, RetentionPolicy({"access": 365}), clock=lambda: LATER)

    assert plan.count == 0
    assert [damage.kind for damage in plan.damages] == [DamageKind.DELETED]
    assert left(trail) == ["0", "1", "3"]


def test_in_a_damaged_trail_nothing_is_purged_unless_somebody_says_so() -> None:
    trail = trail_of("aaaa")
    assert isinstance(trail.store, MemoryAuditStore)
    trail.store.writer = "b"
    trail.store.append(AuditEvent(action="x", object_id="9", event_class="access", timestamp=NOW))
    Sealer(trail.store, KEYS).seal()
    del trail.store.kept["a"][2]
    policy = RetentionPolicy({"access": 365})

    refused = purge(trail, KEYS, policy, clock=lambda: LATER)
    assert (refused.count, refused.kept, list(trail.store.tombstones())) == (0, 1, [])
    assert "may have been a legal hold" in refused.as_dict()["refused"]

    assert purge(trail, KEYS, policy, despite_damage=True, clock=lambda: LATER).count == 1
    assert left(trail) == ["0", "1", "3"]


def test_policies_say_what_is_wrong_with_them() -> None:
    with pytest.raises(OptionError, match="Did you mean 'access'"):
        RetentionPolicy({"acces": 1})
    with pytest.raises(OptionError, match="number of days above 0"):
        RetentionPolicy({"access": True})


@pytest.mark.parametrize(("days", "goes"), [({"default": 1}, "012"), ({"default": 1, "access": 9999}, "1"), ({}, "")])
def test_the_default_is_for_classes_that_are_not_named(days: dict[str, float], goes: str) -> None:
    trail = trail_of("aca")

    purge(trail, KEYS, RetentionPolicy(days), clock=lambda: LATER)

    assert set("012") - set(left(trail)) == set(goes)


class TestHolds:
    @pytest.mark.parametrize(
        ("hold", "held"),
        [
            ({"subject": "p1"}, ["1"]),
            ({"object_id": "2"}, ["2"]),
            ({"since": NOW + 1, "until": NOW + 3}, ["1", "2"]),
            ({"subject": "p1", "object_id": "2"}, []),
            ({"actor_id": "nobody"}, []),
            ({}, ["0", "1", "2", "3"]),
        ],
    )
    def test_a_hold_keeps_what_it_speaks_of(self, hold: dict[str, Any], held: list[str]) -> None:
        trail = trail_of("aaaa")
        place_hold(trail, Hold(name="case 12", reason="litigation", **hold))

        plan = purge(trail, KEYS, RetentionPolicy({"access": 365}), clock=lambda: LATER)

        assert [each for each in left(trail) if each != "case 12"] == held
        assert plan.by_hold["case 12"] == len(held)

    def test_a_list_that_was_read_is_held_with_each_object_in_it(self) -> None:
        hold = Hold(name="h", reason="r", object_id="42")

        assert hold.covers(AuditEvent(action="listed", extra={"object_ids": [41, 42]}))
        assert not hold.covers(AuditEvent(action="listed", extra={"object_ids": [41]}))
        assert hold.covers(AuditEvent(action="listed", sealed="what is in it nobody can tell"))
        assert not hold.covers(AuditEvent(action="viewed", object_id="41", sealed="…"))

    def test_who_placed_and_lifted_it_is_in_the_trail(self) -> None:
        trail = trail_of("a")

        place_hold(trail, Hold(name="case 12", reason="litigation"))
        assert lift_hold(trail, KEYS, "case 12", "settled") is True
        assert lift_hold(trail, KEYS, "case 12", "settled") is False

        events = [parse(entry.event_bytes) for entry in trail.store.entries()]
        assert [(event.action, event.object_id, event.reason) for event in events[1:]] == [
            ("audit.hold_placed", "case 12", "litigation"),
            ("audit.hold_lifted", "case 12", "settled"),
        ]

    @pytest.mark.parametrize("how", ["removed", "narrowed", "removed behind a damage", "with a chain"])
    def test_a_hold_that_somebody_took_away_is_missed_and_nothing_is_purged(self, how: str) -> None:
        trail = trail_of("aaaa")
        store = trail.store
        assert isinstance(store, MemoryAuditStore)
        place_hold(trail, Hold(name="case 12", reason="litigation"))
        policy, despite_damage = RetentionPolicy({"default": 365}), False
        assert purge(trail, KEYS, policy, clock=lambda: LATER).by_hold == {"case 12": 4}
        if how == "narrowed":
            store.add_hold(Hold(name="case 12", reason="litigation", subject="nobody"))
        else:
            store.lift_hold("case 12")
        if how == "removed behind a damage":
            del store.kept["a"][1]
            despite_damage = True
        elif how == "with a chain":  # the only word of it goes, and that is a damage of its own
            del store.kept["a"][4:]

        plan = purge(trail, KEYS, policy, despite_damage=despite_damage, clock=lambda: LATER)

        assert plan.count == 0
        assert plan.refused
        kinds = {damage.kind for damage in verify(store, KEYS).damages}
        assert (DamageKind.HOLD_MISSING in kinds) is (how != "with a chain")
        assert kinds
        assert len(left(trail)) >= 3

    def test_a_hold_that_is_missed_can_be_placed_again_or_lifted(self) -> None:
        trail = trail_of("a")
        for again in (
            lambda: place_hold(trail, Hold(name="case 12", reason="litigation", subject="p0")),
            lambda: lift_hold(trail, KEYS, "case 12", "settled"),
        ):
            place_hold(trail, Hold(name="case 12", reason="litigation"))
            trail.store.lift_hold("case 12")
            assert not verify(trail.store, KEYS).is_whole
            again()
            assert verify(trail.store, KEYS).is_whole

    def test_what_says_that_a_hold_is_in_force_is_never_purged(self) -> None:
        trail = trail_of("a")
        place_hold(trail, Hold(name="case 12", reason="litigation", subject="p7"))
        place_hold(trail, Hold(name="case 13", reason="litigation"))
        lift_hold(trail, KEYS, "case 13", "settled")

        purge(trail, KEYS, RetentionPolicy({"default": 1}), clock=lambda: LATER + 900 * DAY)

        assert left(trail) == ["case 12", "case 13", "case 13"]
        assert verify(trail.store, KEYS).is_whole

    def test_log_files_too_wait_for_a_hold_that_is_missing(self, tmp_path: Path) -> None:
        trail = trail_of("")
        place_hold(trail, Hold(name="case 12", reason="litigation"))
        trail.store.lift_hold("case 12")

        with pytest.raises(AuditError, match="no log file may be purged now: hold missing"):
            purge_log_files(trail, tmp_path / "app.jsonl", RetentionPolicy({"logs": 1}), keys=KEYS)

    def test_a_file_of_holds_that_cannot_be_read_stops_every_purge(self, tmp_path: Path) -> None:
        store = JsonlAuditStore(tmp_path, KEYS)
        store.add_hold(Hold(name="case 12", reason="litigation"))
        (tmp_path / "holds.jsonl").write_bytes(b"?\n")

        assert str(verify(store, KEYS).first).startswith("hold missing: the trail: ")
        with pytest.raises(AuditError, match="nothing may be purged"):
            purge(Trail(store), KEYS, RetentionPolicy({"default": 1}), dry_run=True)


class TestInFiles:
    def test_a_purge_writes_compressed_segments_anew(self, tmp_path: Path, make_event: MakeEvent) -> None:
        store = JsonlAuditStore(tmp_path, KEYS, max_segment_bytes=1500)
        for number in range(12):
            store.append(make_event(number, event_class="change" if number % 3 == 0 else "access"))
        trail = Trail(store, clock=lambda: LATER)

        purge(trail, KEYS, RetentionPolicy({"access": 365}), clock=lambda: LATER)

        assert left(trail) == ["0", "3", "6", "9"]
        assert verify(store, KEYS).damages == ()
        held = b"".join(gzip.decompress(path.read_bytes()) for path in tmp_path.glob("*.gz"))
        assert b'"object_id":"1"' not in held
        store.close()

    def test_what_a_living_process_writes_goes_with_a_later_purge(self, tmp_path: Path, make_event: MakeEvent) -> None:
        other = JsonlAuditStore(tmp_path, KEYS)
        for number in range(4):
            other.append(make_event(number))
        store = JsonlAuditStore(tmp_path, KEYS)
        trail = Trail(store, clock=lambda: LATER)

        plan = purge(trail, KEYS, RetentionPolicy({"access": 365}), clock=lambda: LATER)
        assert plan.count == 4
        assert left(trail) == ["0", "1", "2", "3"]
        assert verify(store, KEYS).is_whole

        other.close()
        store.purge([])
        purge(trail, KEYS, RetentionPolicy({"access": 365}), clock=lambda: LATER)
        assert left(trail) == []
        assert verify(store, KEYS).is_whole
        store.close()

    def test_a_tombstone_that_somebody_wrote_in_removes_nothing(self, tmp_path: Path, make_event: MakeEvent) -> None:
        store = JsonlAuditStore(tmp_path, KEYS)
        entries = [store.append(make_event(number)) for number in range(3)]
        first, last = entries[0].link, entries[1].link
        forged = Tombstone(first.writer, 1, 2, first.previous, last.mac, bytes(32), NOW, "?")
        (tmp_path / "tombstones.jsonl").write_bytes(forged.signed(KeyRing({"k1": bytes(32)})).as_json() + b"\n")
        trail = Trail(store, clock=lambda: LATER)

        purge(trail, KEYS, RetentionPolicy({"authentication": 1}), clock=lambda: LATER)

        assert left(trail) == ["0", "1", "2"]
        outcome = verify(store, KEYS)
        assert outcome.first is not None
        assert outcome.first.kind is DamageKind.TOMBSTONE_FORGED
        store.close()


class TestLogFiles:
    @pytest.fixture
    def log(self, tmp_path: Path) -> Path:
        live = tmp_path / "app.jsonl"
        live.write_text("now\n")
        for day, sequence in ((20, 1), (21, 2), (22, 3)):
            (tmp_path / f"app.202611{day}T000000.000000Z-{sequence:06}.jsonl.gz").write_bytes(gzip.compress(b"x\n"))
        (tmp_path / "app.20200101T000000.jsonl").write_text("not a segment\n")
        return live

    # 2026-11-23T00:00:00Z
    CLOCK = 1_795_392_000.0

    def test_segments_go_by_age_and_the_trail_says_which(self, log: Path) -> None:
        trail = trail_of("")
        digest = hashlib.sha256((log.parent / "app.20261120T000000.000000Z-000001.jsonl.gz").read_bytes()).hexdigest()

        plan = purge_log_files(trail, log, RetentionPolicy({"logs": 1.5}), clock=ManualClock(self.CLOCK))

        assert [segment.path.name[:12] for segment in plan.expired] == ["app.20261120", "app.20261121"]
        assert sorted(path.name for path in log.parent.iterdir()) == [
            "app.20200101T000000.jsonl",
            "app.20261122T000000.000000Z-000003.jsonl.gz",
            "app.jsonl",
        ]
        (event,) = (parse(entry.event_bytes) for entry in trail.store.entries())
        assert event.action == "logs.purged"
        assert event.extra["files"][0]["sha256"] == digest

    def test_a_hold_keeps_the_time_it_speaks_of(self, log: Path) -> None:
        day = 86_400
        hold = Hold(name="h", reason="r", since=self.CLOCK - 2.5 * day, until=self.CLOCK - 2.2 * day, subject="p1")

        plan = plan_log_purge(log, RetentionPolicy({"logs": 0.5}), [hold], now=self.CLOCK)

        assert [segment.path.name[:12] for segment in plan.held] == ["app.20261121"]
        assert [segment.path.name[:12] for segment in plan.expired] == ["app.20261120", "app.20261122"]

    def test_without_a_word_about_logs_none_goes(self, log: Path) -> None:
        plan = plan_log_purge(log, RetentionPolicy({"default": 1}), [], now=self.CLOCK)

        assert (plan.expired, plan.kept) == ((), 3)

    def test_a_dry_run_removes_nothing(self, log: Path) -> None:
        before = sorted(log.parent.iterdir())

        plan = purge_log_files(
            trail_of(""), log, RetentionPolicy({"logs": 1}), dry_run=True, clock=ManualClock(self.CLOCK)
        )

        assert len(plan.expired) == 2
        assert sorted(log.parent.iterdir()) == before
