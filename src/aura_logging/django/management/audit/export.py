"""Write entries out, as lines of JSON or as CSV: for auditors, or one person's data for an access request.

  aura_audit export --subject patient:42 --out patient-42.jsonl

Every export is itself recorded. JSON lines hold the very bytes that were signed, unless --open is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError, CommandParser, OutputWrapper

from aura_logging.audit.export import as_csv, as_jsonl
from aura_logging.audit.stores.base import Entry
from aura_logging.django.audit_options import DjangoAuditOptions
from aura_logging.django.audit_telling import tell
from aura_logging.django.audit_trail import make_cipher
from aura_logging.django.conf import options as options_of
from aura_logging.django.management.audit.questions import add_database, add_filters, asked, each_store

__all__ = ["add_arguments", "run"]


def add_arguments(parser: CommandParser) -> None:
    """Declare the filters, `--format`, `--out` and `--open`."""
    add_database(parser)
    add_filters(parser)
    parser.add_argument("--format", choices=("jsonl", "csv"), default="jsonl")
    parser.add_argument("--out", metavar="FILE", type=Path, help="Write here instead of to standard output.")
    parser.add_argument("--open", action="store_true", help="Decrypt what a subject's key can still open.")


def run(options: Mapping[str, Any], out: OutputWrapper, err: OutputWrapper) -> int:
    """Record the export, then write; 0."""
    where = asked(options)
    criteria = {name: value for name, value in asdict(where).items() if value is not None}
    tell("audit.exported", "administration", extra={"criteria": criteria, "format": options["format"]})
    cipher = make_cipher(options_of(DjangoAuditOptions)) if options["open"] else None
    count = 0

    def entries() -> Iterator[Entry]:
        nonlocal count
        for _, store in each_store(options):
            for entry in store.entries(where=where):
                count += 1
                yield entry

    write = as_csv if options["format"] == "csv" else as_jsonl
    pieces = (each.encode() if isinstance(each, str) else each for each in write(entries(), cipher))
    try:
        if options["out"] is None:
            _write(pieces, out)
        else:
            with options["out"].open("xb") as file:
                file.writelines(pieces)
    except FileExistsError:
        raise CommandError(f"--out {options['out']} is there already; it is not written over.", returncode=2) from None
    except (OSError, ValueError) as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise CommandError(f"The export is not complete: {error}", returncode=1) from error
    err.write(f"{count:,} entries exported")
    return 0


def _write(pieces: Iterator[bytes], out: OutputWrapper) -> None:
    for piece in pieces:
        out.write(piece.decode(), ending="")
