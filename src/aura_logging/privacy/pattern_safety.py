"""Tell whether a pattern can take more than linear time on some text, before any text has come.

A backtracking matcher is slow where a text can be split among repeats in many ways. Whether that can happen is
a question about the pattern alone: its characters become the positions of an automaton (Glushkov 1961), and

* one way round a loop and another, over the same text, double the work with each round: exponential;
* a second unlimited repeat that can take over what the first would match squares it: polynomial.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from aura_logging.patterns.syntax import Characters, Choice, Node, Repeat, Sequence

__all__ = ["refuse_slow"]

# Repeats up to this often are written out; beyond, they are as good as unlimited.
_WRITTEN_OUT = 16
_FEW = 3  # ... and this often if what repeats is itself of varying length
_MOST_POSITIONS = 400


def refuse_slow(pattern: Node) -> None:
    """Raise `ValueError` with the reason when some text would take the pattern more than linear time."""
    automaton = _Automaton()
    automaton.add(pattern)
    if automaton.is_exponential():
        raise ValueError(
            "it can match the same text in more ways than one inside a repeat, as (a+)+ does, and would take "
            "exponential time; make what repeats begin with a character that the rest of it cannot match"
        )
    if automaton.is_polynomial():
        raise ValueError(
            "two of its unlimited repeats can match the same text, as .*x.* does, and would take quadratic time or "
            "worse; give one a limit, as in {0,16}"
        )


@dataclass(frozen=True, slots=True)
class _Part:
    """A stretch of the pattern: the positions it may begin and end with, and whether it may be empty."""

    first: frozenset[int]
    last: frozenset[int]
    may_be_empty: bool


_EMPTY = _Part(frozenset(), frozenset(), may_be_empty=True)


@dataclass(slots=True)
class _Automaton:
    masks: list[int] = field(default_factory=list)
    follows: dict[int, dict[int, int]] = field(default_factory=dict)
    loops: list[frozenset[int]] = field(default_factory=list)

    def add(self, node: Node) -> _Part:
        if isinstance(node, Characters):
            return self._position(node.mask)
        if isinstance(node, Sequence):
            part = _EMPTY
            for item in node.items:
                part = self._after(part, self.add(item))
            return part
        if isinstance(node, Choice):
            options = [self.add(option) for option in node.options]
            if sum(option.may_be_empty for option in options) > 1:
                raise ValueError("two of its alternatives match the same text")
            return _Part(
                frozenset().union(*(option.first for option in options)),
                frozenset().union(*(option.last for option in options)),
                any(option.may_be_empty for option in options),
            )
        return self._repeat(node)

    def _position(self, mask: int) -> _Part:
        if len(self.masks) >= _MOST_POSITIONS:
            raise ValueError(f"it is longer than {_MOST_POSITIONS} characters when its repeats are written out")
        position = len(self.masks)
        self.masks.append(mask)
        self.follows[position] = {}
        return _Part(frozenset({position}), frozenset({position}), may_be_empty=False)

    def _after(self, before: _Part, then: _Part) -> _Part:
        self._link(before.last, then.first)
        return _Part(
            before.first | then.first if before.may_be_empty else before.first,
            then.last | before.last if then.may_be_empty else then.last,
            before.may_be_empty and then.may_be_empty,
        )

    def _link(self, ends: frozenset[int], starts: frozenset[int]) -> None:
        for end in ends:
            counted = self.follows[end]
            for start in starts:
                counted[start] = counted.get(start, 0) + 1

    def _repeat(self, node: Repeat) -> _Part:
        if node.most is not None and node.most <= (_WRITTEN_OUT if _is_fixed(node.item) else _FEW):
            part = _EMPTY
            for number in range(node.most):
                copy = self._repeated(node)
                if number >= node.least:
                    copy = _Part(copy.first, copy.last, may_be_empty=True)
                part = self._after(part, copy)
            return part
        begin = len(self.masks)
        part = self._repeated(node)
        self._link(part.last, part.first)
        if node.most is None:
            self.loops.append(frozenset(range(begin, len(self.masks))))
        return _Part(part.first, part.last, part.may_be_empty or node.least == 0)

    def _repeated(self, node: Repeat) -> _Part:
        part = self.add(node.item)
        if part.may_be_empty and node.most != 1:
            raise ValueError("it repeats what may be empty, as (a?)* does; make that part match something")
        return part

    def is_exponential(self) -> bool:
        """Tell whether two ways lead from some position back to it over the same text."""
        pairs: dict[tuple[int, int], list[tuple[int, int]]] = {}
        for position, follow in self.follows.items():
            for after, ways in follow.items():
                # Two steps that look alike but come from two repeats: (a*)*.
                if ways > 1 and self._reaches(after, position):
                    return True
        return any(self._splits_and_meets(position, pairs) for position in self.follows)

    def _reaches(self, start: int, goal: int, through: int | None = None) -> bool:
        seen = {start}
        queue = deque(seen)
        while queue:
            here = queue.popleft()
            if here == goal:
                return True
            for after in self.follows[here]:
                if after not in seen and (through is None or self.masks[after] & through):
                    seen.add(after)
                    queue.append(after)
        return False

    def _splits_and_meets(self, position: int, known: dict[tuple[int, int], list[tuple[int, int]]]) -> bool:
        if not self._reaches_itself(position):
            return False
        start = (position, position)
        seen = {(start, False)}
        queue = deque(seen)
        while queue:
            pair, split = queue.popleft()
            for after in self._steps(pair, known):
                has_split = split or after[0] != after[1]
                if after == start and has_split:
                    return True
                if (after, has_split) not in seen:
                    seen.add((after, has_split))
                    queue.append((after, has_split))
        return False

    def _reaches_itself(self, position: int) -> bool:
        return any(self._reaches(after, position) for after in self.follows[position])

    def _steps(
        self, pair: tuple[int, int], known: dict[tuple[int, int], list[tuple[int, int]]]
    ) -> list[tuple[int, int]]:
        steps = known.get(pair)
        if steps is None:
            one, other = pair
            steps = known[pair] = [
                (a, b) for a in self.follows[one] for b in self.follows[other] if self.masks[a] & self.masks[b]
            ]
        return steps

    def is_polynomial(self) -> bool:
        """Tell whether a text can move from one unlimited repeat into another at any of many places."""
        for number, loop in enumerate(self.loops):
            for other in self.loops[number + 1 :]:
                if loop & other:
                    continue
                for start in loop:
                    for goal in other:
                        common = self.masks[start] & self.masks[goal]
                        if common and self._reaches(start, goal, through=common):
                            return True
        return False


def _is_fixed(node: Node) -> bool:
    """Tell whether everything a node matches has one length."""
    if isinstance(node, Characters):
        return True
    if isinstance(node, Sequence):
        return all(_is_fixed(item) for item in node.items)
    if isinstance(node, Choice):
        return False
    return node.least == node.most and _is_fixed(node.item)
