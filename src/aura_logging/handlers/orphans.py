"""Deliver what dead processes of the service left in the journal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from aura_logging.handlers.targets import LineTarget, Target, TargetFailed
from aura_logging.resilience.breaker import CircuitBreaker
from aura_logging.resilience.journal import RecoveredBatch, recover

__all__ = ["Recovered", "deliver_orphans", "marked", "write_orphans"]

_MARK = b',"recovered":true}\n'


@dataclass(frozen=True, slots=True)
class Recovered:
    """What one look came to, in lines, and why it stopped early, if it did."""

    delivered: int = 0
    refused: int = 0
    """Lines on which the target's own code failed; they are gone."""
    damaged: int = 0
    """Lines that could not be read any more."""
    alive: int = 0
    """Processes found alive, or adopted by somebody else: their lines are theirs to deliver."""
    error: Exception | None = None
    interrupted: bool = False
    """Whether `go_on` ended it, and another look may find more at once."""

    def followed_by(self, later: Recovered) -> Recovered:
        """Return what both looks came to; what was met only in passing is the later one's."""
        return replace(
            later,
            delivered=self.delivered + later.delivered,
            refused=self.refused + later.refused,
            damaged=self.damaged + later.damaged,
        )


def marked(line: bytes) -> bytes:
    """Return a line with `recovered: true` in it, if it is a JSON object."""
    return line[:-2] + _MARK if line[-2:] == b"}\n" and line[:2] == b'{"' else line


def deliver_orphans(
    directory: Path,
    name: str | None,
    target: Target,
    breaker: CircuitBreaker,
    go_on: Callable[[], bool] = lambda: True,
) -> Recovered:
    """Deliver the unacknowledged lines of dead journals called `name` (of all for `None`), marked `recovered: true`.

    Of several processes that look at once, each dead one's lines go to one. A target that fails ends the look, and
    so does `go_on()`; what was not taken waits for the next. A line is delivered again only if its target, or this
    process, broke down between taking it and saying so. Raises nothing for what lies in the directory, nor for
    what the target does.
    """
    error: Exception | None = None
    refused = 0
    interrupted = False
    # A target that takes records one by one may take some of a batch and fail; what it took must not come again.
    with recover(directory, name, max_lines=500 if isinstance(target, LineTarget) else 1) as recovery:
        for batch in recovery:
            if not go_on():
                interrupted = True
                break
            if not breaker.allow():
                break
            try:
                refused += _deliver(batch, target)
            except TargetFailed as failure:
                error = failure.cause
                breaker.record_failure()
                break
            breaker.record_success()
            try:
                batch.acknowledge()
            except OSError as lost_claim:
                error = lost_claim
                break
        report = recovery.report
    damaged = report.corrupt_frames + report.torn_tails
    if error is None and report.last_error is not None:
        error = OSError(report.last_error)
    return Recovered(report.recovered - refused, refused, damaged, report.alive_streams, error, interrupted)


def write_orphans(directory: Path, write: Callable[[bytes], None]) -> Recovered:
    """Hand the unacknowledged lines of all dead journals to `write`, a batch at a time; an `OSError` of it ends that.

    When `write` returns, its lines count as delivered: it must have passed them on.
    """
    error: Exception | None = None
    with recover(directory) as recovery:
        for batch in recovery:
            try:
                write(b"".join(marked(frame.line) for frame in batch.frames))
                batch.acknowledge()
            except OSError as failure:
                error = failure
                break
        report = recovery.report
    damaged = report.corrupt_frames + report.torn_tails
    if error is None and report.last_error is not None:
        error = OSError(report.last_error)
    return Recovered(report.recovered, 0, damaged, report.alive_streams, error)


def _deliver(orphans: RecoveredBatch, target: Target) -> int:
    """Return how many lines the target's own code failed on: it would for ever, and the others can go on."""
    batch = target.new_batch(0, {}, 0)
    for frame in orphans.frames:
        batch.add(frame.level, target.from_line(marked(frame.line)), 0)
    refused = 0
    while len(batch):
        try:
            target.deliver(batch)
        except TargetFailed as failure:
            if failure.again:
                raise
            batch.remove_first(failure.taken + 1)
            refused += 1
        else:
            break
    return refused
