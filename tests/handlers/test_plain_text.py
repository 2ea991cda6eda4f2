from __future__ import annotations

import json
import logging
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging.handlers.plain_text import encode_text


def test_a_plain_line_stays_as_it_is() -> None:
    assert encode_text("10:15 INFO order 17 sent to Zoë\tok") == "10:15 INFO order 17 sent to Zoë\tok\n".encode()


@pytest.mark.parametrize("line_break", ["\n", "\r\n", "\n\n"])
def test_text_smuggled_in_with_a_line_break_cannot_pass_for_a_record(line_break: str) -> None:
    lines = encode_text(f"no such user: bob{line_break}INFO user admin logged in").split(b"\n")

    assert not any(line.startswith(b"INFO") for line in lines)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("\r", rb"\u000d"),
        ("\x1b[31m", rb"\u001b[31m"),
        ("\x00", rb"\u0000"),
        ("\x7f", rb"\u007f"),
        ("\x85", rb"\u0085"),
        ("\x9b2J", rb"\u009b2J"),
        ("\u2028", rb"\u2028"),
        ("\u202e", rb"\u202e"),
        ("\ud800", rb"\ud800"),
    ],
)
def test_what_drives_a_terminal_or_turns_text_around_is_shown_as_an_escape(raw: str, shown: bytes) -> None:
    assert encode_text(f"a{raw}b") == b"a" + shown + b"b\n"


def test_a_traceback_stays_readable() -> None:
    try:
        raise ValueError("no\nsuch thing")
    except ValueError:
        record = logging.LogRecord("shop", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())

    text = encode_text(logging.Formatter("%(levelname)s %(message)s").format(record)).decode()

    first, *below = text.splitlines()
    assert first == "ERROR failed"
    assert below[0] == "    Traceback (most recent call last):"
    assert below[-2:] == ["    ValueError: no", "    such thing"]


@given(st.text())
def test_only_the_first_line_of_a_record_begins_at_the_left_edge(text: str) -> None:
    encoded = encode_text(text)

    _, *below = encoded.decode().removesuffix("\n").split("\n")
    assert encoded.endswith(b"\n")
    assert all(line.startswith("    ") for line in below)
    assert len(encoded.decode().splitlines()) <= len(below) + 1


@given(st.dictionaries(st.text(max_size=5), st.one_of(st.text(), st.lists(st.integers()))), st.sampled_from([None, 2]))
def test_what_a_json_formatter_returns_means_the_same_afterwards(value: dict[str, object], indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=indent)

    assert json.loads(encode_text(text)) == value
