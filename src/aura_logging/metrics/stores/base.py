"""Name what a store of metrics must offer, so that many processes add up to one set of numbers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol, runtime_checkable

from aura_logging.health import Health
from aura_logging.metrics.model import Sample
from aura_logging.metrics.outline import Outline

__all__ = ["MetricsStore", "SharedNotes", "StoreError", "WorkerNotes"]


class StoreError(Exception):
    """The store cannot be reached or used now. What was to be added was not added, unless its batch id says so."""


@runtime_checkable
class SharedNotes(Protocol):
    """Few short texts that all processes of a fleet agree on, and who among them does a job: for alerts."""

    def lease(self, name: str, holder: str, seconds: float) -> bool:
        """Take or renew the right to do a job for so long; false while another holder has it."""
        ...

    def load(self, key: str) -> str | None:
        """Return the text under a key, if there is one."""
        ...

    def swap(self, key: str, expected: str | None, text: str) -> bool:
        """Put a text in the place of the one expected (None: of none); false, and nothing done, if it is another."""
        ...


@runtime_checkable
class WorkerNotes(Protocol):
    """What each process of a fleet last said about itself, for as long as that holds: for health."""

    def publish(self, worker: str, text: str, seconds: float) -> None:
        """Put this in the place of what the worker said before; after so many seconds it is gone (0: at once)."""
        ...

    def published(self) -> dict[str, str]:
        """Return what every worker said last, by worker; not of those whose time is over."""
        ...


@runtime_checkable
class MetricsStore(SharedNotes, WorkerNotes, Protocol):
    """Numbers of many processes, added up. `aura_logging.metrics.stores.contract` tests an implementation.

    Any thread may call any method; a store opened before a fork works on both sides of it. Constructing one
    touches neither disk nor network. Every call ends within a few seconds, with `StoreError` if the store is
    down; the caller keeps its samples and adds them again.
    """

    def add(self, samples: Sequence[Sample], batch: str = "") -> None:
        """Add the samples to what other processes have added: all of them, or none and `StoreError`.

        A batch with an id that was already added within the last hour is ignored, so that a caller who did not
        hear the answer can try again. The amounts of all tiers and the totals change together.
        """
        ...

    def read(self, since: float, until: float | None = None, names: Collection[str] | None = None) -> list[Sample]:
        """Return what all processes added from `since` up to `until` (Unix seconds; now), oldest first.

        One sample for each series and time bucket, of the finest tier that covers the span (see `tiers.py`); the
        bucket in which `since` lies is included. `names` restricts to these metrics.
        """
        ...

    def read_sums(self, since: float, until: float, outline: Outline) -> list[Sample]:
        """Return what `outline` wants of what all processes added from `since` up to `until`, oldest first.

        As `read`, of the finest tier that has `since` and answers with at most 200 buckets, and added up by the store.
        """
        ...

    def totals(self, names: Collection[str] | None = None) -> list[Sample]:
        """Return everything that was ever added, one sample for each series; counts in it never decrease.

        A sample's `at` is the second in which the series was first added.
        """
        ...

    def health(self) -> Health:
        """Return the state as of the last call, without touching the store."""
        ...

    def close(self) -> None:
        """Let go of connections; a later call opens them again."""
        ...
