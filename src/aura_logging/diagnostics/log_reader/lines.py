"""Hold one line of a log, as it was written and by our names of its fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from aura_logging import levels
from aura_logging.schema import SCHEMAS

__all__ = ["LogLine", "fields_of", "level_number", "schema_of"]


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line: its bytes without the line break, its fields by our names, and where it stands.

    Of a line that is no JSON object `fields` has `message` alone.
    """

    raw: bytes
    fields: Mapping[str, Any]
    path: Path

    @property
    def timestamp(self) -> str:
        """When it was logged, ISO 8601 in UTC, so that order of text is order of time; empty if it does not say."""
        return str(self.fields.get("timestamp", ""))


def fields_of(raw: bytes) -> Mapping[str, Any]:
    """Return a line's fields by our names, whichever schema it was written in; never raises."""
    try:
        found = orjson.loads(raw)
    except ValueError:
        return {"message": raw.decode("utf-8", "backslashreplace")}
    if not isinstance(found, dict):
        return {"message": raw.decode("utf-8", "backslashreplace")}
    schema = schema_of(found)
    return found if schema == "aura" else SCHEMAS[schema].ours(found)


def schema_of(fields: Mapping[str, Any]) -> str:
    """Return which schema a line's fields are spelled in."""
    if "log.level" in fields:
        return "ecs"
    return "otel" if "severity_text" in fields else "aura"


def level_number(name: object) -> int:
    """Return a level's number; 0 for one that is none."""
    return levels.level_number(str(name)) or 0
