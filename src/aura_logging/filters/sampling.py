"""Decide, once per record, whether it is worth keeping."""

from __future__ import annotations

import logging
import threading
import zlib
from collections.abc import Mapping

from aura_logging import context, records
from aura_logging.encoding import plain_text
from aura_logging.health import Health, Status
from aura_logging.options import OptionError, nearest

__all__ = ["DEFAULT_RATES", "SamplingFilter", "share_of"]

DEFAULT_RATES: Mapping[str, float] = {"DEBUG": 0.1, "INFO": 0.5}

_ALWAYS_KEPT = ("aura.audit", "aura.security", "aura.alerts", "django.security")
_ALWAYS_KEPT_AND_BELOW = tuple(f"{name}." for name in _ALWAYS_KEPT)


class SamplingFilter(logging.Filter):
    """Keep a fair share of records and let every error through.

    Attach it to a handler, not to a logger: logger filters do not see what child loggers log. `rates` gives the
    share to keep, 0 to 1, by level name; a level that is not named is kept whole. ERROR and above are always
    kept, and so is what is logged on `aura.audit`, `aura.security`, `aura.alerts` and `django.security`.

    The decision is a hash of the correlation id, so a request's records of one level are kept or dropped whole,
    in every process and service alike; a record without an id is decided by itself. A kept record of a sampled
    level carries `sample_rate`: it stands for `1 / sample_rate` records. Drops are counted by level in
    `health()`. The decision is taken once per record, whatever the number of handlers that ask.
    """

    def __init__(self, rates: Mapping[str, float] | None = None) -> None:
        super().__init__()
        self._rates: dict[int, float] = {}
        if rates is not None and not isinstance(rates, Mapping):
            raise OptionError(f"rates is {rates!r}; it must be a dict of shares by level name.")
        for level, rate in (DEFAULT_RATES if rates is None else rates).items():
            number = logging.getLevelNamesMapping().get(str(level).upper())
            if number is None:
                raise OptionError(
                    f"rates has the unknown level {level!r}. {nearest(str(level), logging.getLevelNamesMapping())}"
                )
            if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
                raise OptionError(f"rates[{level!r}] is {rate!r}; it must be a number from 0 to 1.")
            if number >= logging.ERROR and rate != 1:
                raise OptionError(f"rates[{level!r}] is {rate!r}; ERROR and above are always kept: leave it out.")
            self._rates[number] = float(rate)
        self._question = f"sampled:{sorted(self._rates.items())}"
        self._lock = threading.Lock()
        self._dropped: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the record is kept."""
        rate = self._rates.get(record.levelno)
        if rate is None or rate >= 1 or record.levelno >= logging.ERROR or _is_always_kept(record.name):
            return True
        if records.is_exempt(record):
            return True
        return records.once(record, self._question, self._decide)

    def _decide(self, record: logging.LogRecord) -> bool:
        rate = self._rates[record.levelno]
        kept = share_of(record) < rate
        if kept:
            record.sample_rate = rate
        else:
            with self._lock:
                self._dropped[record.levelname] = self._dropped.get(record.levelname, 0) + 1
        return kept

    def health(self) -> Health:
        """Tell how many records were dropped, by level."""
        with self._lock:
            dropped = {f"sampled_{level.lower()}": count for level, count in self._dropped.items()}
        return Health(
            Status.HEALTHY,
            dropped=dropped,
            facts={"rates": {logging.getLevelName(n): r for n, r in self._rates.items()}},
        )


def _is_always_kept(logger: str) -> bool:
    return logger.startswith(_ALWAYS_KEPT) and f"{logger}.".startswith(_ALWAYS_KEPT_AND_BELOW)


def share_of(record: logging.LogRecord) -> float:
    """Return a number from 0 to below 1 that is the same for all records of one request, and evenly spread.

    CRC-32 of the correlation id: the ids are random or hashed already, so evenness is what is asked of it, and it
    costs a tenth of a cryptographic hash.
    """
    correlation_id = record.__dict__.get("correlation_id") or context.correlation_id()
    key = plain_text(correlation_id) if correlation_id else f"{record.created!r}{record.name}{plain_text(record.msg)}"
    return zlib.crc32(key.encode("utf-8", "backslashreplace")) / 0x1_0000_0000
