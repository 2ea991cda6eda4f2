"""Find the words of which a text must hold one before a pattern can match it."""

from __future__ import annotations

from collections.abc import Iterable

from aura_logging.patterns.syntax import ASCII_SIZE, Characters, Choice, Node, Repeat, Sequence

__all__ = ["required_words"]

_SHORTEST = 2
_TELLING_SIGNS = frozenset({"@"})  # single characters that are rare enough to be worth a look
_MOST_WORDS = 80


def required_words(pattern: Node) -> frozenset[str] | None:
    """Return words, in small letters, one of which is in every text that the pattern matches; None if there are none.

    The pattern is taken to ignore case.
    """
    words = _words(pattern)
    if words is None or len(words) > _MOST_WORDS:
        return None
    # Who holds a word holds its parts.
    return frozenset(word for word in words if not any(other != word and other in word for other in words))


def _words(node: Node) -> frozenset[str] | None:
    if isinstance(node, Characters):
        return _useful([_letter(node) or ""])
    if isinstance(node, Repeat):
        return _words(node.item) if node.least else None
    if isinstance(node, Choice):
        options = [_words(option) for option in node.options]
        if any(option is None for option in options):
            return None
        return frozenset().union(*(option for option in options if option is not None))
    return _of_sequence(node)


def _of_sequence(node: Sequence) -> frozenset[str] | None:
    candidates: list[frozenset[str] | None] = []
    run = ""
    for item in (*node.items, None):
        letter = _letter(item) if isinstance(item, Characters) else None
        if letter is not None:
            run += letter
            continue
        candidates.append(_useful([run]))
        run = ""
        if item is not None and not isinstance(item, Characters):
            candidates.append(_words(item))
    found = [candidate for candidate in candidates if candidate]
    return max(found, key=lambda words: (min(map(len, words)), -len(words)), default=None)


def _useful(words: Iterable[str]) -> frozenset[str] | None:
    kept = frozenset(words)
    return kept if all(len(word) >= _SHORTEST or word in _TELLING_SIGNS for word in kept) else None


def _letter(node: Characters) -> str | None:
    """Return the character, in small letters, if the set holds but one, or one letter in both cases."""
    if node.mask >> ASCII_SIZE:
        return None
    letters = {chr(code).lower() for code in range(ASCII_SIZE) if node.mask >> code & 1}
    return letters.pop() if len(letters) == 1 else None
