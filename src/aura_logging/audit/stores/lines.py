"""Write an entry as one line of a segment, and read it back byte for byte.

A line is `{"seq":7,"previous":"<64 hex>","mac":"<64 hex>","key":"2026","event":{…}}` in exactly this form: JSON for
every tool that reads JSON, and for us with the event's signed bytes at a known place. The writer's name is the file's.
"""

from __future__ import annotations

import re
from binascii import unhexlify

import orjson

from aura_logging.audit.chain import Link
from aura_logging.audit.stores.base import TORN, Entry

__all__ = ["line_of", "read_line", "read_tail", "seq_of"]

_LINE = re.compile(
    rb'\{"seq":([1-9][0-9]{0,18}),"previous":"([0-9a-f]{64})","mac":"([0-9a-f]{64})",'
    rb'"key":"([A-Za-z0-9._-]{1,64})","event":(\{[^\n]*\})\}\n'
)
_BEGINNING = re.compile(rb'\{"seq":([1-9][0-9]{0,18}),')

_fullmatch = _LINE.fullmatch


def line_of(entry: Entry) -> bytes:
    """Return the entry's line, newline included."""
    event_bytes, (_, seq, previous, mac, key_id), _ = entry
    return b'{"seq":%d,"previous":"%b","mac":"%b","key":"%b","event":%b}\n' % (
        seq,
        previous.hex().encode(),
        mac.hex().encode(),
        key_id.encode(),
        event_bytes,
    )


def read_line(writer: str, line: bytes) -> Entry:
    """Return the entry of a line that ends with a newline; of anything else an entry that says so in `damage`."""
    match = _fullmatch(line)
    if match is None:
        return _unreadable(writer, f"{len(line)} bytes that are no entry")
    seq, previous, mac, key_id, event_bytes = match.groups()
    return Entry(
        event_bytes,
        Link(writer, int(seq), unhexlify(previous), unhexlify(mac), key_id.decode()),
    )


def read_tail(writer: str, tail: bytes) -> Entry:
    """Return what the bytes behind the last newline of a dead writer's last segment are.

    The whole entry, if nothing but its newline is missing. Half an entry (`TORN`), as a kill leaves it. Damage, if it
    is a whole entry with something else where its newline was: a kill does not do that.
    """
    if _is_whole(tail):
        return read_line(writer, tail + b"\n")
    if _is_whole(tail[:-1]):
        return _unreadable(writer, "an entry whose line does not end with a newline")
    return _unreadable(writer, TORN)


def seq_of(line: bytes) -> int:
    """Return the number at the beginning of a line; 0 if there is none."""
    match = _BEGINNING.match(line)
    return int(match[1]) if match else 0


def _is_whole(tail: bytes) -> bool:
    match = _fullmatch(tail + b"\n")
    if match is None:
        return False
    try:
        orjson.loads(match[5])
    except orjson.JSONDecodeError:
        return False
    return True


def _unreadable(writer: str, damage: str) -> Entry:
    return Entry(b"", Link(writer, 0, b"", b"", ""), damage)
