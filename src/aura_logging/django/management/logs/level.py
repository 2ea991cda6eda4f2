"""Have a logger say more, or less, in every process of the fleet for a while.

    manage.py aura_logs level django.db DEBUG --for 10m --user 42
    manage.py aura_logs level                      # what is in force
    manage.py aura_logs level django.db --clear

It reaches every process that counts into the project's metrics store within 2 seconds, ends by itself, and lands in
the audit trail. Loggers below it that have a level of their own in LOGGING keep that.
"""

from __future__ import annotations

import difflib
import getpass
import logging
import re
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper

from aura_logging.audit import record
from aura_logging.django import audit_start
from aura_logging.django.metrics_store import store_of_settings
from aura_logging.handlers.override_notes import LevelOverride, add_override, clear_overrides, overrides_in
from aura_logging.levels import level_names, level_number
from aura_logging.metrics.stores.base import MetricsStore, StoreError
from aura_logging.metrics.stores.memory import MemoryStore
from aura_logging.options import nearest

__all__ = ["add_arguments", "run"]

_LONGEST_SECONDS = 7 * 24 * 3600.0
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)([smhd])")


def add_arguments(parser: CommandParser) -> None:
    """Declare the logger, the level, and for whom and how long."""
    parser.add_argument("logger", nargs="?", metavar="LOGGER", help='A logger\'s name; "root" for all.')
    parser.add_argument("level", nargs="?", metavar="LEVEL", help="DEBUG, INFO, WARNING, …; without: show overrides.")
    parser.add_argument(
        "--for", dest="duration", metavar="TIME", default="10m", help="30s, 10m, 2h or 1d. Default: 10m."
    )
    parser.add_argument("--user", metavar="ID", help="Only records with this user_id.")
    parser.add_argument("--route", metavar="ROUTE", help="Only records with this route, as in the lines.")
    parser.add_argument("--rate", metavar="SHARE", default="1", help="This share (0 to 1) of whole requests.")
    parser.add_argument("--clear", action="store_true", help="End the overrides of LOGGER, or all, now.")


def run(options: Mapping[str, Any], out: OutputWrapper, err: OutputWrapper) -> int:
    """Set, clear or tell; 0 when done, 1 when the store does not answer."""
    store = store_of_settings()
    try:
        if options["clear"]:
            ended = clear_overrides(store, _logger_name(options["logger"]) if options["logger"] else None)
            _record("logging.level_cleared", options["logger"] or "all", ended=ended)
            err.write(f"{ended} override{'' if ended == 1 else 's'} ended; every process follows within 2 s.")
        elif options["logger"] is None:
            _tell(overrides_in(store), out, err)
        else:
            _set(store, _override(options), err)
    except StoreError as error:
        raise CommandError(f"The metrics store cannot be used now: {error}", returncode=1) from error
    return 0


def _set(store: MetricsStore, override: LevelOverride, err: OutputWrapper) -> None:
    if isinstance(store, MemoryStore):
        raise CommandError(
            'The metrics store is "memory://", which no other process sees. Set AURA["METRICS"]["store"], or the '
            "MetricsHandler's store in LOGGING, to sqlite:///... or redis://...",
            returncode=2,
        )
    # First: an override that the trail cannot tell of is not set.
    asked = {name: value for name, value in asdict(override).items() if name != "logger"}
    _record("logging.level_set", override.logger or "root", **asked)
    add_override(store, override)
    err.write(f"{_described(override)}.\nEvery process follows within 2 s.{_doubt(override.logger)}")


def _doubt(logger: str) -> str:
    """Return a question about a name that nothing here has and that is nearly another's; others may have it."""
    known = logging.getLogger().manager.loggerDict
    alike = difflib.get_close_matches(logger, known, n=1, cutoff=0.85) if logger and logger not in known else []
    return f"\nNo logger is called {logger!r} in this process; did you mean {alike[0]!r}?" if alike else ""


def _record(action: str, logger: str, **extra: Any) -> None:
    if audit_start.is_on():
        known = {name: value for name, value in extra.items() if value is not None}
        record(action, ("logger", logger), event_class="administration", **known)


def _tell(overrides: list[LevelOverride], out: OutputWrapper, err: OutputWrapper) -> None:
    for override in overrides:
        out.write(_described(override))
    if not overrides:
        err.write("No override is in force: every logger has the level of LOGGING.")


def _described(override: LevelOverride) -> str:
    until = datetime.fromtimestamp(override.expires_at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    narrowed = [
        f"user {override.user_id}" if override.user_id is not None else "",
        f"route {override.route}" if override.route is not None else "",
        f"rate {override.rate:g}" if override.rate < 1 else "",
    ]
    about = ", ".join(filter(None, narrowed))
    by = f" by {override.asked_by}" if override.asked_by else ""
    return f"{override.logger or 'root'} {override.level} until {until}{by}" + (f" ({about})" if about else "")


def _override(options: Mapping[str, Any]) -> LevelOverride:
    if options["level"] is None:
        raise CommandError(f"Give a level too: aura_logs level {options['logger']} DEBUG --for 10m", returncode=2)
    level = str(options["level"]).upper()
    if not level_number(level):
        raise CommandError(f"LEVEL {options['level']!r} is no level. {nearest(level, level_names())}", returncode=2)
    return LevelOverride(
        logger=_logger_name(options["logger"]),
        level=level,
        expires_at=time.time() + _seconds(options["duration"]),
        rate=_rate(options["rate"]),
        user_id=options["user"],
        route=options["route"],
        asked_by=_operator(),
    )


def _logger_name(given: str) -> str:
    return "" if given == "root" else given


def _seconds(given: str) -> float:
    match = _DURATION.fullmatch(given.strip())
    if match is None:
        raise CommandError(f"--for {given!r} is no time; give one such as 30s, 10m, 2h or 1d.", returncode=2)
    seconds = float(match[1]) * _SECONDS[match[2]]
    if not 0 < seconds <= _LONGEST_SECONDS:
        raise CommandError(
            f"--for {given!r} must be over 0 and at most 7d: what is to stay belongs in LOGGING.", returncode=2
        )
    return seconds


def _rate(given: str) -> float:
    try:
        rate = float(given)
    except ValueError:
        rate = -1.0
    if not 0 <= rate <= 1:
        raise CommandError(f"--rate {given!r} must be a share from 0 to 1, as in 0.1.", returncode=2)
    return rate


def _operator() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user without a name
        return ""
