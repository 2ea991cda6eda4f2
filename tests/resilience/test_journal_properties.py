"""Random appends, acknowledgements, kills, recoveries and damage, against the plainest model of a journal."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from aura_logging.resilience.journal import Journal, pending, recover
from aura_logging.resilience.journal.headers import HEADER_BYTES

SMALL: dict[str, Any] = {"segment_bytes": 8192, "max_bytes": 5 * 8192}


class JournalAgainstItsModel(RuleBasedStateMachine):
    """Every accepted line is waiting in this process, waiting in an orphan, or taken by the target."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp(prefix="journal-"))
        self.journal: Journal
        self.count = 0
        self.waiting: list[tuple[int, bytes]] = []
        self.orphaned: list[bytes] = []
        self.appended: set[bytes] = set()
        self.damaged = self.damaged_headers = False

    @initialize()
    def start(self) -> None:
        self.journal = Journal(self.directory, name="a", **SMALL)

    @rule(size=st.sampled_from([0, 1, 50, 700, 3000, 4050]), repeat=st.integers(1, 12))
    def append(self, size: int, repeat: int) -> None:
        for _ in range(repeat):
            line = b"%08d" % self.count + b"." * size
            self.count += 1
            position = self.journal.append(line)
            if position is not None:
                assert not self.waiting or position > self.waiting[-1][0]
                self.waiting.append((position, line))
                self.appended.add(line)
            else:
                assert self.waiting, "an empty journal has room"

    @rule(lines=st.integers(1, 10), size=st.sampled_from([1, 5000, 100_000]))
    def deliver(self, lines: int, size: int) -> None:
        frames = self.journal.read(0, lines, size)
        assert [f.line for f in frames] == [line for _, line in self.waiting[: len(frames)]]
        assert bool(frames) == bool(self.waiting)
        if frames:
            self.journal.acknowledge(frames[-1].position)
            del self.waiting[: len(frames)]

    @rule()
    def maintain(self) -> None:
        self.journal.maintain()

    @rule(politely=st.booleans())
    def restart(self, politely: bool) -> None:
        if politely:
            self.journal.close()
        else:
            self.die()
        self.orphaned += [line for _, line in self.waiting]
        self.waiting = []
        self.start()

    def die(self) -> None:
        """Leave the files as a kill does: locks released, nothing tidied."""
        for segment in [*self.journal._segments, *self.journal._pool._spares]:
            segment.abandon()

    @rule(lines=st.integers(1, 20), batches=st.integers(0, 5))
    def recover_some(self, lines: int, batches: int) -> None:
        with recover(self.directory, max_lines=lines) as recovery:
            for batch in recovery:
                if batches == 0:
                    break
                batches -= 1
                batch.acknowledge()
                self.take([frame.line for frame in batch.frames])

    @rule()
    def recover_all(self) -> None:
        with recover(self.directory) as recovery:
            for batch in recovery:
                batch.acknowledge()
                self.take([frame.line for frame in batch.frames])
        if not self.damaged:
            assert self.orphaned == []
            assert recovery.report.corrupt_frames == recovery.report.set_aside == 0
        self.orphaned = []
        self.damaged = self.damaged_headers = False

    def take(self, lines: list[bytes]) -> None:
        if self.damaged_headers:
            assert set(lines) <= self.appended  # an older acknowledgement may count again
            self.orphaned = [line for line in self.orphaned if line not in lines]
        elif self.damaged:
            rest = iter(self.orphaned)
            assert all(line in rest for line in lines), "in order, each once, none that was acknowledged"
            self.orphaned = self.orphaned[self.orphaned.index(lines[-1]) + 1 :]
        else:
            assert lines == self.orphaned[: len(lines)]
            del self.orphaned[: len(lines)]

    @rule(data=st.data(), how=st.sampled_from(["flip", "zero", "truncate", "garbage", "extend", "header"]))
    def damage_an_orphan(self, data: st.DataObject, how: str) -> None:
        orphans = [file.path for file in pending(self.directory) if not file.is_alive and not file.is_aside]
        if not orphans:
            return
        path = data.draw(st.sampled_from(orphans))
        content = bytearray(path.read_bytes())
        if len(content) < 2 * HEADER_BYTES:
            return
        first = 0 if how == "header" else HEADER_BYTES
        last = 4095 if how == "header" else len(content) - 1
        where = data.draw(st.integers(first, last))
        if how in ("flip", "header"):
            content[where] ^= data.draw(st.integers(1, 255))
        elif how == "zero":
            content[where : where + 500] = bytes(len(content[where : where + 500]))
        elif how == "truncate":
            del content[where:]
        elif how == "garbage":
            noise = data.draw(st.binary(min_size=1, max_size=300))
            content[where : where + len(noise)] = noise
        else:
            content += data.draw(st.binary(min_size=1, max_size=5000))
        path.write_bytes(content)
        self.damaged = True
        self.damaged_headers |= how == "header"

    @invariant()
    def it_stays_within_its_bytes(self) -> None:
        if not hasattr(self, "journal"):
            return
        usage = self.journal.usage()
        assert usage.allocated_bytes <= SMALL["max_bytes"]
        assert usage.unacknowledged_bytes == sum(len(line) + 20 for _, line in self.waiting)

    def teardown(self) -> None:
        if hasattr(self, "journal"):
            self.die()
        shutil.rmtree(self.directory)


TestJournalAgainstItsModel = JournalAgainstItsModel.TestCase
TestJournalAgainstItsModel.settings = settings(max_examples=80, stateful_step_count=30, deadline=None)
