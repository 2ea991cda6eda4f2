"""Tell who did what: to an object, to a person's data, in a time.

aura_audit report --object clinic.Patient:42 --class access --since 2026-03-01 --until 2026-03-31
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser, OutputWrapper
from django.utils import timezone

from aura_logging.audit.report import ActorSummary, lists_that_may_name, summarise
from aura_logging.audit.stores.base import Entry, EntryFilter
from aura_logging.django.audit_names import user_names
from aura_logging.django.management.audit.questions import WIDTH, add_database, add_filters, asked, each_store, lines

__all__ = ["add_arguments", "run"]

_WHO = 24
_MOST_ADDRESSES = 3


def add_arguments(parser: CommandParser) -> None:
    """Declare the filters."""
    add_database(parser)
    add_filters(parser)


def run(options: Mapping[str, Any], out: OutputWrapper, err: OutputWrapper) -> int:
    """Report; 0, also when nobody did anything."""
    where = asked(options)

    def entries() -> Iterator[Entry]:
        for _, store in each_store(options):
            yield from store.entries(where=where)

    summaries = summarise(entries())
    names = user_names({each.actor.id for each in summaries if each.actor.kind == "user" and not each.actor.label})
    total = sum(each.count for each in summaries)
    err.write(f"{total:,} entries by {len(summaries):,} actors")
    _tell_of_lists(options, where, err)
    if not summaries:
        return 0
    out.write(f"{'who':<{_WHO}}{'entries':>8}  {'first':<17} {'last':<17}")
    out.write("-" * WIDTH)
    for each in summaries:
        name = _name(each, names)[: _WHO - 1]
        out.write(f"{name:<{_WHO}}{each.count:>8,}  {_moment(each.first):<17} {_moment(each.last):<17}")
        parts = [_counted(each.actions)]
        if set(each.outcomes) != {"success"}:
            parts.append(_counted(each.outcomes))
        if each.addresses:
            parts.append("from " + ", ".join(name for name, _ in each.addresses.most_common(_MOST_ADDRESSES)))
        out.write(lines("  " + "; ".join(parts), "    "))
    return 0


def _tell_of_lists(options: Mapping[str, Any], where: EntryFilter, err: OutputWrapper) -> None:
    """Say what the answer leaves open: a list that was read does not always say whom it named."""
    if where.object_id is None or where.event_class not in (None, "access"):
        return
    lists = replace(where, object_id=None, event_class="access")
    count = sum(lists_that_may_name(store.entries(where=lists), where.object_id) for _, store in each_store(options))
    if count:
        err.write(lines(f"{count:,} further reads of lists do not name all of their objects: export them, to see"))


def _name(summary: ActorSummary, names: Mapping[str, str]) -> str:
    actor = summary.actor
    label = actor.label or names.get(actor.id, "") if actor.kind == "user" else actor.label
    return " ".join(filter(None, (actor.kind, actor.id, label)))


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.get_current_timezone()).strftime("%Y-%m-%d %H:%M")


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.most_common())
