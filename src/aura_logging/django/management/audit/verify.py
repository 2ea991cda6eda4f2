"""Read the whole trail and tell whether anybody has touched it.

Exits with 0 if it is whole and with 1 if not, naming the first bad entry of each chain, and the first of all first.
Entries that no checkpoint covers yet are told apart: their tail could be cut off unseen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper

from aura_logging.audit.checkpoint import Checkpoint
from aura_logging.audit.damage import Progress, Verification
from aura_logging.audit.keepers import read_seals
from aura_logging.audit.verify import verify
from aura_logging.django.audit_options import DjangoAuditOptions
from aura_logging.django.conf import options as options_of
from aura_logging.django.management.audit.questions import add_database, each_store, lines

__all__ = ["add_arguments", "run"]

_TELL_EVERY = 100_000
_MOST_DAMAGES = 20


def add_arguments(parser: CommandParser) -> None:
    """Declare `--seals` and `--format`."""
    add_database(parser)
    parser.add_argument(
        "--seals",
        metavar="FILE",
        type=Path,
        help="Seals that were kept elsewhere, or a JSON log: each must be in the trail.",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")


def run(options: Mapping[str, Any], out: OutputWrapper, err: OutputWrapper) -> int:
    """Verify; 0 if everything is whole, 1 if not."""
    keys = options_of(DjangoAuditOptions).key_ring()
    try:
        seals = list(read_seals(options["seals"])) if options["seals"] else []
    except (OSError, ValueError) as error:
        raise CommandError(f"--seals {options['seals']}: {error}", returncode=2) from error
    outcomes = {
        alias: verify(store, keys, kept_elsewhere=_of_this(alias, seals), on_progress=_Teller(alias, err))
        for alias, store in each_store(options)
    }
    if options["format"] == "json":
        out.write(json.dumps({alias: _as_dict(outcome) for alias, outcome in outcomes.items()}, indent=2))
    else:
        for alias, outcome in outcomes.items():
            _tell(alias, outcome, out)
    return 0 if all(outcome.is_whole for outcome in outcomes.values()) else 1


def _of_this(alias: str, seals: list[Checkpoint]) -> list[Checkpoint]:
    """Return the seals but those of the project's other databases, whose keepers are the same."""
    others = [store for name, store in (each_store({}) if seals else ()) if name != alias]
    elsewhere = {checkpoint.mac for store in others for checkpoint in store.checkpoints()}
    return [seal for seal in seals if seal.mac not in elsewhere]


def _tell(alias: str, outcome: Verification, out: OutputWrapper) -> None:
    purged = f", {outcome.purged:,} purged" if outcome.purged else ""
    out.write(
        f"{alias}: {outcome.entries:,} entries of {outcome.writers:,} writers, "
        f"{outcome.checkpoints:,} checkpoints{purged}"
    )
    if outcome.is_whole:
        unsealed = f" {outcome.unsealed:,} entries wait for the next checkpoint." if outcome.unsealed else ""
        out.write(lines(f"{alias}: whole.{unsealed}"))
        return
    out.write(lines(f"{alias}: NOT WHOLE, {len(outcome.damages):,} damaged. The first bad entry:"))
    for damage in outcome.damages[:_MOST_DAMAGES]:
        out.write(lines(f"  {damage}", "    "))
    if len(outcome.damages) > _MOST_DAMAGES:
        out.write(f"  and {len(outcome.damages) - _MOST_DAMAGES:,} more")


def _as_dict(outcome: Verification) -> dict[str, Any]:
    return {
        "whole": outcome.is_whole,
        "entries": outcome.entries,
        "writers": outcome.writers,
        "checkpoints": outcome.checkpoints,
        "purged": outcome.purged,
        "unsealed": outcome.unsealed,
        "damages": [
            {"kind": str(each.kind), "writer": each.writer, "seq": each.seq, "event_id": each.event_id,
             "detail": each.detail}
            for each in outcome.damages
        ],
    }  # fmt: skip


class _Teller:
    """Says how far a long trail has been read."""

    def __init__(self, alias: str, err: OutputWrapper) -> None:
        self._alias = alias
        self._err = err
        self._tell_at = _TELL_EVERY

    def __call__(self, progress: Progress) -> None:
        if progress.entries >= self._tell_at:
            self._tell_at = progress.entries + _TELL_EVERY
            self._err.write(f"{self._alias}: {progress.entries:,} entries read")
