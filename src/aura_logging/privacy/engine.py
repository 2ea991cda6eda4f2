"""Decide in one pass over an encoded line which detectors have to look closer."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from aura_logging.patterns import ENGINE_NAME, CompileSet, compile_set
from aura_logging.privacy.detector import Detector
from aura_logging.privacy.reading import NOT_PLAIN

__all__ = ["Engine", "ENGINE_NAME", "compile_set"]

# What the encoder cut from a line, another handler might write: such a line is never clean.
_CUT_FROM_THE_LINE = rb" characters cut\]| more cut\"|[0-9] fields cut|\[cut: nested"


class Engine:
    """All detectors' scan patterns as one automaton.

    `suspects(line)` takes a finished JSON line and returns the indices of the detectors whose value may be in it;
    empty or None means that the line is clean and may be shipped as it is. An index beyond the detectors says that
    the encoder left something out, or that it has to be read first (`reading.py`). Any thread may call it. It costs
    1.4 us for 430 bytes with RE2, whatever the number of detectors, so it is a plain attribute: a method around it
    would be a tenth of that.
    """

    def __init__(self, detectors: Sequence[Detector], compile_set: CompileSet = compile_set) -> None:
        self.detectors = tuple(detectors)
        self.suspects = compile_set([*(detector.scan for detector in self.detectors), _CUT_FROM_THE_LINE, NOT_PLAIN])
        self._prove()

    def suspected(self, line: bytes) -> list[Detector]:
        """Return the detectors that have to look closer, in the order in which they win."""
        return [self.detectors[index] for index in sorted(self.suspects(line) or ()) if index < len(self.detectors)]

    def _prove(self) -> None:
        """Refuse to start with an automaton that misses what it was built to find.

        An automaton over its memory budget answers "nothing found" and no more: that silence must not be taken
        for a clean line.
        """
        for index, detector in enumerate(self.detectors):
            for example in detector.examples:
                if index not in (self.suspects(orjson.dumps(example)) or ()):
                    raise ValueError(f"The scan pattern of the detector {detector.name!r} does not find {example!r}.")
