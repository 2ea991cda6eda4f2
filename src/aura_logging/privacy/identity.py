"""Find the numbers that states and health systems give to people."""

from __future__ import annotations

import re
from collections.abc import Iterator

from aura_logging.privacy.checksums import is_ssn
from aura_logging.privacy.detector import Detector, Span, by_pattern
from aura_logging.privacy.numbers_in_text import is_column_of_numbers
from aura_logging.privacy.scan_syntax import AFTER_DIGIT, BEFORE_DIGIT, any_of

__all__ = ["US_SSN", "MEDICAL_RECORD", "US_MBI"]

_GROUPED = re.compile(
    r"(?<![0-9])(?<![0-9][-.\u2010-\u2015])([0-9]{3})([-. +\u00a0\u2010-\u2015])([0-9]{2})\2([0-9]{4})"
    r"(?![0-9]|[-.][0-9])"
)
_NAMED = (
    r"(?<![a-z])ssns?(?![a-z])|(?-i:(?<=[a-z])SSN(?![a-z]))|(?<![a-z])soc(?:ial)?\.?[ _-]{0,2}sec(?:urity)?"
    r"|(?<![a-z])ss ?(?:#|no\b|num)|(?<![a-z])social ?[:#]|(?<![a-z.])s\.s\.n(?![a-z])"
)
# After its name a number may stand bare, or grouped in any way: "SSN: 078051120", "ssn=07805-1120".
_ANY_GAP = r"(?:[ \t]?[-./_+\u00a0\u2010-\u2015\u2212]{1,2}[ \t]?|[ \t]{1,2})?"
_ANY_GROUPS = rf"([0-9]{{3}}){_ANY_GAP}([0-9]{{2}}){_ANY_GAP}([0-9]{{4}})"
_AFTER_NAME = re.compile(rf"(?i:{_NAMED})[^0-9]{{0,32}}?(?<![0-9]){_ANY_GROUPS}(?![0-9])")
_BARE = re.compile(rf"\s*{_ANY_GROUPS}\s*")
_FIELD = re.compile(r"(?i)(?:^|[^a-z])ssn(?:$|[^a-z])|soc(?:ial)?[ _-]?sec")


def _ssns(text: str, field: str) -> Iterator[Span]:
    if field and _FIELD.search(field) and (whole := _BARE.fullmatch(text)) and is_ssn(*whole.groups()):
        yield whole.start(1), whole.end(3)
        return
    spans: list[Span] = []
    for match in _GROUPED.finditer(text):
        area, gap, group, serial = match.groups()
        if is_ssn(area, group, serial) and not (gap == " " and is_column_of_numbers(text, match.start(), match.end())):
            spans.append(match.span())
    for match in _AFTER_NAME.finditer(text):
        span = (match.start(1), match.end(3))
        if is_ssn(*match.groups()) and span not in spans:
            spans.append(span)
    yield from sorted(spans)


_SCAN_GAP = rb"(?:[-. +]|\xc2\xa0|\xe2\x80[\x90-\x95]|%20|%2d)"
_SCAN_ANY_GAP = (
    rb"(?:(?:[ \t]|\\t){0,2}(?:[-./_+]|\xc2\xa0|\xe2\x80[\x90-\x95]|\xe2\x88\x92|%20|%2d|%2f){0,2}(?:[ \t]|\\t)?)"
)

US_SSN = Detector(
    name="us_ssn",
    scan=any_of(
        BEFORE_DIGIT + rb"[0-9]{3}" + _SCAN_GAP + rb"[0-9]{2}" + _SCAN_GAP + rb"[0-9]{4}" + AFTER_DIGIT,
        rb"(?:ssn|soc(?:ial)?\.?[ _-]{0,2}sec|(?:^|[^a-z]|\\[nrtbf])ss ?(?:#|no|num)|social ?[:#]|s\.s\.n)"
        rb"[^0-9]{0,64}[0-9]{3}" + _SCAN_ANY_GAP + rb"[0-9]{2}" + _SCAN_ANY_GAP + rb"[0-9]{4}" + AFTER_DIGIT,
    ),
    find=_ssns,
    keep_last=4,
    normalise=lambda value: re.sub(r"[^0-9]", "", value),
    examples=(
        "078-05-1120",
        "123-45-6789",
        "abc 078 05 1123 abc",
        "078.05.1123",
        "SSN: 078051123",
        "my social security number is 078051123.",
        "?ssn=078051123&x",
        "ssn:\n123-45-6789",
        "applicant(899-12-3456)",
        "SSN 078/05/1123",
        "Soc. Sec. No.: 078 - 05 - 1123",
        "SS# 078_05_1123",
        "userSSN=078051123",
        "Social: 078-05-1123",
        "S.S.N.: 078--05--1123",
    ),
    counter_examples=(
        "000-12-3456",
        "Bar Assn 123456789",
        "666-12-3456",
        "900-12-3456",
        "078-00-1123",
        "078-05-0000",
        "693-09.4444",
        "078051123",
        "2025-11-23",
        '"GET / HTTP/1.1" 200 15 1234',
        "1078-05-1120",
        "12345-6789",
        "part 078-05-11201",
        "4012-888-88-8881",
    ),
)

MEDICAL_RECORD = Detector(
    name="medical_record",
    enabled=False,
    scan=rb"(?:mrn|medical[ _-]?record|patient[ _-]?(?:id|number|no)|health[ _-]?plan)[^0-9]{0,24}[0-9]{5}",
    find=by_pattern(
        r"(?i)(?<![a-z])(?:mrn|medical[ _-]?record(?:[ _-]?(?:number|no\.?|id))?|patient[ _-]?(?:id|number|no\.?)"
        r"|health[ _-]?plan(?:[ _-]?(?:number|no\.?|id))?)[\"'\s:=#\[(-]{1,6}(?:is )?"
        r"([A-Z]{0,3}[0-9]{5,12})(?![0-9A-Za-z])",
        group=1,
    ),
    keep_last=0,
    examples=("MRN: 00123456", "medical record number is 8812345", "mrn=A1234567", "patient_id: 998877665"),
    counter_examples=("MRN missing", "mrna 123456", "patients: 123456", "record 123456"),
)

# Medicare Beneficiary Identifier: eleven signs without S, L, O, I, B, Z (Centers for Medicare & Medicaid Services).
_MBI_LETTER = "[AC-HJKMNP-RT-Yac-hjkmnp-rt-y]"
_MBI_EITHER = _MBI_LETTER[:-1] + "0-9]"
_MBI = f"[1-9]{_MBI_LETTER}{_MBI_EITHER}[0-9]-?{_MBI_LETTER}{_MBI_EITHER}[0-9]-?{_MBI_LETTER}{{2}}[0-9]{{2}}"

US_MBI = Detector(
    name="us_mbi",
    enabled=False,
    scan=rb"[1-9][a-z][a-z0-9][0-9]-?[a-z][a-z0-9][0-9]-?[a-z]{2}[0-9]{2}",
    find=by_pattern(rf"(?<![0-9A-Za-z]){_MBI}(?![0-9A-Za-z])"),
    examples=("1EG4-TE5-MK73", "mbi 1EG4TE5MK73."),
    counter_examples=("1SG4-TE5-MK73", "1EG4TE5MK7", "1EG4TE5MK734", "AEG4-TE5-MK73"),
)
