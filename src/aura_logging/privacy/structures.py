"""Walk a value of any shape, scrub what it holds, and copy only what has to change."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import re
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from aura_logging.plain_data import plain_text
from aura_logging.privacy.assignments import SECRET
from aura_logging.privacy.findings import Finding
from aura_logging.privacy.replacements import MARKER, Replacements, marker

__all__ = ["StructureScrubber"]

ScrubText = Callable[[str, str], "tuple[str, list[Finding]]"]

_DEEPEST = 48
_UNREADABLE = "unreadable"
_SMALLEST_NUMBER = 10**7  # the shortest number that any detector finds by itself has eight digits
_NEVER_PERSONAL = (bool, type(None), datetime.date, datetime.time, datetime.timedelta, uuid.UUID, complex)
_SEQUENCES = (list, tuple, set, frozenset, deque)
_DROPPED: Any = object()
_NAME = re.compile(r"[a-z_]{1,32}")
_PLAIN_KEY = re.compile(r"[A-Za-z_]{1,32}")


class StructureScrubber:
    """Scrub mappings, sequences, dataclasses and whatever else has a text.

    Values under a secret name go as a whole, whatever they are; `None`, booleans and what is empty stay, for they
    say nothing. Keys are scrubbed like texts. Safe for cycles, and for objects that raise when they are read:
    those become a marker, because nobody knows what they would have shown.
    """

    def __init__(self, scrub_text: ScrubText, is_secret: Callable[[str], bool], replacements: Replacements) -> None:
        self._scrub_text = scrub_text
        self._is_secret = is_secret
        self._replacements = replacements

    def scrub(self, value: Any, field: str) -> tuple[Any, list[Finding]]:
        """Return the value, or a copy of it where something was found, and the findings with their paths."""
        walk = _Walk(self._scrub_text, self._is_secret, self._replacements)
        if field and self._is_secret(field) and _holds_something(value):
            result = walk.secret(value, field)
        else:
            result = walk.value(value, field, field, 0)
        return ("" if result is _DROPPED else result), walk.findings


class _Walk:
    """One walk: its findings, and the containers it is inside of."""

    __slots__ = ("_above", "_is_secret", "_replacements", "_scrub_text", "findings")

    def __init__(self, scrub_text: ScrubText, is_secret: Callable[[str], bool], replacements: Replacements) -> None:
        self._scrub_text = scrub_text
        self._is_secret = is_secret
        self._replacements = replacements
        self._above: set[int] = set()
        self.findings: list[Finding] = []

    def value(self, value: Any, field: str, path: str, depth: int) -> Any:
        if type(value) is str:
            return self._text(value, field, path)
        if isinstance(value, _NEVER_PERSONAL):
            return value
        if isinstance(value, enum.Enum):
            # JSON shows what it stands for.
            before = len(self.findings)
            scrubbed = self.value(value.value, field, path, depth)
            return scrubbed if len(self.findings) > before else value
        if isinstance(value, (int, float)):
            return value if -_SMALLEST_NUMBER < value < _SMALLEST_NUMBER else self._rendered(value, field, path)
        if isinstance(value, (bytes, bytearray)):
            return self._bytes(value, field, path)
        if isinstance(value, (Mapping, *_SEQUENCES)) or _is_dataclass_value(value):
            return self._container(value, field, path, depth)
        return self._rendered(value, field, path)

    def secret(self, value: Any, path: str) -> Any:
        text = value if isinstance(value, str) else ""
        if MARKER.fullmatch(text):
            return value
        self.findings.append(Finding(SECRET, 0, len(text), path))
        if self._replacements.drops(SECRET):
            return _DROPPED
        return self._replacements.write(SECRET, text or plain_text(value))

    def _text(self, text: str, field: str, path: str) -> Any:
        scrubbed, found = self._scrub_text(text, field)
        if not found:
            return text
        self.findings.extend(Finding(at.detector, at.start, at.end, path) for at in found)
        return _DROPPED if any(self._replacements.drops(finding.detector) for finding in found) else scrubbed

    def _bytes(self, value: bytes | bytearray, field: str, path: str) -> Any:
        text = value.decode("utf-8", "surrogateescape")
        scrubbed = self._text(text, field, path)
        return value if scrubbed is text or scrubbed == text else _as_bytes(scrubbed)

    def _rendered(self, value: Any, field: str, path: str) -> Any:
        text = _text_of(value)
        scrubbed = self._text(text, field, path)
        return value if scrubbed == text else scrubbed

    def _container(self, value: Any, field: str, path: str, depth: int) -> Any:
        if id(value) in self._above:
            return "[cycle]"
        if depth >= _DEEPEST:
            self.findings.append(Finding(_UNREADABLE, 0, 0, path))
            return marker("nested_too_deep")
        self._above.add(id(value))
        before = len(self.findings)
        try:
            if isinstance(value, Mapping):
                copy: Any = self._mapping(value, path, depth)
            elif isinstance(value, _SEQUENCES):
                copy = self._sequence(value, field, path, depth)
            else:
                fields = {item.name: getattr(value, item.name) for item in dataclasses.fields(value)}
                copy = self._mapping(fields, path, depth)
        except Exception as error:  # noqa: BLE001  # reading a container may run the user's code
            self.findings.append(Finding(_UNREADABLE, 0, 0, path))
            return marker(f"{_UNREADABLE}:{type(error).__name__}")
        finally:
            self._above.discard(id(value))
        return copy if len(self.findings) > before else value

    def _mapping(self, value: Mapping[Any, Any], path: str, depth: int) -> dict[Any, Any]:
        copy: dict[Any, Any] = {}
        # A QueryDict shows one value by `items` and all of them by `lists`.
        items = value.lists() if hasattr(value, "lists") else value.items()
        for key, inner in items:
            name = key if isinstance(key, str) else plain_text(key)
            kept_key = self._key(key, path)
            shown = kept_key if isinstance(kept_key, str) else plain_text(kept_key)
            here = f"{path}.{shown}" if path else shown
            if self._is_secret(name) and _holds_something(inner):
                scrubbed = self.secret(inner, here)
            else:
                scrubbed = self.value(inner, name, here, depth + 1)
            if scrubbed is not _DROPPED:
                copy[kept_key] = scrubbed
        return copy

    def _key(self, key: Any, path: str) -> Any:
        if isinstance(key, str) and _PLAIN_KEY.fullmatch(key):
            return key
        if isinstance(key, _NEVER_PERSONAL):
            return key
        if not isinstance(key, (str, bytes, int)):
            return self._rendered(key, "", path)  # as text, whatever it is: a key has to stay hashable
        scrubbed = self.value(key, "", path, _DEEPEST)
        return "" if scrubbed is _DROPPED else scrubbed

    def _sequence(self, value: Any, field: str, path: str, depth: int) -> Any:
        if _is_header(value) and self._is_secret(plain_text(value[0])) and _holds_something(value[1]):
            if isinstance(value[1], bytes):
                inner = [value[0], _as_bytes(self.secret(value[1].decode("utf-8", "replace"), f"{path}[1]"))]
            else:
                inner = [value[0], self.secret(value[1], f"{path}[1]")]
        elif hasattr(value, "_fields"):
            return tuple(self._mapping(value._asdict(), path, depth).values())
        else:
            inner = [self.value(item, field, f"{path}[{number}]", depth + 1) for number, item in enumerate(value)]
            inner = [item for item in inner if item is not _DROPPED]
        if isinstance(value, tuple):
            return tuple(inner)
        if isinstance(value, (set, frozenset)):
            return type(value)(inner) if type(value) in (set, frozenset) else inner
        return inner


def _text_of(value: Any) -> str:
    if isinstance(value, str):
        return str.__str__(value)
    text = plain_text(value)
    # A handler that is not ours may write what ours cuts off.
    return text if not text.endswith(" cut]") else str(value)


def _holds_something(value: Any) -> bool:
    """Tell whether a value could be a secret: None, a boolean and what is empty is not."""
    if value is None or value is True or value is False:
        return False
    try:
        return not (hasattr(value, "__len__") and len(value) == 0)
    except Exception:  # noqa: BLE001  # the user's code; what cannot be asked may hold anything
        return True


def _is_dataclass_value(value: Any) -> bool:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def _is_header(value: Any) -> bool:
    """Tell a header of ASGI's, a pair of byte strings, or of WSGI's, a tuple of two texts, from other sequences."""
    if len(value) != 2 or not isinstance(value, (list, tuple)):
        return False
    if isinstance(value[0], bytes):
        return isinstance(value[1], bytes)
    # ("password", "email") are two names.
    return (
        type(value) is tuple
        and isinstance(value[0], str)
        and isinstance(value[1], str)
        and _NAME.fullmatch(value[1]) is None
    )


def _as_bytes(value: Any) -> Any:
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
