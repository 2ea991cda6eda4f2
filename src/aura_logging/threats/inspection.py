"""Look at the parts of a request and say which attacks are in them."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from aura_logging.health import Health, Status
from aura_logging.patterns import ENGINE_NAME
from aura_logging.threats.decoding import decode, fold, without_comments, without_plus
from aura_logging.threats.gate import Gate
from aura_logging.threats.letters import NOT_IN_LETTERS, is_letter
from aura_logging.threats.signature import HEADERS, PATH
from aura_logging.threats.signatures import SIGNATURES
from aura_logging.threats.sql_injection import find_sql
from aura_logging.threats.threat import EVIDENCE_CHARACTERS, Inspection, Threat
from aura_logging.threats.values import LEAVES_AT_MOST, leaves_of, plain_text, values_of

__all__ = ["CHARACTERS_AT_MOST", "QUIET", "Inspector", "examine", "inspect"]

CHARACTERS_AT_MOST = 8_192
"""Looked at of one part; servers themselves take about as much for a line of a request."""

_PARTS_AT_MOST = 64
_FORMS_AT_MOST = 400
QUIET = Inspection()
"""Of a request with no threat in it."""

_CUT_IN_TWO = re.compile(r"(?:(?:\d[ .-]?){1,34}|[\w@.+/=-]{1,60})\Z")


class Inspector:
    """Finds attacks in the parts of requests; any thread may use it.

    `examine({"path": …, "query": …, "user-agent": …, "body": …})` takes strings as they came over the wire; bytes, and
    a body that is parsed already (dict, list), too. Part names are free; those of headers (`signature.HEADERS`) are
    spared the rules that make no sense in one.

    It never raises, and takes time linear in the input: each part is looked at up to `characters_at_most`, and what
    was longer is named in `Inspection.cut`. A request without a threat costs one pass over its bytes.
    """

    def __init__(self, gate: Gate | None = None, *, characters_at_most: int = CHARACTERS_AT_MOST) -> None:
        self._gate = gate or Gate(SIGNATURES)
        self._suspects = self._gate.suspects
        self._limit = characters_at_most
        self._lock = threading.Lock()
        self._failures: Counter[str] = Counter()

    def examine(self, parts: Mapping[str, Any]) -> Inspection:
        """Return what was found, and what was cut."""
        try:
            if self.is_quiet("\n".join(parts.values())):
                return QUIET
        except Exception:  # noqa: BLE001, S110  # a part is no string: it is made one below
            pass
        try:
            return self._examine(parts)
        except Exception as error:  # noqa: BLE001  # whatever was handed over, looking at it must not fail a request
            with self._lock:
                self._failures[type(error).__name__] += 1
            return QUIET

    def is_quiet(self, text: str) -> bool:
        """Tell whether nothing in the parts of a request, joined by line breaks, has to be looked at more closely."""
        return len(text) <= self._limit and not self._suspects(text.encode("utf-8", "replace"))

    def inspect(self, parts: Mapping[str, Any]) -> list[Threat]:
        """Return the threats, the most certain first."""
        return list(self.examine(parts).threats)

    def health(self) -> Health:
        """Tell how many inspections failed, by error: each is a bug of ours, and a request not looked at."""
        with self._lock:
            failures = dict(self._failures)
        failed = sum(failures.values())
        return Health(
            Status.DEGRADED if failed else Status.HEALTHY,
            detail=f"{failed} requests could not be inspected" if failed else "",
            facts={"failures": failures, "gate": ENGINE_NAME},
        )

    def _examine(self, parts: Mapping[str, Any]) -> Inspection:
        threats: list[Threat] = []
        cut: list[str] = []
        for location, part in islice(parts.items(), _PARTS_AT_MOST):
            location = str(location)
            is_parsed = isinstance(part, (Mapping, list, tuple))
            if is_parsed:
                texts, is_cut = self._cut_leaves(leaves_of(part))
            else:
                text, is_cut = self._cut(plain_text(part))
                texts = [text]
            if is_cut:
                cut.append(location)
            if self._suspects("\n".join(texts).encode("utf-8", "replace")):
                threats += self._examine_part(location, texts, is_parsed=is_parsed, is_cut=is_cut)
        threats.sort(key=lambda threat: -threat.score)
        return Inspection(tuple(threats), tuple(cut))

    def _cut(self, text: str) -> tuple[str, bool]:
        if len(text) <= self._limit:
            return text, False
        # The end as well as the beginning: padding in front is the oldest trick.
        tail = self._limit // 4
        return text[: self._limit - tail] + "\n" + text[-tail:], True

    def _cut_leaves(self, leaves: list[str]) -> tuple[list[str], bool]:
        room, kept = self._limit, []
        for leaf in leaves:
            if len(leaf) > room:
                kept.append(leaf[:room])
                return kept, True
            kept.append(leaf)
            room -= len(leaf)
        return kept, len(leaves) >= LEAVES_AT_MOST

    def _examine_part(self, location: str, texts: list[str], *, is_parsed: bool, is_cut: bool) -> list[Threat]:
        name = location.lower()
        if is_parsed:
            forms = _forms(texts, plus="either")
        else:
            values, is_form = values_of(name, texts[0])
            plus = "blank" if is_form else "literal" if name in HEADERS or name == PATH else "either"
            forms = _forms(values, plus=plus)
        found: dict[str, Threat] = {}
        for form in islice(forms, _FORMS_AT_MOST):
            self._look(form, location, found, is_cut=is_cut)
        return list(found.values())

    def _look(self, form: str, location: str, found: dict[str, Threat], *, is_cut: bool) -> None:
        hits = self._suspects(form.encode("utf-8", "replace"))
        if not hits:
            return
        gate = self._gate
        name = location.lower()
        may_be_sql = False
        for hit in sorted(hits):
            if hit >= gate.first_disguise:
                break
            if hit >= gate.first_sql:
                may_be_sql = True
                break
            signature = gate.signatures[hit]
            if signature.kind in found and found[signature.kind].score >= signature.score:
                continue
            if not signature.applies_to(name):
                continue
            match = signature.compiled.search(form)
            if match is not None and not (signature.rule in NOT_IN_LETTERS and is_letter(form)):
                evidence = _evidence(form, match.start())
                found[signature.kind] = Threat(
                    signature.kind, signature.score, location, signature.rule, evidence, is_cut
                )
        if may_be_sql and "sqli" not in found:
            shape = find_sql(form)
            if shape is not None and not (shape.rule in NOT_IN_LETTERS and is_letter(form)):
                found["sqli"] = Threat("sqli", shape.score, location, shape.rule, _evidence(form, 0), is_cut)


def _forms(values: Sequence[str], plus: str) -> list[str]:
    """Return the values in the forms in which they are worth looking at, none twice."""
    forms: dict[str, None] = {}
    for value in values:
        decoded = decode(without_plus(value) if plus == "blank" else value)
        forms[decoded] = None
        if plus != "literal" and "+" in decoded:
            forms[without_plus(decoded)] = None
        folded = fold(decoded)
        if folded != decoded:
            forms[folded] = None
        forms.update(dict.fromkeys(without_comments(folded)))
    return list(forms)


def _evidence(form: str, start: int) -> str:
    """Return the beginning of what matched, safe to print, and short."""
    raw = form[start : start + EVIDENCE_CHARACTERS + 1]
    if not raw.isprintable():
        raw = "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode("ascii") for c in raw)
    if len(raw) > EVIDENCE_CHARACTERS:
        # Half a card number, or half an address, is one that no scrubber knows any more.
        raw = _CUT_IN_TWO.sub("", raw[:EVIDENCE_CHARACTERS])
    return raw


_inspector = Inspector()
examine = _inspector.examine
inspect = _inspector.inspect
