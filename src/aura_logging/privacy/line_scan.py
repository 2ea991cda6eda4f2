"""Scan of a line only what no clean line before it had.

Half of an ordinary line stands on many: where it was logged, and the fields of the request. Whoever found those clean
once need not read them again; a value, and its name, lies within one part.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from aura_logging.encoding import encode
from aura_logging.privacy.engine import Engine
from aura_logging.records import kept

__all__ = ["LineScan", "remember"]

# `{"timestamp":"2025-11-23T05:41:00.123456Z",` begins every line: nothing of the caller's is in these bytes, and
# as a tenth of the line they are a tenth of the scan.
_TIMESTAMP_BYTES = 40

# `RequestContextFilter` writes this field first, behind those of the call; a quote in a value would be escaped.
_CONTEXT_BEGINS = b',"correlation_id":'

_MOST_KNOWN = 2_000


class LineScan:
    """One engine, and the parts of lines that it found clean. Any thread may ask.

    The hot path: straight-line, see benchmarks/privacy_scan.py.
    """

    __slots__ = ("_clean", "_suspects")

    def __init__(self, engine: Engine) -> None:
        self._suspects: Callable[[bytes], object] = engine.suspects
        self._clean: set[bytes] = set()

    def suspects(self, record: logging.LogRecord) -> bool:
        """Encode the record and tell whether a detector has to look closer at its line."""
        line = encode(record)
        memory = kept(record)
        if memory is None:
            return bool(self._suspects(line[_TIMESTAMP_BYTES:]))
        suspects = self._suspects
        by, found_clean = memory.clean
        if found_clean is line and by is suspects:
            return False
        made, _, _, parts = memory.made
        if parts is None or made is not line:
            if suspects(line[_TIMESTAMP_BYTES:]):
                return True
        else:
            template, message, fields = parts
            own, _, context = fields.partition(_CONTEXT_BEGINS)
            clean = self._clean
            if template in clean and context in clean:
                if suspects(message + own):
                    return True
            else:
                if suspects(line[_TIMESTAMP_BYTES:]):
                    return True
                remember(template, clean)
                remember(context, clean)
        memory.clean = (suspects, line)
        return False

    def suspects_parts(self, line: bytes, news: bytes, site: bytes, context: bytes) -> bool:
        """Tell the same of a line that there is no record of: of its parts, `news` is what others do not repeat."""
        suspects, clean = self._suspects, self._clean
        if ((site in clean and context in clean) or self._learn((site, context))) and _is_plain(news):
            return bool(suspects(news))
        return bool(suspects(line[_TIMESTAMP_BYTES:]))

    def _learn(self, parts: Iterable[bytes]) -> bool:
        """Return whether the parts are clean, and remember those that are."""
        for part in parts:
            if part not in self._clean:
                if not _is_plain(part) or self._suspects(part):
                    return False
                remember(part, self._clean)
        return True


def _is_plain(part: bytes) -> bool:
    """Tell whether a part is in the line as it is; what a line must not have is escaped there."""
    return part.isascii() and 0x7F not in part


Known = TypeVar("Known", str, bytes, tuple[str, str])


def remember(what: Known, known: set[Known]) -> None:
    """Add to a set that is emptied when it has grown large: what is in use is soon known again."""
    if len(known) >= _MOST_KNOWN:
        known.clear()
    known.add(what)
