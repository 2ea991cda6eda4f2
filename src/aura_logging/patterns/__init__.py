"""Look for many patterns in some bytes at once: with RE2 in one pass, or one after another where it has no wheel."""

from __future__ import annotations

from collections.abc import Callable, Sequence

try:
    from aura_logging.patterns.re2_set import compile_set
except ImportError:  # no wheel for this platform
    from aura_logging.patterns.re_set import compile_set

    ENGINE_NAME = "re"
else:
    ENGINE_NAME = "re2"

__all__ = ["CompileSet", "ENGINE_NAME", "compile_set"]

CompileSet = Callable[[Sequence[bytes]], Callable[[bytes], Sequence[int] | None]]
"""`(patterns) -> (bytes) -> the indices of those found`: nothing or empty for none, and the same in both engines."""
