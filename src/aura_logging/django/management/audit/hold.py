"""Place, lift and list legal holds: what a hold covers stays, whatever a policy says.

aura_audit hold --place case-12 --reason litigation --subject patient:42
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper

from aura_logging.audit.holds import Hold
from aura_logging.audit.retention import lift_hold, place_hold
from aura_logging.django.audit_options import DjangoAuditOptions
from aura_logging.django.audit_trail import make_trail
from aura_logging.django.conf import options as options_of
from aura_logging.django.management.audit.questions import add_database, add_filters, asked, each_store, lines

__all__ = ["add_arguments", "run"]


def add_arguments(parser: CommandParser) -> None:
    """Declare `--place`, `--lift` and `--reason`."""
    add_database(parser)
    add_filters(parser)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--place", metavar="NAME", help="Put a hold in force.")
    what.add_argument("--lift", metavar="NAME", help="Take a hold out of force.")
    parser.add_argument("--reason", help="Why; it is recorded.")


def run(options: Mapping[str, Any], out: OutputWrapper, err: OutputWrapper) -> int:
    """Do it, in every database with a trail; 1 if a hold to lift is not there."""
    chosen = options_of(DjangoAuditOptions)
    name = options["place"] or options["lift"]
    if name and not options["reason"]:
        raise CommandError("Give a --reason; it is recorded.", returncode=2)
    where = asked(options)
    if where.event_class is not None or where.action is not None:
        raise CommandError("A hold is about an object, a person, an actor or a time, not a --class.", returncode=2)
    was_there = False
    for alias, store in each_store(options):
        trail = make_trail(store, chosen)
        if options["place"]:
            place_hold(
                trail,
                Hold(
                    name=name, reason=options["reason"], subject=where.subject, object_type=where.object_type,
                    object_id=where.object_id, actor_id=where.actor_id, since=where.since, until=where.until,
                ),
            )  # fmt: skip
        elif options["lift"]:
            was_there = lift_hold(trail, chosen.key_ring(), name, options["reason"]) or was_there
        else:
            for hold in store.holds():
                out.write(lines(f"{alias}: {hold.name}: {hold.reason}"))
    if options["lift"] and not was_there:
        err.write(f"There is no hold {name!r}.")
        return 1
    return 0
