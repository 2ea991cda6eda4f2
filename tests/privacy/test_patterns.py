"""A project's own patterns: they work like the built-in ones, or are refused at start-up with the reason."""

from __future__ import annotations

import re
import time
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging.options import OptionError
from aura_logging.patterns import re2_set, re_set
from aura_logging.privacy import Scrubber, custom_pattern


def test_a_pattern_is_redacted_under_its_own_name() -> None:
    scrubber = Scrubber(patterns={"employee_number": r"\bEMP-\d{6}\b"})

    assert scrubber.scrub("by EMP-004711.") == ("by [REDACTED:employee_number].", scrubber.find("by EMP-004711."))
    assert scrubber.scrub("by EMP-00471")[1] == []


def test_a_validator_has_the_last_word() -> None:
    even = custom_pattern("even", r"\bN(\d{4})\b", validator=lambda digits: int(digits) % 2 == 0)
    scrubber = Scrubber(patterns=[even])

    assert scrubber.scrub("N1234 N1235")[0] == "N[REDACTED:even] N1235"


def test_a_validator_that_raises_counts_as_a_yes() -> None:
    broken = custom_pattern("broken", r"\bN\d{4}\b", validator=lambda digits: 1 / 0 > 1)

    assert Scrubber(patterns=[broken]).scrub("N1234")[0] == "[REDACTED:broken]"


def test_a_pattern_can_come_with_its_proof() -> None:
    with pytest.raises(OptionError, match="does not find its example 'MRN 12'"):
        custom_pattern("mrn", r"MRN \d{6}", examples=("MRN 12",))
    with pytest.raises(OptionError, match="finds its counter-example"):
        custom_pattern("mrn", r"MRN \d{6}", counter_examples=("MRN 123456",))


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        (r"(a+)+$", "exponential"),
        (r"(a*)*b", "may be empty"),
        (r"(a|a)*b", "same text"),
        (r"(\w+\s?)*x", "exponential"),
        (r"(x+x+)+y", "exponential"),
        (r"(\d{1,18}){1,18}x", "exponential"),
        (r"(?:a?){30}a{30}", "may be empty"),
        (r"^(([a-z])+.)+[A-Z]([a-z])+$", "exponential"),
        (r"([a-zA-Z0-9])(([\-.]|[_]+)?([a-zA-Z0-9]+))*@", "exponential"),
        (r".*secret.*", "quadratic"),
        (r"\s*:?\s*x", "quadratic"),
        (r"(a)\1", "reference to a group"),
        (r"(?=a)b", "look-ahead"),
        (r"(?<!a)b", "look-behind"),
        (r"a*", "matches the empty text"),
        (r"(unclosed", "does not parse"),
        (r"a{5000}", "more than 1,000 times"),
    ],
)
def test_what_some_text_could_make_slow_is_refused_with_the_reason(pattern: str, reason: str) -> None:
    with pytest.raises(OptionError) as raised:
        custom_pattern("mine", pattern)

    assert reason in str(raised.value)
    assert repr(pattern) in str(raised.value)


@pytest.mark.parametrize(
    "pattern",
    [
        r"\bEMP-\d{6}\b",
        r"(?i)mrn[:# ]{0,3}(\d{6,10})",
        r"(?:[ -]?\d){12,18}",
        r"[\w.]+@corp\.example",
        r"(?:\d{4}[ -]?)+x",
        r"\d+\s*-\s*\d+",
        r"(?:[A-Z]{2}\d+;)+",
        r"card|cards|carded",
        r"[^\s\"]{8,64}!",
        r"\"quoted\\ \d{3}\"",
    ],
)
def test_what_is_always_fast_is_taken(pattern: str) -> None:
    assert custom_pattern("mine", pattern).name == "mine"


@pytest.mark.parametrize("text", ["x" * 60_000, "1" * 60_000, " " * 60_000, "a-" * 30_000, "1 " * 30_000])
def test_long_hostile_text_takes_time_in_proportion(text: str) -> None:
    scrubber = Scrubber(patterns={"mine": r"\d+\s*-\s*\d+x", "other": r"(?:[A-Z]{2}\d+;)+!"})
    began = time.process_time()

    scrubber.scrub(text)

    # A quadratic search of 60,000 characters takes minutes.
    assert time.process_time() - began < 20


ESCAPED_TEXTS = {
    r"N\d{3}": "N123",
    r"a\"b": 'a"b',
    r"x\\y": "x\\y",
    r"a\sb": "a\nb",
    r"é{2}z": "ééz",
    r"(?i)straße": "STRAße",
}


@pytest.mark.parametrize("compile_set", [re2_set.compile_set, re_set.compile_set])
@pytest.mark.parametrize(("pattern", "text"), ESCAPED_TEXTS.items())
def test_the_scan_finds_in_the_encoded_line_what_the_pattern_finds_in_the_text(
    compile_set: Any, pattern: str, text: str
) -> None:
    suspects = compile_set([custom_pattern("mine", pattern).scan])

    for around in ("{}", "\n{}\n", '"{}"', "é{}é", "\x01{}"):
        assert suspects(orjson.dumps({"m": around.format(text)}))


@given(st.from_regex(r"[a-f\"\\\n é0-9.-]{0,40}", fullmatch=True))
def test_the_scan_of_a_pattern_never_misses(text: str) -> None:
    for pattern in (r"\b[a-c]\d{2}-?\.", r"[\"\\]a", r"(?:a|bé)+\s", r"[^a-f]{3}"):
        detector = custom_pattern("mine", pattern)
        if re.search(pattern, text):
            assert re2_set.compile_set([detector.scan])(orjson.dumps({"m": text}))


def test_two_hundred_patterns_can_be_had() -> None:
    scrubber = Scrubber(patterns={f"pattern_{n}": rf"\bP{n:03}-\d{{6}}\b" for n in range(200)})

    assert scrubber.scrub("see P150-123456")[0] == "see [REDACTED:pattern_150]"
