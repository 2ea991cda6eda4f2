"""What an audit event costs on its way into the trail, and how fast a trail is verified.

    python benchmarks/audit.py [--entries 1000000] [--rounds 7]

The cost of an event is CPU in microseconds, without the store (its disk or database decides the rest), step by step and
as a whole; the median of interleaved rounds. Verification reads a sealed trail of so many entries: from memory (the
engine alone) and from JSONL segments, plain and compressed.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from aura_logging.audit.canonical import canonical
from aura_logging.audit.chain import Head, extend, start
from aura_logging.audit.checkpoint import Range, leaf_of, make_checkpoint
from aura_logging.audit.events import Actor, AuditEvent
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.merkle import MerkleTree
from aura_logging.audit.scrubbing import scrubbed
from aura_logging.audit.stores.base import AuditStore, Entry
from aura_logging.audit.stores.jsonl import JsonlAuditStore
from aura_logging.audit.stores.lines import line_of
from aura_logging.audit.stores.memory import MemoryAuditStore
from aura_logging.audit.stores.segment_files import SegmentFile
from aura_logging.audit.trail import Trail
from aura_logging.audit.verify import verify
from aura_logging.privacy.scrubber import Scrubber

KEYS = KeyRing({"bench": bytes(range(32))})
CALLS = 5_000


class Nowhere(MemoryAuditStore):
    """Makes the entry and keeps only its head."""

    head = start("web1-4711-0123456789abcdef")

    def append(self, event: AuditEvent) -> Entry:
        event_bytes = canonical(event)
        entry = Entry(event_bytes, extend(self.head, event_bytes, KEYS))
        self.head = Head(self.head.writer, entry.link.seq, entry.link.mac)
        return entry


def event(number: int) -> AuditEvent:
    return AuditEvent(
        action="patient.changed", actor=Actor("user", "17", "dr.house"), object_type="clinic.patient",
        object_id=str(number), object_label="Patient 42", event_class="change", client_ip="10.20.30.40",
        correlation_id="4bf92f3577b34da6a3ce929d0e0e4736",
        changes={"ward": ("A", "B"), "status": ("waiting", "admitted")},
    )  # fmt: skip


def costs(rounds: int) -> None:
    scrubber, one = Scrubber(), event(1)
    one_bytes, trail = canonical(one), Trail(Nowhere(KEYS))
    changes = {"ward": ("A", "B"), "status": ("waiting", "admitted")}
    steps: dict[str, Callable[[], object]] = {
        "make the event": lambda: event(1),
        "scrub it (nothing found)": lambda: scrubbed(one, scrubber),
        "canonical JSON": lambda: canonical(one),
        "extend the chain (HMAC-SHA256)": lambda: extend(Nowhere.head, one_bytes, KEYS),
        "record(), all of it, to a store that keeps nothing": lambda: trail.record(
            "patient.changed", ("clinic.patient", 42, "Patient 42"), changes, event_class="change"
        ),
    }
    took: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            began = time.process_time()
            for _ in range(CALLS):
                step()
            took[name].append((time.process_time() - began) / CALLS * 1e6)
    print(f"{'an event of ' + str(len(one_bytes)) + ' bytes':52} CPU us")
    for name, times in took.items():
        print(f"{name:52} {statistics.median(times):6.1f}")


def fill(directory: Path, entries: int) -> None:
    """Write a sealed trail of one writer without waiting for the disk at each entry."""
    store, tree, head = (
        JsonlAuditStore(directory, KEYS, compress=None),
        MerkleTree(),
        start("20261123T000000-web1-1-aa"),
    )
    directory.mkdir()
    with (directory / SegmentFile(head.writer, 1, entries, is_compressed=False).name).open("wb") as file:
        for number in range(entries):
            event_bytes = canonical(event(number))
            entry = Entry(event_bytes, extend(head, event_bytes, KEYS))
            head = Head(head.writer, entry.link.seq, entry.link.mac)
            tree.add(leaf_of(entry.link.mac, event_bytes))
            file.write(line_of(entry))
    ranges = [Range(head.writer, 1, entries, head.mac, tree.root())]
    store.add_checkpoint(make_checkpoint(None, ranges, time.time(), KEYS))


def timed_verification(name: str, store: AuditStore, entries: int) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    outcome = verify(store, KEYS)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    assert outcome.is_whole and outcome.entries == entries and outcome.unsealed == 0, outcome
    print(f"{name:52} {wall:6.1f} s wall {cpu:6.1f} s CPU  {entries / wall / 1000:6.0f} thousand/s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()

    costs(options.rounds)
    print(f"\nverification of {options.entries:,} entries, sealed by one checkpoint")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name) / "audit"
        fill(directory, options.entries)
        plain = JsonlAuditStore(directory, KEYS, compress=None)
        timed_verification("JSONL, plain", plain, options.entries)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        packed = JsonlAuditStore(directory, KEYS)
        packed.tidy()
        timed_verification("JSONL, gzip", packed, options.entries)
        print(f"{'peak memory of this process while it verified':52} {peak:6.0f} MB")


if __name__ == "__main__":
    main()
