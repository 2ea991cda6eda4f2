"""Deliver what dead processes of the service left in the journal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from aura_logging.handlers.targets import Target, TargetFailed
from aura_logging.resilience.breaker import CircuitBreaker
from aura_logging.resilience.journal import RecoveredBatch, recover

__all__ = ["Recovered", "deliver_orphans"]

_MARK = b',"recovered":true}\n'


@dataclass(frozen=True, slots=True)
class Recovered:
    """What one look came to: lines delivered, frames damaged, and why it stopped early, if it did."""

    frames: int
    damaged: int
    error: Exception | None = None


def deliver_orphans(directory: Path, name: str, target: Target, breaker: CircuitBreaker) -> Recovered:
    """Deliver the unacknowledged lines of dead journals called `name`, each marked `recovered: true`.

    Of several processes that look at once, each dead one's lines go to one. A target that fails ends the look; what
    it did not take waits for the next. Does not raise for anything that lies in the directory, or for the target.
    """
    error: Exception | None = None
    with recover(directory, name) as recovery:
        for batch in recovery:
            if not breaker.allow():
                break
            try:
                _deliver(batch, target)
            except TargetFailed as failure:
                error = failure.cause
                if failure.again:
                    breaker.record_failure()
                    break
            except OSError as lost_claim:
                error = lost_claim
                break
            breaker.record_success()
        report = recovery.report
    return Recovered(report.recovered, report.corrupt_frames + report.torn_tails, error)


def _deliver(orphans: RecoveredBatch, target: Target) -> None:
    batch = target.new_batch(0, {}, 0)
    for frame in orphans.frames:
        line = frame.line[:-2] + _MARK if frame.line[-2:] == b"}\n" else frame.line
        batch.add(frame.level, target.from_line(line), 0)
    while len(batch):
        try:
            target.deliver(batch)
        except TargetFailed as failure:
            if failure.again:
                raise
            # The target's own code fails on this line for ever; the others can go on.
            batch.remove_first(failure.taken + 1)
            continue
        break
    orphans.acknowledge()
