"""Hold the segments of log files to the same policy and the same legal holds as the trail."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aura_logging.audit.hold_record import HOLD_OBJECT, HoldRecord
from aura_logging.audit.holds import Hold
from aura_logging.audit.keys import KeyRing
from aura_logging.audit.query import EntryFilter
from aura_logging.audit.retention import LOGS, RetentionPolicy
from aura_logging.audit.stores.base import AuditError
from aura_logging.audit.trail import Trail
from aura_logging.resilience.clock import Clock
from aura_logging.resilience.log_files.segment_names import SegmentNames

__all__ = ["LogFilePlan", "LogSegment", "plan_log_purge", "purge_log_files"]

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class LogSegment:
    """A closed segment of a log: it holds what was logged from `since` (None: the log's beginning) to `until`."""

    path: Path
    since: float | None
    until: float


@dataclass(frozen=True, slots=True)
class LogFilePlan:
    """Which closed segments of a log have to go, and which a hold keeps."""

    expired: tuple[LogSegment, ...]
    held: tuple[LogSegment, ...]
    kept: int


def plan_log_purge(
    live_path: str | os.PathLike[str], policy: RetentionPolicy, holds: Sequence[Hold], *, now: float
) -> LogFilePlan:
    """Return what a purge of the log whose live file this is would do at `now`; changes nothing.

    Only closed segments with the names that `StructuredFileHandler` gives are looked at. A hold keeps every segment of
    the time it speaks of, whoever it is about: a log file is not read for that.
    """
    live = Path(live_path)
    names = SegmentNames(live.name)
    found = sorted(
        (parsed.segment.closed_at, path)
        for path in live.parent.iterdir()
        if (parsed := names.parse(path.name)) is not None and not parsed.is_partial and path.is_file()
    )
    keep_seconds = policy.keep_seconds(LOGS)
    expired: list[LogSegment] = []
    held: list[LogSegment] = []
    since: float | None = None
    for closed_at, path in found:
        segment = LogSegment(path, since, closed_at)
        since = closed_at
        if keep_seconds is None or closed_at >= now - keep_seconds:
            continue
        (held if any(_overlaps(hold, segment) for hold in holds) else expired).append(segment)
    return LogFilePlan(tuple(expired), tuple(held), len(found) - len(expired) - len(held))


def purge_log_files(
    trail: Trail,
    live_path: str | os.PathLike[str],
    policy: RetentionPolicy,
    *,
    keys: KeyRing | None = None,
    dry_run: bool = False,
    clock: Clock = time.time,
) -> LogFilePlan:
    """Remove expired segments and return what was done, or with `dry_run` what would be.

    First an event in the trail (`logs.purged`) names each file with its size and SHA-256: whoever kept a copy can still
    show that it is the one. `OSError` if a file cannot be read or removed. With `keys`, the trail's, `AuditError` while
    a hold is missing that is in force by the trail's own word.
    """
    holds = trail.store.holds()
    if keys is not None:
        said = HoldRecord(keys)
        for _ in said.noting(trail.store.entries(where=EntryFilter(object_type=HOLD_OBJECT))):
            pass
        for damage in said.missing(holds):
            raise AuditError(f"no log file may be purged now: {damage}")
    plan = plan_log_purge(live_path, policy, holds, now=clock())
    if not dry_run and plan.expired:
        files = [
            {"name": each.path.name, "bytes": each.path.stat().st_size, "sha256": _digest(each.path)}
            for each in plan.expired
        ]
        trail.record(
            "logs.purged", ("log", os.fspath(live_path)), event_class="administration", files=files,
            policy=policy.keep_days,
        )  # fmt: skip
        for each in plan.expired:
            each.path.unlink()
    return plan


def _overlaps(hold: Hold, segment: LogSegment) -> bool:
    begins_in_time = hold.until is None or segment.since is None or segment.since < hold.until
    return begins_in_time and (hold.since is None or segment.until >= hold.since)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()
