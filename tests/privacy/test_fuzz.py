"""Whatever the text and the nesting: nothing raises, nothing planted comes out, and both engines agree."""

from __future__ import annotations

import json
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_logging.patterns import re2_set, re_set
from aura_logging.privacy import Scrubber
from aura_logging.privacy.checksums import luhn

SCRUBBER = Scrubber(enable=["ip_address", "medical_record", "us_mbi"])
PATTERNS = [detector.scan for detector in SCRUBBER.engine.detectors]
BY_RE2 = re2_set.compile_set(PATTERNS)
BY_RE = re_set.compile_set(PATTERNS)

# Text made of what detectors look at is likelier to confuse them than text of any characters.
TELLING = st.sampled_from(
    ["4111", "1111", " ", "-", ".", "+", "@", "a", "x", "/", ":", "//", "%20", "%", "\\", '"', "'", "\n", "=",
     "password", "token", "Bearer ", "eyJ", "-----BEGIN ", "PRIVATE KEY-----", "GB82", "WEST", "078", "05", "1120",
     "(415)", "555",
     "2671", "é", "\u202e", "\x00", "\x85", "0", "1", "00", "[", "]", "{", "}", ",", ";", "&", "ssn", "phone", "AKIA",
     "sessionid", "Cookie: ", "code", "bed", "django-insecure-", "jane", "example", "com", "\u2011",
     "\ud800", "[REDACTED:"]
)  # fmt: skip
TEXTS = st.one_of(
    st.text(),
    st.lists(TELLING, max_size=24).map("".join),
    st.lists(st.one_of(TELLING, st.text(max_size=3))).map("".join),
)
SPACED = st.sampled_from(["", " ", "-"])


@st.composite
def cards(draw: st.DrawFn) -> str:
    body = draw(st.sampled_from(["4", "51", "2221", "6011", "34", "37", "36", "3528"]))
    length = {"3": 15 if body in ("34", "37") else 14, "4": 16, "5": 16, "2": 16, "6": 16}[body[0]]
    length = 16 if body == "3528" else length
    body += "".join(str(draw(st.integers(0, 9))) for _ in range(length - 1 - len(body)))
    digits = next(body + str(check) for check in range(10) if luhn(body + str(check)))
    gap = draw(SPACED)
    return gap.join(digits[place : place + 4] for place in range(0, length, 4)) if gap else digits


VALUES = st.recursive(
    st.one_of(
        TEXTS,
        st.integers(),
        st.floats(),
        st.booleans(),
        st.none(),
        st.binary(),
        st.datetimes(),
        st.uuids(),
        st.decimals(),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.one_of(TEXTS, st.integers()), inner, max_size=4),
        st.tuples(inner, inner),
    ),
    max_leaves=12,
)


@given(TEXTS)
def test_any_text_is_scrubbed_without_an_error_and_once_is_enough(text: str) -> None:
    once, findings = SCRUBBER.scrub(text)

    assert (once == text) == (findings == [])
    position = 0
    for finding in findings:
        assert position <= finding.start < finding.end <= len(text)
        position = finding.end


@given(VALUES)
def test_any_value_is_scrubbed_without_an_error(value: Any) -> None:
    scrubbed, findings = SCRUBBER.scrub_value(value)

    assert (scrubbed is value) == (findings == [])


@given(st.text().filter(lambda t: not t[-1:].isalnum() and t[-1:] not in (".", "%", *"-+ ")), cards(), st.text())
def test_a_planted_card_never_comes_out(before: str, card: str, after: str) -> None:
    if after[:1].isalnum() or after[:1] in tuple("-+ .%"):
        after = f"\n{after}"

    scrubbed, _ = SCRUBBER.scrub(f"{before}{card}{after}")

    assert card not in scrubbed


@given(VALUES, cards(), st.integers(0, 6))
def test_a_card_planted_anywhere_in_a_structure_never_comes_out_and_the_rest_is_valid_json(
    around: Any, card: str, depth: int
) -> None:
    value: Any = f"pay with {card} now"
    for level in range(depth):
        value = {"inner": value, "beside": around} if level % 2 else [around, value]

    scrubbed, findings = SCRUBBER.scrub_value({"extra": value})

    assert "credit_card" in {finding.detector for finding in findings}
    assert card not in json.dumps(scrubbed, default=str)


@given(TEXTS, cards())
def test_the_line_of_a_planted_card_is_suspect(text: str, card: str) -> None:
    planted = f"{text}\n{card}\n"
    line = json.dumps({"message": planted}, ensure_ascii=False).encode("utf-8", "surrogatepass")

    assert BY_RE2(line)


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_both_engines_suspect_the_same(text: str) -> None:
    for line in (
        text.encode("utf-8", "surrogatepass"),
        json.dumps({"message": text}, ensure_ascii=False).encode("utf-8", "surrogatepass"),
    ):
        assert sorted(BY_RE2(line) or ()) == sorted(BY_RE(line) or ())


@given(TEXTS.filter(lambda text: text.isprintable() or text.isascii()))
@settings(max_examples=300, deadline=None)
def test_the_encoded_line_is_suspect_of_whatever_is_found_in_its_text(text: str) -> None:
    findings = SCRUBBER.find(text)
    names = {detector.name for detector in SCRUBBER.engine.suspected(orjson.dumps({"message": text}))}

    assert {finding.detector for finding in findings} <= names
