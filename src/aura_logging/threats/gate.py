"""Decide in one pass over a request as it came which signatures have to look closer: for nearly all requests, none."""

from __future__ import annotations

from collections.abc import Sequence

from aura_logging.patterns import CompileSet, compile_set
from aura_logging.threats.signature import Signature
from aura_logging.threats.sql_hints import SQL_HINTS

__all__ = ["DISGUISED", "Gate"]

DISGUISED: tuple[bytes, ...] = (
    # What a browser has to encode in a form but people seldom type: quotes, brackets, control characters, $ % ; < > \
    # ^ ` { | }. And what no encoder has a reason to: letters, digits, the dot.
    rb"%(?:0[0-9a-f]|1[0-9a-f]|2[1245789ae]|3[0-9bce]|4[1-9a-f]|5[0-9acef]|6[0-9a-f]|7[0-9a-f]|c[01]|[ef][08c]%80|u[0-9a-f]{3})",
    rb"#x?[0-9a-f]{2,7}|&(?:lt|gt|quot|apos|colon|lpar|rpar|tab|newline|sol|bsol|period|equals|grave|dollar|num|nbsp);",
    rb"\\(?:x[0-9a-f]|u00|u\{)|[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbc|\xef\xb9|\xc2\xa0|%a0|/\*|"
    # Of the fullwidth characters, not the punctuation of Chinese and Japanese.
    rb"%ef%bc%(?:8[2-7aef]|9[cde]|a[1-9a-f]|b[0-9a-f])|%ef%bd%(?:[89]|a0)|%c2%a0|"
    rb"\xe2\x91|\xe2\x92|\xe2\x93|%e2%9[123]|//[^/ ]{1,30}\xe3\x80\x82|(?:/|%2f){2}[^/ ]{1,30}%e3%80%82|0x(?:2f|5c|2e)",
)
"""Hints that something is written in another way than it needs to be: it is decoded, and then gated again."""


class Gate:
    """All hints as one automaton; `suspects(bytes)` tells the indices of those that are there. Any thread may call it.

    The first indices are those of the signatures; from `first_sql` they are those of SQL, from `first_disguise` those
    of encodings.
    """

    def __init__(self, signatures: Sequence[Signature], compile_set: CompileSet = compile_set) -> None:
        self.signatures = tuple(signatures)
        hints = [signature.hint for signature in self.signatures]
        self.first_sql = len(hints)
        hints += SQL_HINTS
        self.first_disguise = len(hints)
        hints += DISGUISED
        self.suspects = compile_set(hints)
        self._prove()

    def _prove(self) -> None:
        """Refuse to start with an automaton that misses what it was built to find: over its budget it is silent."""
        missed = [
            (signature.rule, example)
            for index, signature in enumerate(self.signatures)
            for example in signature.examples
            if index not in (found := self.suspects(example.encode()) or ())
            and not any(hit >= self.first_disguise for hit in found)
        ]
        if missed:
            raise ValueError(f"These signatures' hints do not find their examples: {missed}.")
