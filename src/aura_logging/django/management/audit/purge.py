"""Remove what has been kept for long enough, as AURA["AUDIT"]["keep_days"] says; signed tombstones take its place.

What a legal hold covers stays. Of a damaged trail nothing is removed, unless --despite-damage lets the chains go that
are whole; the damaged ones are evidence.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper

from aura_logging.audit.log_file_retention import plan_log_purge, purge_log_files
from aura_logging.audit.retention import PurgePlan, RetentionPolicy, purge
from aura_logging.audit.trail import Trail
from aura_logging.django.audit_options import DjangoAuditOptions
from aura_logging.django.audit_trail import make_trail
from aura_logging.django.conf import options as options_of
from aura_logging.django.management.audit.questions import add_database, each_store, lines
from aura_logging.options import OptionError

__all__ = ["add_arguments", "run"]


def add_arguments(parser: CommandParser) -> None:
    """Declare `--dry-run`, `--keep` and `--logs`."""
    add_database(parser)
    parser.add_argument("--dry-run", action="store_true", help="Tell what would go; change nothing.")
    parser.add_argument(
        "--despite-damage", action="store_true",
        help="Purge the chains that are whole though others are damaged. What is missing may have been a hold.",
    )  # fmt: skip
    parser.add_argument(
        "--keep", metavar="CLASS=DAYS", action="append", default=[], help="Instead of the settings' policy; repeatable."
    )
    parser.add_argument(
        "--logs", metavar="FILE", type=Path, action="append", default=[],
        help='Hold the closed segments of this log to "logs" of the policy, and to the legal holds.',
    )  # fmt: skip


def run(options: Mapping[str, Any], out: OutputWrapper, err: OutputWrapper) -> int:
    """Purge; 0, or 1 if the trail is damaged, or a legal hold is missing."""
    chosen = options_of(DjangoAuditOptions)
    policy = _policy(options["keep"], chosen)
    keys = chosen.key_ring()
    is_whole = True
    for alias, store in each_store(options):
        trail = make_trail(store, chosen)
        plan = purge(trail, keys, policy, dry_run=options["dry_run"], despite_damage=options["despite_damage"])
        _tell(alias, plan, out, dry_run=options["dry_run"])
        is_whole = is_whole and not plan.damages
        if not plan.refused:
            _purge_logs(options, trail, policy, out)
    return 0 if is_whole else 1


def _purge_logs(options: Mapping[str, Any], trail: Trail, policy: RetentionPolicy, out: OutputWrapper) -> None:
    for path in options["logs"]:
        try:
            if options["dry_run"]:
                plan = plan_log_purge(path, policy, trail.store.holds(), now=time.time())
            else:
                plan = purge_log_files(trail, path, policy)
        except OSError as error:
            raise CommandError(f"--logs {path}: {error}", returncode=1) from error
        verb = "would go" if options["dry_run"] else "removed"
        out.write(f"{path}: {len(plan.expired):,} segments {verb}, {len(plan.held):,} held, {plan.kept:,} kept")


def _policy(given: list[str], chosen: DjangoAuditOptions) -> RetentionPolicy:
    keep_days: dict[str, float] = {} if given else dict(chosen.keep_days)
    for each in given:
        name, _, days = each.partition("=")
        try:
            keep_days[name] = float(days)
        except ValueError:
            raise CommandError(f"--keep {each}: write --keep access=365.", returncode=2) from None
    if not keep_days:
        raise CommandError(
            'Nothing says how long entries are kept. Set AURA["AUDIT"]["keep_days"], as in '
            '{"access": 365, "default": 2555}, or give --keep access=365.',
            returncode=2,
        )
    try:
        return RetentionPolicy(keep_days)
    except OptionError as error:
        raise CommandError(str(error).replace("keep_days", "--keep"), returncode=2) from error


def _tell(alias: str, plan: PurgePlan, out: OutputWrapper, *, dry_run: bool) -> None:
    verb = "would go" if dry_run else "removed"
    out.write(f"{alias}: {plan.count:,} entries {verb}, {plan.kept:,} stay")
    if plan.refused:
        out.write(lines(f"{alias}: nothing is removed: {plan.refused}", "  "))
    for name, count in plan.by_class.most_common():
        out.write(f"  {name:<20}{count:>12,}")
    for name, count in plan.by_hold.most_common():
        out.write(lines(f"  held by {name!r}: {count:,}", "    "))
    if plan.unsealed:
        out.write(lines(f"  {plan.unsealed:,} are due and wait for a checkpoint", "    "))
    for damage in plan.damages:
        out.write(lines(f"  damaged: {damage}", "    "))
