"""Seal what has come since the last checkpoint, and print the seal, to be kept elsewhere.

Checkpoints are made by themselves while entries come; this is for a schedule of your own, and before a backup.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper

from aura_logging.audit.keepers import FileKeeper
from aura_logging.audit.sealing import Sealer
from aura_logging.audit.stores.base import CheckpointConflictError
from aura_logging.django.audit_options import DjangoAuditOptions
from aura_logging.django.conf import options as options_of
from aura_logging.django.management.audit.questions import add_database, each_store, lines

__all__ = ["add_arguments", "run"]


def add_arguments(parser: CommandParser) -> None:
    """Declare `--out`."""
    add_database(parser)
    parser.add_argument("--out", metavar="FILE", type=Path, help="Append the seal to this file, too.")


def run(options: Mapping[str, Any], out: OutputWrapper, err: OutputWrapper) -> int:
    """Seal; 0, or 1 if damage was met on the way."""
    chosen = options_of(DjangoAuditOptions)
    keepers = list(chosen.keepers_to_call())
    code = 0
    for alias, store in each_store(options):
        sealer = Sealer(store, chosen.key_ring(), keepers)
        try:
            sealing = sealer.seal()
        except CheckpointConflictError:
            err.write(f"{alias}: another process has just made one")
            continue
        if sealing.checkpoint is None:
            err.write(f"{alias}: nothing new to seal")
        else:
            if options["out"] is not None:
                try:
                    FileKeeper(options["out"])(sealing.checkpoint)
                except OSError as error:
                    raise CommandError(f"--out {options['out']}: {error}", returncode=1) from error
            out.write(sealing.checkpoint.seal().decode())
            err.write(f"{alias}: checkpoint {sealing.checkpoint.number} seals {sealing.checkpoint.entries:,} entries")
        for damage in sealing.damages:
            err.write(lines(f"{alias}: {damage}"))
        if sealing.damages or sealer.failed_keepers:
            code = 1
        for name in sealer.failed_keepers:
            err.write(f"{alias}: {name} did not keep the seal")
    return code
