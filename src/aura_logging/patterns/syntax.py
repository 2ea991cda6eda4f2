"""Read a regular expression as plain nodes: sets of characters, sequences, choices and repeats.

`re`'s own parser does the reading. It is private to the standard library, so that this is the only module that
knows its opcodes; what it does not know, or what is no regular language, is refused with the reason.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

__all__ = ["Characters", "Sequence", "Choice", "Repeat", "Node", "ASCII_SIZE", "BEYOND_ASCII", "parse"]

ASCII_SIZE = 128
# Beyond ASCII characters are told apart no further than by the classes that patterns can name.
_BEYOND_DIGIT, _BEYOND_SPACE, _BEYOND_LETTER, _BEYOND_OTHER = (1 << (ASCII_SIZE + n) for n in range(4))
BEYOND_ASCII = _BEYOND_DIGIT | _BEYOND_SPACE | _BEYOND_LETTER | _BEYOND_OTHER
_ALL = (1 << ASCII_SIZE) - 1 | BEYOND_ASCII
_MOST_REPEATS = 1_000  # RE2's limit


@dataclass(frozen=True, slots=True)
class Characters:
    """One character out of a set: bit n for ASCII n, and the bits of `BEYOND_ASCII` for the others, by class."""

    mask: int


@dataclass(frozen=True, slots=True)
class Sequence:
    """Nodes one after another; none of them is the empty text."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several nodes."""

    options: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """A node so many times; `most` is None where there is no limit."""

    item: Node
    least: int
    most: int | None


Node: TypeAlias = Characters | Sequence | Choice | Repeat

_REFUSED = {
    "GROUPREF": r"a reference to a group, such as \1",
    "GROUPREF_EXISTS": "a condition on a group",
    "ASSERT": "look-ahead or look-behind",
    "ASSERT_NOT": "look-ahead or look-behind",
    "ATOMIC_GROUP": "an atomic group",
    "POSSESSIVE_REPEAT": "a possessive repeat",
}
_CATEGORIES = {
    "CATEGORY_DIGIT": (r"\d", _BEYOND_DIGIT),
    "CATEGORY_NOT_DIGIT": (r"\D", BEYOND_ASCII ^ _BEYOND_DIGIT),
    "CATEGORY_SPACE": (r"\s", _BEYOND_SPACE),
    "CATEGORY_NOT_SPACE": (r"\S", BEYOND_ASCII ^ _BEYOND_SPACE),
    "CATEGORY_WORD": (r"\w", _BEYOND_DIGIT | _BEYOND_LETTER),
    "CATEGORY_NOT_WORD": (r"\W", _BEYOND_SPACE | _BEYOND_OTHER),
}


def parse(pattern: str) -> Node:
    """Return the pattern's nodes; word boundaries and anchors are left out, for they take no characters.

    Raises `ValueError` with the reason for what does not parse, and for what no linear-time engine can match:
    references to groups, look-around, atomic groups.
    """
    try:
        tree = _parser().parse(pattern)
    except re.error as error:
        raise ValueError(f"it does not parse: {error}") from None
    return _Reader(ignoring_case=bool(tree.state.flags & re.IGNORECASE)).sequence(tree)


def _parser() -> Any:
    return importlib.import_module("re._parser")


@dataclass(frozen=True, slots=True)
class _Reader:
    ignoring_case: bool

    def sequence(self, tree: Iterable[tuple[Any, Any]]) -> Node:
        items: list[Node] = []
        for opcode, argument in tree:
            node = self.node(str(opcode), argument)
            if node is not None:
                items.append(node)
        return items[0] if len(items) == 1 else Sequence(tuple(items))

    def node(self, opcode: str, argument: Any) -> Node | None:
        if opcode in _REFUSED:
            raise ValueError(f"it uses {_REFUSED[opcode]}, which cannot be matched in linear time")
        if opcode == "AT":
            return None
        if opcode == "SUBPATTERN":
            _, add_flags, drop_flags, inner = argument
            ignoring = (self.ignoring_case or bool(add_flags & re.IGNORECASE)) and not drop_flags & re.IGNORECASE
            return _Reader(ignoring).sequence(inner)
        if opcode == "BRANCH":
            return Choice(tuple(self.sequence(option) for option in argument[1]))
        if opcode in ("MAX_REPEAT", "MIN_REPEAT"):
            least, most, inner = argument
            unlimited = str(most) == "MAXREPEAT"
            if int(least) > _MOST_REPEATS or (not unlimited and int(most) > _MOST_REPEATS):
                raise ValueError(f"it repeats something more than {_MOST_REPEATS:,} times")
            return Repeat(self.sequence(inner), int(least), None if unlimited else int(most))
        return Characters(self.characters(opcode, argument))

    def characters(self, opcode: str, argument: Any) -> int:
        if opcode == "ANY":
            return _ALL & ~(1 << 10)
        if opcode == "LITERAL":
            return self._cased(_bit(argument))
        if opcode == "NOT_LITERAL":
            return _ALL & ~(self._cased(_bit(argument)) & ~BEYOND_ASCII)
        if opcode == "IN":
            return self._class(argument)
        raise ValueError(f"it uses {opcode}, which is not known here")

    def _class(self, items: Iterable[tuple[Any, Any]]) -> int:
        mask = whole_classes = 0
        negated = False
        for opcode, argument in items:
            match str(opcode):
                case "NEGATE":
                    negated = True
                case "LITERAL":
                    mask |= _bit(argument)
                case "RANGE":
                    low, high = argument
                    for code in range(low, min(high, ASCII_SIZE - 1) + 1):
                        mask |= 1 << code
                    if high >= ASCII_SIZE:
                        mask |= BEYOND_ASCII
                case "CATEGORY":
                    mask |= _category(str(argument))
                    whole_classes |= _category(str(argument))
                case other:
                    raise ValueError(f"it uses {other} in a set, which is not known here")
        mask = self._cased(mask)
        # Leaving out single characters beyond ASCII leaves the others of their class.
        return _ALL & ~(mask & ~BEYOND_ASCII | whole_classes) if negated else mask

    def _cased(self, mask: int) -> int:
        if not self.ignoring_case:
            return mask
        for code in range(ord("a"), ord("z") + 1):
            both = 1 << code | 1 << (code - 32)
            if mask & both:
                mask |= both | (_BEYOND_LETTER if chr(code) in "ks" else 0)  # the Kelvin sign and the long s
        return mask


def _bit(code: int) -> int:
    if code < ASCII_SIZE:
        return 1 << code
    character = chr(code)
    if character.isdigit():
        return _BEYOND_DIGIT
    if character.isspace():
        return _BEYOND_SPACE
    return _BEYOND_LETTER if character.isalnum() else _BEYOND_OTHER


def _category(name: str) -> int:
    pattern, mask = _CATEGORIES[name]
    matches = re.compile(pattern).match
    for code in range(ASCII_SIZE):
        if matches(chr(code)):
            mask |= 1 << code
    return mask
