"""Keep what every line from one place in the code repeats, as the bytes that are written."""

from __future__ import annotations

import logging

import orjson

__all__ = ["OWN_NAMES", "CallSites", "template_of"]

OWN_NAMES = frozenset(
    ("timestamp", "level", "logger", "message", "file", "line", "function", "pid", "thread_name"),
)
"""The fields that a template has written down, or a place for."""


class CallSites:
    """Templates of lines, by the place, process and thread that log.

    Bounded: when `most` are known, all are forgotten, and those in use are soon learned again. Any thread may ask;
    two that ask at once learn the same.
    """

    def __init__(self, most: int = 2_000) -> None:
        self._most = most
        self._templates: dict[tuple[object, ...], bytes] = {}

    def __len__(self) -> int:
        return len(self._templates)

    def template(self, record: logging.LogRecord) -> bytes:
        """Return a format for `%` with four places: time to the second, microseconds, message, further fields.

        The time is text as it is; the message is JSON; the further fields are JSON without the brace that opens
        them. Raises `TypeError` for a record whose own attributes are not what `logging` puts there.
        """
        site = (
            record.name, record.levelname, record.pathname, record.lineno, record.funcName,
            record.process, record.threadName,
        )  # fmt: skip
        return self._templates.get(site) or self._learn(site)

    def _learn(self, site: tuple[object, ...]) -> bytes:
        template = template_of(site)
        if len(self._templates) >= self._most:
            self._templates.clear()
        self._templates[site] = template
        return template


def template_of(site: tuple[object, ...]) -> bytes:
    """Return what `CallSites.template` does, of logger, level, path, line, function, process and thread."""
    name, level, path, line, function, process, thread = site
    before = orjson.dumps({"level": level, "logger": name})
    behind = orjson.dumps({"file": path, "line": line, "function": function, "pid": process, "thread_name": thread})
    return b'{"timestamp":"%%b%%06dZ",%b,"message":%%b,%b,%%b' % (_fields(before), _fields(behind))


def _fields(json_object: bytes) -> bytes:
    return json_object[1:-1].replace(b"%", b"%%")
