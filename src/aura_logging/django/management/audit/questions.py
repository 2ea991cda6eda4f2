"""Say on the command line which entries are meant, and in which database."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError, connections
from django.utils import timezone

from aura_logging.audit.events import EVENT_CLASSES
from aura_logging.audit.query import EntryFilter
from aura_logging.django.audit_start import store_in
from aura_logging.django.audit_store import DatabaseAuditStore
from aura_logging.django.tracking.migrating import has_trail
from aura_logging.options import nearest

__all__ = ["WIDTH", "add_database", "add_filters", "aliases", "asked", "lines", "store_of"]

WIDTH = 80


def add_database(parser: CommandParser) -> None:
    """Declare `--database`."""
    parser.add_argument("--database", metavar="ALIAS", help="The trail in this database alone.")


def add_filters(parser: CommandParser) -> None:
    """Declare what `asked` reads."""
    parser.add_argument("--object", metavar="TYPE[:ID]", help="About this object, as shop.Book:42, or all of a type.")
    parser.add_argument("--subject", metavar="WHO", help="About this person's data.")
    parser.add_argument("--actor", metavar="ID", help="Done by this actor.")
    parser.add_argument("--action", metavar="NAME", help="Of this action, as update or login.")
    parser.add_argument("--class", dest="event_class", metavar="CLASS", help=f"One of {', '.join(EVENT_CLASSES)}.")
    parser.add_argument("--since", metavar="TIME", help="From then on: 2026-03-01, or 2026-03-01T08:00.")
    parser.add_argument("--until", metavar="TIME", help="Until then; a day is meant as a whole.")


def asked(options: Mapping[str, Any]) -> EntryFilter:
    """Return what the options ask for; `CommandError` with 2 for what cannot be."""
    event_class = options["event_class"]
    if event_class is not None and event_class not in EVENT_CLASSES:
        raise CommandError(f"--class {event_class} is unknown. {nearest(event_class, EVENT_CLASSES)}", returncode=2)
    object_type, _, object_id = (options["object"] or "").partition(":")
    return EntryFilter(
        since=_time("--since", options["since"], is_end=False),
        until=_time("--until", options["until"], is_end=True),
        object_type=object_type or None,
        object_id=object_id or None,
        actor_id=options["actor"],
        subject=options["subject"],
        event_class=event_class,
        action=options["action"],
    )


def aliases(options: Mapping[str, Any]) -> list[str]:
    """Return the databases that are meant: the one that is named, or all that have a trail."""
    alias = options.get("database")
    if alias is not None:
        if alias not in connections:
            raise CommandError(f"--database {alias} is unknown. {nearest(alias, list(connections))}", returncode=2)
        return [alias]
    found = [alias for alias in connections if _has_trail(alias)]
    if not found:
        raise CommandError("No database has the trail's tables; run `manage.py migrate aura`.", returncode=1)
    return found


def store_of(options: Mapping[str, Any]) -> DatabaseAuditStore:
    """Return the one store that is meant: of the database that is named, or where entries belong."""
    aliases(options)
    return store_in(options.get("database"))


def lines(text: str, indent: str = "  ") -> str:
    """Return a sentence in lines of at most 80 columns; ids are not broken."""
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _has_trail(alias: str) -> bool:
    try:
        return has_trail(connections[alias])
    except DatabaseError as error:
        raise CommandError(f"The database {alias!r} cannot be asked: {error}", returncode=1) from error


def _time(option: str, text: str | None, *, is_end: bool) -> float | None:
    if text is None:
        return None
    try:
        if len(text) == len("2026-03-01"):
            day = date.fromisoformat(text) + timedelta(days=1 if is_end else 0)
            moment = datetime(day.year, day.month, day.day)
        else:
            moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise CommandError(f"{option} {text} is no time; write 2026-03-01 or 2026-03-01T08:00.", returncode=2) from None
    return (timezone.make_aware(moment) if timezone.is_naive(moment) else moment).timestamp()


def each_store(options: Mapping[str, Any]) -> Iterator[tuple[str, DatabaseAuditStore]]:
    """Yield the databases that are meant, each with its store."""
    for alias in aliases(options):
        yield alias, store_in(alias)
