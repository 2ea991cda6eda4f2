"""Log without making a LogRecord, wherever nobody but us would have seen it.

    logging.config.dictConfig(LOGGING)
    aura_logging.fast_lane.install()  # our Django app does it: `AURA["FAST_LANE"]`

A third of a log call is the record that `logging` makes, and another third is spent on taking it apart again. Where a
record would reach one handler that writes our JSON (ours, or a stream or file of `logging`'s own), through no filters
but `RequestContextFilter`, `SamplingFilter` and `SecurityFilter`, and besides it a `MetricsHandler` at most, the line
is made of the call itself: byte for byte the same line. So it is behind the production preset. Every call asks anew
whether that is so, and goes the ordinary way the moment it is not: with another handler or filter (pytest's `caplog`
too), a record factory, a patched `Logger` (Sentry patches `callHandlers`), an exception, a stack, a mapping as the only
argument, a value that takes more than a template, or a line that may hold personal data. The wide record of a request
or task, which `performance.wide_record` writes, goes the same way.
"""

from __future__ import annotations

import logging

from aura_logging.fast_lane.logger import FastLogger, FastRootLogger

__all__ = ["FastLogger", "install", "uninstall"]

_FAST: dict[type[logging.Logger], type[logging.Logger]] = {
    logging.Logger: FastLogger,
    logging.RootLogger: FastRootLogger,
}
_ORDINARY = {fast: ordinary for ordinary, fast in _FAST.items()}


def install() -> None:
    """Have all loggers that are `logging`'s own, now and later, take the fast lane where it is open; idempotent.

    Loggers of other classes stay what they are; where `logging.setLoggerClass` has set another class, those to come are
    of that. Call it at start-up, before or after `dictConfig`, which does not undo it.
    """
    _change(_FAST)
    if logging.getLoggerClass() is logging.Logger:
        logging.setLoggerClass(FastLogger)


def uninstall() -> None:
    """Make all loggers what they were; idempotent."""
    _change(_ORDINARY)
    if logging.getLoggerClass() is FastLogger:
        logging.setLoggerClass(logging.Logger)


def _change(classes: dict[type[logging.Logger], type[logging.Logger]]) -> None:
    root = logging.getLogger()
    # A copy, made in one step: other threads may be making loggers.
    for logger in [root, *root.manager.loggerDict.copy().values()]:
        kind = classes.get(type(logger))  # type: ignore[arg-type]  # a PlaceHolder is of no class in there
        if kind is not None:
            logger.__class__ = kind  # of the same layout
