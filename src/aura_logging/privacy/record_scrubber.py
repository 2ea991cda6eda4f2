"""Redact a log record in place, in every part of it that a handler could write."""

from __future__ import annotations

import logging
import traceback
from typing import Any

import orjson

from aura_logging import records
from aura_logging.encoding import message_of
from aura_logging.plain_data import plain_text
from aura_logging.privacy.findings import Finding
from aura_logging.privacy.scrubber import Scrubber
from aura_logging.privacy.stand_ins import stand_in

__all__ = ["RecordScrubber", "blank"]


_PLACE = ("name", "threadName", "taskName", "processName", "funcName", "module", "pathname", "filename")


class RecordScrubber:
    """Scrub message, arguments, extra fields, exception and stack of records that the scan found suspect.

    In place, because before Python 3.12 `logging` ignores a record that a filter returns. Nothing that belongs to
    the caller is changed: dicts and lists in `extra` and in the arguments are copied where something was found.
    """

    def __init__(self, scrubber: Scrubber) -> None:
        self._scrubber = scrubber

    def scrub(self, record: logging.LogRecord) -> list[Finding]:
        """Redact the record and return what was found; a finding's `path` begins with the part it was in."""
        findings = self._message(record)
        findings += self._extras(record)
        findings += self._exception(record)
        if record.stack_info:
            scrubbed, found = self._scrubber.scrub(record.stack_info)
            if found:
                record.stack_info = scrubbed
                findings += found
        findings += self._place(record)
        if findings:
            if "message" in record.__dict__:  # a formatter has been here
                record.message = message_of(record)
            records.forget_line(record)
        return findings

    def _place(self, record: logging.LogRecord) -> list[Finding]:
        """Scrub where it was logged: a logger may be named after a user, a thread after a task's argument."""
        findings: list[Finding] = []
        attributes = record.__dict__
        place = {name: attributes[name] for name in _PLACE if isinstance(attributes.get(name), str)}
        if not self._scrubber.engine.suspects("\n".join(place.values()).encode("utf-8", "surrogatepass")):
            return findings  # as nearly always
        for name, written in place.items():
            scrubbed, found = self._scrubber.scrub(written)
            if found:
                attributes[name] = scrubbed
                findings += found
        return findings

    def _message(self, record: logging.LogRecord) -> list[Finding]:
        found_in_args: list[Finding] = []
        if record.args:
            args, found_in_args = self._arguments(record.args)
            if found_in_args and self._is_clean(record.msg, args):
                # The template stays, and with it the grouping of those who group by template.
                record.args = args
                return found_in_args
        scrubbed, found = self._scrubber.scrub(message_of(record))
        if found or found_in_args:
            record.msg, record.args = scrubbed, None
        return found or found_in_args

    def _arguments(self, args: Any) -> tuple[Any, list[Finding]]:
        scrubbed, found = self._scrubber.scrub_value(args)
        if isinstance(args, tuple) and len(scrubbed) != len(args):
            return args, found  # one was dropped: the template has no place for the rest
        return scrubbed, found

    def _is_clean(self, template: object, args: Any) -> bool:
        try:
            return not self._scrubber.find(str(template) % args)
        except Exception:  # noqa: BLE001  # "%d" has no use for a marker, and arguments' __str__ is the user's
            return False

    def _extras(self, record: logging.LogRecord) -> list[Finding]:
        extras = records.extras(record)
        if self._is_innocent(extras):
            return []
        scrubbed, found = self._scrubber.scrub_value(extras)
        if found:
            attributes = record.__dict__
            for name in extras:
                if name not in scrubbed:
                    del attributes[name]
            attributes.update(scrubbed)
        return found

    def _is_innocent(self, extras: dict[str, Any]) -> bool:
        """Tell by one scan that none of the extra fields needs a look: mostly the suspect is the message."""
        try:
            line = orjson.dumps(extras, plain_text)
        except Exception:  # noqa: BLE001  # what orjson refuses is walked through
            return False
        return not self._scrubber.engine.suspects(line)

    def _exception(self, record: logging.LogRecord) -> list[Finding]:
        info = record.exc_info
        error = info[1] if isinstance(info, tuple) else None
        text = record.exc_text or (_formatted(error) if error is not None else "")
        if not text:
            return []
        scrubbed, found = self._scrubber.scrub(text)
        if error is not None:
            found = found or self._scrubber.find(_formatted(error))
        if not found:
            return []
        record.exc_text = scrubbed
        if error is not None:
            double = self._double(error)
            record.exc_info = (type(double), double, double.__traceback__)
        return found

    def _double(self, error: BaseException) -> BaseException:
        double = stand_in(error, self._text, with_tracebacks=True)
        if self._scrubber.find(_formatted(double)):
            # The value stands in a line of source code, which a traceback quotes.
            double = stand_in(error, self._text, with_tracebacks=False)
        return double

    def _text(self, text: str) -> str:
        return self._scrubber.scrub(text)[0]


def blank(record: logging.LogRecord, reason: str) -> None:
    """Leave nothing of the record but where, when and how bad: what could not be scrubbed must not leave."""
    for name in records.extras(record):
        del record.__dict__[name]
    record.__dict__.pop("request", None)
    record.msg, record.args = f"[REDACTED:{reason}]", None
    record.exc_info = record.exc_text = record.stack_info = None
    if "message" in record.__dict__:
        record.message = record.msg
    records.forget_line(record)


def _formatted(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)).rstrip("\n")
