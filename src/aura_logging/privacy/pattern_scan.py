"""Turn a pattern for text into one for the encoded line, which may find more but never less.

Boundaries go, for the line break before a word is an escape that ends in a letter. A character that JSON escapes
may arrive as its escape. Of a pattern with unlimited repeats one stretch between them has to do, the one that is
hardest to find by chance: whoever matches the whole matches each stretch.
"""

from __future__ import annotations

import math

from aura_logging.patterns.syntax import ASCII_SIZE, BEYOND_ASCII, Characters, Choice, Node, Repeat, Sequence

__all__ = ["scan_pattern"]

_ESCAPE = rb"\\(?:[\"\\/bfnrt]|u[0-9a-f]{4})"
_ESCAPED = sum(1 << code for code in (*range(32), 34, 92, 127))
_EVERY_CHARACTER = ASCII_SIZE + 4


def scan_pattern(pattern: Node) -> bytes:
    """Return a byte pattern that matches the encoded form of whatever the pattern matches."""
    stretches: list[list[Node]] = [[]]
    for item in pattern.items if isinstance(pattern, Sequence) else (pattern,):
        if isinstance(item, Repeat) and item.most is None:
            at_least = [Repeat(item.item, item.least, item.least)] if item.least else []
            stretches[-1].extend(at_least)
            stretches.append([*at_least])
        else:
            stretches[-1].append(item)
    best = max(stretches, key=lambda stretch: sum(_bits(item) for item in stretch))
    if sum(_bits(item) for item in best) == 0:
        raise ValueError("it matches the empty text")
    return b"".join(_written(item) for item in best)


def _bits(node: Node) -> float:
    """Return how improbable a match is, at least, in bits."""
    if isinstance(node, Characters):
        return math.log2(_EVERY_CHARACTER / max(1, node.mask.bit_count()))
    if isinstance(node, Sequence):
        return sum(_bits(item) for item in node.items)
    if isinstance(node, Choice):
        return min(_bits(option) for option in node.options)
    return node.least * _bits(node.item)


def _written(node: Node) -> bytes:
    if isinstance(node, Characters):
        return _characters(node.mask)
    if isinstance(node, Sequence):
        return b"".join(_written(item) for item in node.items)
    if isinstance(node, Choice):
        return rb"(?:" + b"|".join(_written(option) for option in node.options) + rb")"
    most = b"" if node.most is None else b"%d" % node.most
    return rb"(?:" + _written(node.item) + rb"){%d,%s}" % (node.least, most)


def _characters(mask: int) -> bytes:
    plain = b"".join(rb"\x%02x" % code for code in range(ASCII_SIZE) if mask >> code & 1)
    alternatives = [rb"[" + plain + rb"]"] if plain else []
    if mask & BEYOND_ASCII:
        alternatives.append(rb"[\x80-\xff]{2,4}")
    if mask & (_ESCAPED | BEYOND_ASCII):
        alternatives.append(_ESCAPE)
    return rb"(?:" + b"|".join(alternatives) + rb")"
