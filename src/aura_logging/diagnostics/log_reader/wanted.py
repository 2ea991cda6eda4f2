"""Say which lines are wanted: by field, level, time or text, in a form that can be looked for in raw bytes."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from aura_logging.diagnostics.log_reader.lines import level_number
from aura_logging.levels import level_names
from aura_logging.options import OptionError, nearest

__all__ = ["Condition", "Needles", "Wanted", "iso_time", "parse_condition"]

Needles = tuple[bytes, ...]
"""Alternatives: a line that is wanted has at least one of them in it."""

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq, "!=": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip
_TERM = re.compile(r"(?P<name>[A-Za-z_][\w.]*)\s*(?P<operator>!=|>=|<=|=|>|<|~)\s*(?P<value>.*)", re.S)
_LEVEL_NAMES = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison: `status_code>=500`, `route=orders/`, `message~declined`; `level` compares by severity."""

    name: str
    operator: str
    value: str

    def holds(self, fields: Mapping[str, Any]) -> bool:
        """Tell whether it does; a field that is not there is different from everything, and no more."""
        found = fields.get(self.name)
        if self.operator == "~":
            return found is not None and self.value.lower() in _text(found).lower()
        if found is None:
            return self.operator == "!="
        if self.name == "level":
            return _COMPARE[self.operator](level_number(found), level_number(self.value))
        if isinstance(found, (int, float)) and not isinstance(found, bool):
            try:
                return _COMPARE[self.operator](float(found), float(self.value))
            except ValueError:
                return self.operator == "!="
        return _COMPARE[self.operator](_text(found), self.value)

    @property
    def needles(self) -> Needles:
        """Return what bytes such a line has; nothing if that cannot be said."""
        if self.name == "level":
            names = [name for name in _LEVEL_NAMES if self.holds({"level": name})]
            return tuple(f'"{name}"'.encode() for name in names) if len(names) < len(_LEVEL_NAMES) - 1 else ()
        if self.operator != "=" or not self.value:
            return ()
        # A number may be written in several ways; true, false and text in one.
        is_number = re.fullmatch(r"[-+.\d][\d.eE+-]*", self.value)
        return () if is_number else (_in_json(self.value),)


def parse_condition(term: str) -> Condition:
    """Return the condition that is written as `name=value` (or `!=`, `>`, `>=`, `<`, `<=`, `~` for "contains").

    A word without an operator is looked for in the message. `OptionError` names a level that there is not.
    """
    match = _TERM.fullmatch(term.strip())
    if match is None:
        return Condition("message", "~", term.strip())
    name, sign, value = match["name"], match["operator"], match["value"].strip().strip("\"'")
    if name == "level" and level_number(value) == 0:
        raise OptionError(f"{term!r}: {value!r} is no level. {nearest(value, level_names())}")
    return Condition(name, sign, value)


@dataclass(frozen=True, slots=True)
class Wanted:
    """All of these must hold; an empty one wants every line. `since` and `until` are Unix seconds.

    `logger` is a logger's name and stands for those below it; `correlation_id` matches a trace id too; `text` is found
    anywhere in the line, whatever its case unless it has a capital letter.
    """

    level: str = ""
    logger: str = ""
    route: str = ""
    user: str = ""
    correlation_id: str = ""
    text: str = ""
    since: float | None = None
    until: float | None = None
    conditions: tuple[Condition, ...] = field(default=())

    def needles(self) -> list[Needles]:
        """Return what can be looked for in the bytes before a line is parsed: one of each of these is in it."""
        found: list[Needles] = []
        if self.correlation_id:
            found.append((_in_json(self.correlation_id),))
        if self.logger:
            found.append((_in_json(self.logger),))
        if self.route:
            found.append((_in_json(self.route),))
        if self.user:
            found.append((_in_json(self.user),))
        if self.text and not self.ignores_case:
            found.append((self.text_in_json,))
        conditions = list(self.conditions)
        if self.level:
            conditions.append(Condition("level", ">=", self.level))
        found += [each.needles for each in conditions if each.needles]
        return found

    @property
    def ignores_case(self) -> bool:
        """Whether `text` is found in any case."""
        return self.text == self.text.lower()

    @property
    def text_in_json(self) -> bytes:
        """Return `text` as it stands in a line."""
        return _in_json(self.text)

    def matches(self, raw: bytes, fields: Mapping[str, Any]) -> bool:
        """Tell whether a line is wanted."""
        if self.level and level_number(fields.get("level")) < level_number(self.level):
            return False
        if self.correlation_id and self.correlation_id not in (fields.get("correlation_id"), fields.get("trace_id")):
            return False
        if self.logger and not f"{fields.get('logger')}.".startswith(f"{self.logger}."):
            return False
        if self.route and str(fields.get("route")) != self.route:
            return False
        if self.user and str(fields.get("user_id")) != self.user:
            return False
        if (self.since is not None or self.until is not None) and not self._is_in_time(str(fields.get("timestamp"))):
            return False
        if self.text and not self._has_text(raw):
            return False
        return all(each.holds(fields) for each in self.conditions)

    def _is_in_time(self, timestamp: str) -> bool:
        if self.since is not None and timestamp < iso_time(self.since):
            return False
        return self.until is None or timestamp <= iso_time(self.until)

    def _has_text(self, raw: bytes) -> bool:
        needle = self.text_in_json
        return needle.lower() in raw.lower() if self.ignores_case else needle in raw


def iso_time(at: float) -> str:
    """Return a time as lines have it."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _in_json(text: str) -> bytes:
    """Return a text as it stands in a JSON string."""
    return orjson.dumps(text)[1:-1]


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
