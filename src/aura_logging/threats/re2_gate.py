"""Run all hints over a request at once with RE2: one pass, linear time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import re2  # type: ignore[import-untyped,unused-ignore]  # it ships no types

__all__ = ["compile_gate"]

# The automaton is built as inputs demand it, and begun again when this is spent; ordinary traffic needs under 2 MB.
_MEMORY_BUDGET_BYTES = 64 << 20


def compile_gate(hints: Sequence[bytes]) -> Callable[[bytes], Sequence[int] | None]:
    """Return a function that tells the indices of the hints found in some bytes; nothing or empty means none.

    Raises `ValueError` that quotes the hint RE2 does not accept.
    """
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = _MEMORY_BUDGET_BYTES
    chosen = re2.Set.SearchSet(options)
    for hint in hints:
        try:
            chosen.Add(hint)
        except re2.error as error:
            raise ValueError(f"RE2 cannot compile {hint!r}: {error}") from error
    chosen.Compile()
    # The wrapper's method costs 0.4 us more than the compiled one beneath it, for a `str` that we never pass.
    beneath = getattr(chosen, "_set", None)
    matcher: Callable[[bytes], Sequence[int] | None] = getattr(beneath, "Match", chosen.Match)
    return matcher
