"""The life of a log in pure code: lines are written, files closed, compressed and removed, clocks step back."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from aura_logging.resilience.log_files.retention import RetentionPolicy
from aura_logging.resilience.log_files.rotation import RotationPolicy
from aura_logging.resilience.log_files.segment_names import Segment, SegmentFile, SegmentNames

STRANGERS = {"app.jsonl", "app.jsonl.1", "app.web.20261123T053216.123456Z-000001.jsonl", ".app.jsonl.lock"}
NAMES = SegmentNames("app.jsonl")

limits = st.one_of(st.none(), st.integers(1, 60))


@dataclass
class Live:
    lines: list[int] = field(default_factory=list)
    size_bytes: int = 0
    interval: int = 0


class LifeOfALog(RuleBasedStateMachine):
    """The directory is a dict of names to lines; `gone` and what the directory holds make up all that was written."""

    @initialize(max_bytes=limits, every_seconds=limits, count=limits, age=limits, total=limits)
    def configure(
        self,
        max_bytes: int | None,
        every_seconds: int | None,
        count: int | None,
        age: int | None,
        total: int | None,
    ) -> None:
        self.rotation = RotationPolicy(max_bytes, every_seconds)
        self.retention = RetentionPolicy(count, age, total)
        self.now = 1_000_000.0
        self.live = Live(interval=self.rotation.interval(self.now))
        self.directory: dict[str, list[int]] = {name: [] for name in STRANGERS}
        self.written = 0
        self.gone: list[int] = []

    def segments(self) -> dict[Segment, str]:
        parsed = ((NAMES.parse(name), name) for name in self.directory)
        return {file.segment: name for file, name in parsed if file is not None}

    @rule(size_bytes=st.integers(1, 40))
    def write(self, size_bytes: int) -> None:
        if self.rotation.is_due(self.live.size_bytes, size_bytes, self.live.interval, self.now):
            segment = NAMES.following(max(self.segments(), default=None), self.now)
            name = NAMES.name(SegmentFile(segment))
            assert name not in self.directory
            self.directory[name] = self.live.lines
            self.live = Live(interval=self.rotation.interval(self.now))
        self.live.lines.append(self.written)
        self.live.size_bytes += size_bytes
        self.written += 1

    @rule(seconds=st.floats(-100, 100))
    def turn_the_clock(self, seconds: float) -> None:
        self.now += seconds

    @precondition(lambda self: self.segments())
    @rule(data=st.data(), suffix=st.sampled_from([".gz", ".zst"]))
    def compress(self, data: st.DataObject, suffix: str) -> None:
        segment, name = data.draw(st.sampled_from(sorted(self.segments().items())))
        self.directory[NAMES.name(SegmentFile(segment, suffix))] = self.directory.pop(name)

    @rule()
    def retain(self) -> None:
        segments = self.segments()
        sizes = {segment: len(self.directory[name]) for segment, name in segments.items()}
        for segment in self.retention.expired(sizes, self.now):
            self.gone += self.directory.pop(segments[segment])

        kept = self.segments()
        assert self.retention.max_count is None or len(kept) <= self.retention.max_count
        assert self.retention.expired({segment: sizes[segment] for segment in kept}, self.now) == []

    @invariant()
    def every_line_is_in_one_place_and_in_order_of_names(self) -> None:
        by_name = sorted(self.segments().values())
        here = [line for name in by_name for line in self.directory[name]] + self.live.lines
        assert self.gone + here == list(range(self.written))

    @invariant()
    def strangers_stay(self) -> None:
        assert self.directory.keys() >= STRANGERS


LifeOfALog.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestLifeOfALog = LifeOfALog.TestCase
