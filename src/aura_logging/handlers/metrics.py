"""Count log records, and what they tell, into a store that all workers share."""

from __future__ import annotations

import hashlib
import logging
import os
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from aura_logging import records
from aura_logging.alerts import AlertEvaluator, AlertOptions, Rule, anomaly_rules, standard_rules
from aura_logging.handlers.override_watch import OverrideWatch
from aura_logging.handlers.self_report import self_report
from aura_logging.health import Health
from aura_logging.metrics.extraction import Extraction
from aura_logging.metrics.findings import FindingsLedger
from aura_logging.metrics.forks import at_fork
from aura_logging.metrics.ledger import Ledger
from aura_logging.metrics.recorder import Recorder
from aura_logging.metrics.registry import Registry
from aura_logging.metrics.stores import MetricsStore, check_url, default_url, open_store
from aura_logging.metrics.stores.sqlite import SqliteStore
from aura_logging.options import OptionError, fill
from aura_logging.threats import THREAT_TYPES

__all__ = ["MetricsHandler"]

_LONGEST_INTERVAL = 300.0


class MetricsHandler(logging.Handler):
    """Counts every record it sees, and the fields of the records on `aura.request`; writes nothing of them.

    Attach it before sampling, to the root logger at level NOTSET, so that it counts what sampling drops. A call
    costs a few microseconds and no I/O. A timer thread, started at the first record, adds what was counted to
    the store every `flush_interval` seconds (over 0, at most 300). `store` is a URL as for `open_store`, or a store;
    by default `sqlite:///logs/aura-metrics.db`, in AURA_LOG_DIR where that is set. Handlers with the same URL share
    one timer, of the shorter interval, and count a record that reaches several of them once.

    What came since the last flush survives SIGKILL: it is mirrored in files in `mirror`, a directory on a local disk,
    and a neighbour delivers it. With SQLite that is `….db.live` beside the database unless you say otherwise; with
    Redis there is none unless you name one, and such counts are lost then.

    `alerts` has the timer evaluate rules too, in one process of all that share the store, and log on `aura.alerts`:
    True for the standard rules, a mapping of `AlertOptions` for other thresholds, or a list of `Rule`s. In a Django
    project `AURA["ALERTS"]` has the thresholds of handlers that are given none here, and `AURA["METRICS"]["store"]`
    is the store of all.

    >>> handler = MetricsHandler(store="memory://")
    """

    def __init__(
        self,
        store: str | MetricsStore | None = None,
        flush_interval: float = 5.0,
        level: int | str = logging.NOTSET,
        alerts: bool | Mapping[str, Any] | Sequence[Rule] | None = None,
        mirror: str | os.PathLike[str] | None = None,
    ) -> None:
        if not isinstance(flush_interval, (int, float)) or not 0 < flush_interval <= _LONGEST_INTERVAL:
            raise OptionError(
                f"flush_interval={flush_interval!r}; give seconds, over 0 and at most {_LONGEST_INTERVAL:.0f}."
            )
        self._flush_interval = float(flush_interval)
        self._mirror = mirror
        self._rules = _rules(alerts)
        self._takes_thresholds = alerts is None or alerts is True
        self._counting = self._counting_in(default_url() if store is None else store)
        # Last: from here on `logging` knows the handler and will flush it, so it must be whole.
        super().__init__(level)

    @property
    def store(self) -> MetricsStore:
        """The store that is added to."""
        return self._counting.recorder.store

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that are evaluated for this handler."""
        return tuple(self._rules)

    def use(self, *, store: str | None = None, alerts: AlertOptions | None = None) -> None:
        """Count into the store at this URL from here on, and alert by these thresholds where none were given.

        What was counted before is flushed to where it was meant to go. `LOGGING` is configured before anybody can
        read a project's other settings; this lets those come later.
        """
        if alerts is not None and self._takes_thresholds:
            self._rules = _standard(alerts)
            self._counting.alert(self._rules)
        if store is None:
            return
        before = self._counting
        if self._mirror is None and check_url(store)[0] not in ("memory", "sqlite"):
            # A store elsewhere has no place for its mirror; that of a database that was to be here is one.
            meant = before.recorder.store
            self._mirror = meant.path.parent if isinstance(meant, SqliteStore) else None
        self._counting = self._counting_in(store)
        if self._counting is not before and before.recorder.is_running:
            # First: what the whole process counted is shared among the recorders that run.
            self._counting.recorder.start()
            before.watch.stop()
            before.recorder.close()

    def handle(self, record: logging.LogRecord) -> Any:
        """Count the record if the filters let it through, without the lock that `logging` holds around `emit`.

        Counting is safe in any thread, and the lock would be half of what a record costs.
        """
        kept: Any = self.filter(record)
        if kept:
            # From Python 3.12 on a filter may answer with another record.
            self.emit(kept if isinstance(kept, logging.LogRecord) else record)
        return kept

    def emit(self, record: logging.LogRecord) -> None:
        """Count the record."""
        try:
            self._counting.count(record)
        except Exception:  # noqa: BLE001  # whatever hangs on the record; logging's own rule for such
            self.handleError(record)

    def count_line(self, level_name: str, logger: str) -> None:
        """Do what `emit` would for a record that `is_one_of_many` and was never made; never raises."""
        try:
            self._counting.count_one(level_name, logger)
        except Exception:  # noqa: BLE001  # as in `emit`
            self.handleError(logging.makeLogRecord({"name": logger, "levelname": level_name}))

    def count_fields(self, level_name: str, level: int, logger: str, created: float, fields: Mapping[str, Any]) -> None:
        """Do what `emit` would for a record with these fields that was never made; never raises."""
        try:
            self._counting.count_fields(level_name, level, logger, created, fields)
        except Exception:  # noqa: BLE001  # as in `emit`
            own = {"name": logger, "levelname": level_name, "levelno": level, "created": created}
            self.handleError(logging.makeLogRecord({**fields, **own}))

    def flush(self) -> None:
        """Add what was counted so far to the store; waits for it at most a few seconds."""
        self._counting.recorder.flush()

    def close(self) -> None:
        """Flush for the last time and stop the timer."""
        self._counting.watch.stop()
        self._counting.recorder.close()
        super().close()

    def health(self) -> Health:
        """Return the state of the store, of what waits to be added to it, and which rules could not be measured."""
        health, evaluator = self._counting.recorder.health(), self._counting.evaluator
        if self._counting.watch.failures:
            health = replace(health, facts={**health.facts, "override_failures": self._counting.watch.failures})
        if evaluator is None:
            return health
        return replace(health, facts={**health.facts, "alert_failures": dict(evaluator.failures)})

    def _counting_in(self, store: str | MetricsStore) -> _Counting:
        counting = _counting_for(store, self._flush_interval, self._mirror)
        if self._rules:
            counting.alert(self._rules)
        return counting


class _Counting:
    """What all handlers with one store share: the instruments, what fills them, and the way to the store."""

    def __init__(self, store: MetricsStore, flush_interval: float, mirrors: Path | None) -> None:
        registry = Registry()
        self._extract = Extraction(registry, THREAT_TYPES)
        self._ledgers = (Ledger(registry), FindingsLedger(registry))
        self.recorder = Recorder(
            store,
            flush_interval,
            registry=registry,
            before_drain=partial(_look, self._ledgers),
            tell=self_report,
            mirror_directory=mirrors,
        )
        self.evaluator: AlertEvaluator | None = None
        self._question = f"counted in {id(self)}"
        self.watch = OverrideWatch(store)
        for ledger in self._ledgers:
            at_fork(in_child=ledger.begin)

    def count(self, record: logging.LogRecord) -> None:
        """Count a record that was not counted before."""
        self.recorder.start()
        self.watch.start()
        records.once(record, self._question, self._extract)

    def count_one(self, level_name: str, logger: str) -> None:
        """Count that there was a record."""
        self.recorder.start()
        self.watch.start()
        self._extract.count_one(level_name, logger)

    def count_fields(self, level_name: str, level: int, logger: str, created: float, fields: Mapping[str, Any]) -> None:
        """Count what a record with these fields would tell; there is none that other handlers could count again."""
        self.recorder.start()
        self.watch.start()
        self._extract.count(level_name, level, logger, created, fields)

    def alert(self, rules: Sequence[Rule]) -> None:
        """Evaluate these rules after each flush."""
        self.evaluator = AlertEvaluator(self.recorder.store, rules)
        self.recorder.after_flush = self.evaluator.evaluate


def _look(ledgers: Sequence[Callable[[], None]]) -> None:
    # No method: a cycle through the timer would keep a handler that nobody holds.
    for ledger in ledgers:
        ledger()


def _rules(alerts: bool | Mapping[str, Any] | Sequence[Rule] | None) -> Sequence[Rule]:
    if alerts is False or alerts is None:
        return ()
    if alerts is True or isinstance(alerts, Mapping):
        return _standard(fill(AlertOptions, {} if alerts is True else alerts, where="MetricsHandler(alerts=...)"))
    if isinstance(alerts, Sequence) and all(isinstance(rule, Rule) for rule in alerts):
        return alerts
    raise OptionError(f"alerts={alerts!r}; give True, a dict of thresholds, or a list of Rule.")


def _standard(options: AlertOptions) -> Sequence[Rule]:
    return (*standard_rules(options), *(anomaly_rules() if options.anomalies else ()))


_shared: weakref.WeakValueDictionary[str, _Counting] = weakref.WeakValueDictionary()


def _counting_for(store: str | MetricsStore, flush_interval: float, mirror: str | os.PathLike[str] | None) -> _Counting:
    if isinstance(store, str):
        scheme, rest = check_url(store)
        key = f"{scheme}://{Path(rest).absolute() if scheme == 'sqlite' else rest}"
        found = _shared.get(key)
        if found is None:
            opened = open_store(store)
            found = _shared[key] = _Counting(opened, flush_interval, _mirrors(opened, key, mirror))
        found.recorder.flush_interval = min(found.recorder.flush_interval, flush_interval)
        return found
    if isinstance(store, MetricsStore):
        return _Counting(store, flush_interval, _mirrors(store, type(store).__qualname__, mirror))
    raise OptionError(f"store={store!r}; give a URL such as 'sqlite:///logs/aura-metrics.db', or a MetricsStore.")


def _mirrors(store: MetricsStore, key: str, mirror: str | os.PathLike[str] | None) -> Path | None:
    if mirror is not None:
        # What a process of one store left must not be delivered to another.
        return Path(mirror).absolute() / f"aura-metrics-{hashlib.blake2b(key.encode(), digest_size=6).hexdigest()}.live"
    return store.path.with_name(f"{store.path.name}.live") if isinstance(store, SqliteStore) else None
