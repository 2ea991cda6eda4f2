"""What was escaped or typed in another script is read as what it means, and found where it was written."""

from __future__ import annotations

import json
from urllib.parse import quote, quote_plus

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_logging.privacy import Scrubber
from aura_logging.privacy.reading import plain_reading

SCRUBBER = Scrubber()
WIDE_DIGITS = {48 + digit: 0xFF10 + digit for digit in range(10)}
ARABIC_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")
BENGALI_DIGITS = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯")

CARD = "4111{0}1111{0}1111{0}1111"
IBAN = "GB82{0}WEST{0}1234{0}5698{0}7654{0}32"
GAPS = ["\u00a0", "\u2007", "\u2009", "\u202f", "\u2011", "\u2013", "\u2212", "\u3000", "\u200b", "\u00ad", "\u2060"]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("%34%31", "41"),
        ("4%C2%A01", "4 1"),
        ("%E2%80%91", "-"),
        ("%FF", "ÿ"),
        ("%2540", "@"),
        ("%252540", "@"),
        (r"4\u00a01", "4 1"),
        (r"4\\\\u00a01", "4 1"),
        (r"b'4\xc2\xa01'", "b'4 1'"),
        (r"'4\xa01'", "'4 1'"),
        ("jane&#64;example&period;com", "jane@example.com"),
        ("4&nbsp;1", "4 1"),
        ("\uff14\uff11\uff11\uff11", "4111"),
        ("٤١", "41"),
        ("jane\uff20example\uff0ecom", "jane@example.com"),
        ("4\u200b1\ufeff1", "411"),
        ("n=6+1&x=+1", "n=6 1&x=+1"),
        ("\uff11\uff0534", "14"),
    ],
)
def test_escapes_and_unusual_characters_are_read(written: str, read: str) -> None:
    reading = plain_reading(written)

    assert reading is not None
    assert reading.text == read
    assert reading.original((0, len(read))) == (0, len(written))


@pytest.mark.parametrize(
    "text", ["", "plain", "100 %", "a & b", r"C:\new", "6+1", "größer als für", "%zz &nope;", "日本"]
)
def test_what_is_plain_has_no_other_reading(text: str) -> None:
    assert plain_reading(text) is None


@settings(deadline=None)
@given(st.text())
def test_every_place_of_a_reading_is_one_of_the_original(text: str) -> None:
    reading = plain_reading(text)

    if reading is not None:
        assert len(reading.places) == len(reading.text) + 1
        assert list(reading.places) == sorted(reading.places)
        assert reading.places[-1] == len(text)


def escaped_in(value: str) -> dict[str, str]:
    body = json.dumps({"value": value})
    return {
        "raw": f"value {value} sent",
        "query": f"/pay?value={quote_plus(value)}&x=1",
        "twice in a query": f"/login?next={quote(f'/pay?value={quote(value)}')}",
        "json": body,
        "json in json": json.dumps({"body": body}),
        "repr": f"{{'value': {value.encode('unicode_escape').decode()!r}}}",
        "repr of bytes": repr(value.encode()),
        "html": f"<td>{value.encode('ascii', 'xmlcharrefreplace').decode()}</td>",
    }


@pytest.mark.parametrize("way", escaped_in(""))
@pytest.mark.parametrize(
    "value",
    [
        *(pytest.param(CARD.format(gap), id=f"card with {ord(gap):04x}") for gap in GAPS),
        *(pytest.param(f"078{gap}05{gap}1120", id=f"ssn with {ord(gap):04x}") for gap in GAPS[:7]),
        *(pytest.param(IBAN.format(gap), id=f"iban with {ord(gap):04x}") for gap in GAPS[:7]),
        *(pytest.param(f"+1{gap}415{gap}555{gap}2671", id=f"phone with {ord(gap):04x}") for gap in GAPS[:7]),
        pytest.param("4111111111111111".translate(WIDE_DIGITS), id="card in wide digits"),
        pytest.param("4111 1111 1111 1111".translate(ARABIC_DIGITS), id="card in Arabic digits"),
        pytest.param("+880 1258 976936".translate(BENGALI_DIGITS), id="phone in Bengali digits"),
        pytest.param("jürgen@müller.de", id="e-mail"),
        pytest.param("用户@例子.广告", id="e-mail in Chinese"),
    ],
)  # fmt: skip
def test_a_value_is_found_in_the_line_and_in_the_text_however_it_was_escaped(value: str, way: str) -> None:
    text = escaped_in(value)[way]

    scrubbed, findings = SCRUBBER.scrub(text)

    assert findings
    assert SCRUBBER.engine.suspects(orjson.dumps({"message": text}))
    digits = sum(character.isdecimal() for character in scrubbed)
    assert digits <= sum(character.isdecimal() for character in escaped_in("")[way])
    assert "@" not in scrubbed
    assert SCRUBBER.scrub(scrubbed) == (scrubbed, [])
