"""Write entries out for people and programs: JSON lines, and CSV for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

import orjson

from aura_logging.audit.canonical import canonical, parse, plain_changes, plain_mapping, time_to_text
from aura_logging.audit.events import AuditEvent
from aura_logging.audit.shredding import SubjectCipher
from aura_logging.audit.stores.base import Entry

__all__ = ["COLUMNS", "as_csv", "as_jsonl", "events_of"]

COLUMNS = (
    "timestamp", "id", "action", "outcome", "event_class", "actor_kind", "actor_id", "actor_label",
    "object_type", "object_id", "object_label", "subject", "client_ip", "correlation_id", "reason",
    "changes", "extra", "writer", "seq",
)  # fmt: skip

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What makes a spreadsheet take a cell for a formula, in full width too (OWASP, CSV Injection)."""


def events_of(entries: Iterable[Entry], cipher: SubjectCipher | None = None) -> Iterator[tuple[Entry, AuditEvent]]:
    """Yield entries with their events, opened by the cipher where a subject's key is still there.

    `ValueError` for an entry that is no event: verify before you export.
    """
    for entry in entries:
        event = parse(entry.event_bytes)
        yield entry, event if cipher is None else cipher.open(event)


def as_jsonl(entries: Iterable[Entry], cipher: SubjectCipher | None = None) -> Iterator[bytes]:
    """Yield one line of JSON for each entry: its event, and under `link` where it stands and what signed it.

    Without a cipher the event is written in the very bytes that were signed.
    """
    for entry, event in events_of(entries, cipher):
        writer, seq, previous, mac, key_id = entry.link
        link = {"writer": writer, "seq": seq, "previous": previous.hex(), "mac": mac.hex(), "key": key_id}
        event_bytes = entry.event_bytes if cipher is None else canonical(event)
        yield b'{"link":%b,"event":%b}\n' % (orjson.dumps(link), event_bytes)


def as_csv(entries: Iterable[Entry], cipher: SubjectCipher | None = None) -> Iterator[str]:
    """Yield a header and one row of CSV (RFC 4180) for each entry, with `COLUMNS`.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    yield _row(COLUMNS)
    for entry, event in events_of(entries, cipher):
        yield _row(
            (
                time_to_text(event.timestamp),
                event.id,
                event.action,
                event.outcome,
                event.event_class,
                event.actor.kind,
                event.actor.id,
                event.actor.label,
                event.object_type,
                event.object_id,
                event.object_label,
                event.subject or "",
                event.client_ip or "",
                event.correlation_id or "",
                event.reason or "",
                "[sealed]" if event.sealed else _json(plain_changes(event.changes)),
                "[sealed]" if event.sealed else _json(plain_mapping(event.extra)),
                entry.link.writer,
                str(entry.link.seq),
            )
        )


def _json(values: object) -> str:
    return orjson.dumps(values, None, orjson.OPT_SORT_KEYS).decode() if values else ""


def _row(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return out.getvalue()
