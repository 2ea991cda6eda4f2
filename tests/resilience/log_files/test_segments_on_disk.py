"""The same on a real disk, with other programs at work: what was written is there once, whatever happens to it."""

from __future__ import annotations

import gzip
import os
import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from aura_logging.resilience.log_files.compression import choose_codec
from aura_logging.resilience.log_files.housekeeping import SegmentKeeper
from aura_logging.resilience.log_files.retention import RetentionPolicy
from aura_logging.resilience.log_files.rotation import RotationPolicy
from aura_logging.resilience.log_files.shared_file import SharedFile
from aura_logging.testing import ManualClock


class TwoWritersAndTheWorld(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.log = Path(self.directory.name) / "app.jsonl"
        self.clock = ManualClock(1_000_000_000.0)
        self.keeper = SegmentKeeper(RetentionPolicy(None), choose_codec("gzip"), mode=0o600, clock=self.clock)
        self.writers = [
            SharedFile(
                self.log,
                rotation=RotationPolicy(60, 3600),
                mode=0o600,
                max_wait_seconds=1.0,
                clock=self.clock,
            )
            for _ in range(2)
        ]
        self.written: list[bytes] = []
        self.moved = 0

    @rule(writer=st.sampled_from([0, 1]), count=st.integers(1, 4))
    def write(self, writer: int, count: int) -> None:
        lines = [b"line %d\n" % (len(self.written) + number) for number in range(count)]
        self.writers[writer].append(lines)
        self.written += lines

    @rule(seconds=st.sampled_from([-7200.0, 0.000_001, 1800.0]))
    def turn_the_clock(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def keep_house(self) -> None:
        self.keeper.tidy(self.log)
        assert self.keeper.last_error is None

    @rule(writer=st.sampled_from([0, 1]))
    def reopen(self, writer: int) -> None:
        self.writers[writer].close()

    @rule()
    def another_program_moves_the_file(self) -> None:
        if self.log.exists():
            self.log.rename(self.log.with_name(f"moved{self.moved}"))
            self.moved += 1

    @rule()
    def a_killed_process_leaves_half_a_compression(self) -> None:
        for path in list(self.log.parent.glob("app.2*.jsonl"))[:1]:
            path.with_name(path.name + ".gz.partial").write_bytes(b"\x1f\x8b")

    @rule()
    def a_killed_process_leaves_a_segment_twice(self) -> None:
        for path in list(self.log.parent.glob("app.2*.jsonl"))[:1]:
            path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes()))

    def teardown(self) -> None:
        self.keeper.tidy(self.log)
        for writer in self.writers:
            writer.close()
        found = []
        for path in self.log.parent.iterdir():
            if path.suffix == ".ids":  # says which ids a compressed segment mentions
                continue
            data = path.read_bytes()
            found += (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines(keepends=True)
        assert sorted(found) == sorted(self.written)
        assert not [name for name in os.listdir(self.log.parent) if name.endswith(".partial")]  # noqa: PTH208
        self.directory.cleanup()


TwoWritersAndTheWorld.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
TestTwoWritersAndTheWorld = TwoWritersAndTheWorld.TestCase
