"""Tell which fields a text format wants that no filter sets: each such record would fail to be written."""

from __future__ import annotations

import logging
import re
import string
from collections.abc import Sequence

from aura_logging.filters import RequestContextFilter
from aura_logging.records import STANDARD_ATTRIBUTES

__all__ = ["fields_missing"]

_PERCENT = re.compile(r"%\((\w+)\)")
_DOLLAR = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def fields_missing(formatter: logging.Formatter | None, filters: Sequence[object]) -> set[str]:
    """Return the fields of the format that a record would not have; none if a filter that we do not know may set them.

    A `RequestContextFilter` always sets `correlation_id` and the service's fields; what else it adds is there in
    requests only, and a format that insists on it fails outside of one.
    """
    style = getattr(formatter, "_style", None)
    if formatter is None or style is None or type(formatter).format is not logging.Formatter.format:
        return set()
    wanted = _fields_of(str(style._fmt), type(style))
    wanted -= STANDARD_ATTRIBUTES | {"asctime", "message"} | set(getattr(style, "_defaults", None) or ())
    record = logging.makeLogRecord({})
    for each in filters:
        if isinstance(each, RequestContextFilter):
            each.filter(record)
        elif not _is_ours(each):
            return set()
    return wanted - record.__dict__.keys()


def _fields_of(text: str, style: type[logging.PercentStyle]) -> set[str]:
    if issubclass(style, logging.StrFormatStyle):
        return {_first_name(name) for _, name, _, _ in string.Formatter().parse(text) if name}
    if issubclass(style, logging.StringTemplateStyle):
        return {braced or bare for braced, bare in _DOLLAR.findall(text)}
    return set(_PERCENT.findall(text))


def _first_name(field: str) -> str:
    return re.split(r"[.\[]", field, maxsplit=1)[0]


def _is_ours(of: object) -> bool:
    return type(of).__module__.startswith("aura_logging.") or type(of) is logging.Filter
