"""Nothing that is logged forges a line, drives a terminal or breaks a formatter."""

from __future__ import annotations

import json
import logging
import os
import pty
import re
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_logging.formatters import ConsoleFormatter, JsonFormatter, escape
from aura_logging.schema import SCHEMAS

BIDI_CONTROLS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
ATTACKS = [
    "\n2026-11-23T05:00:00Z CRITICAL root forged",
    "\r\n05:00:00.000 CRITICAL root forged",
    "\rforged",
    "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029forged",
    "\x1b[2J\x1b]0;title\x07\x1b[1A\x1b[2K",
    "\x9b2J\x90q\x9d0;title\x9c",
    "\x08" * 40 + "forged",
    "\x00\x7f",
    "".join(BIDI_CONTROLS) + "drowssap",
    '"}\n{"level":"CRITICAL","message":"forged"}',
    "\ud800\udfff",
]
FORMATTERS: dict[str, Callable[[], logging.Formatter]] = {
    "console": lambda: ConsoleFormatter(color=False),
    **{schema: lambda schema=schema: JsonFormatter(schema) for schema in SCHEMAS},  # type: ignore[misc]
}


def a_record(msg: Any = "hello", *args: Any, name: str = "shop", levelno: int = logging.INFO, **extra: Any) -> Any:
    record = logging.LogRecord(name, levelno, "views.py", 7, msg, args, None, "place")
    record.created = 1_795_325_573.25
    record.__dict__.update(extra)
    return record


def raw_controls(text: str) -> list[str]:
    return [c for c in text if unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs") or c in BIDI_CONTROLS]


class Screen:
    """As much of a terminal as an attack needs: it obeys line breaks, returns, backspaces and erasures."""

    def __init__(self) -> None:
        self.rows = [""]
        self.column = 0

    def show(self, text: str) -> list[str]:
        for part in re.split(r"(\x1b\[[0-9;]*[A-Za-z]|\x9b[0-9;]*[A-Za-z]|.)", text, flags=re.DOTALL):
            if part in ("\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"):
                self.rows.append("")
                self.column = 0
            elif part == "\r":
                self.column = 0
            elif part == "\x08":
                self.column = max(0, self.column - 1)
            elif part[:1] in ("\x1b", "\x9b"):
                if part.endswith(("J", "K", "A")):
                    self.rows[-1] = ""
            elif part:
                row = self.rows[-1]
                self.rows[-1] = row[: self.column] + part + row[self.column + 1 :]
                self.column += 1
        return self.rows


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("kind", FORMATTERS)
@pytest.mark.parametrize("where", ["msg", "args", "bad args", "logger", "level", "key", "value", "nested", "request"])
def test_no_text_forges_a_line_wherever_it_stands(kind: str, attack: str, where: str) -> None:
    record = {
        "msg": lambda: a_record(f"hi {attack}"),
        "args": lambda: a_record("hi %s", attack),
        "bad args": lambda: a_record("hi %d", attack),
        "logger": lambda: a_record(name=f"shop{attack}"),
        "level": lambda: a_record(levelname=f"INFO{attack}"),
        "key": lambda: a_record(**{f"key{attack}": 1}),
        "value": lambda: a_record(key=f"value{attack}"),
        "nested": lambda: a_record(key=[{attack: attack}]),
        "request": lambda: a_record(request=attack),
    }[where]()

    text = FORMATTERS[kind]().format(record)

    assert raw_controls(text) == []
    assert Screen().show(text) == [text]


@pytest.mark.parametrize("attack", [attack for attack in ATTACKS if "\ud800" not in attack])
def test_an_exception_forges_no_line_in_the_console(attack: str) -> None:
    error = ValueError(f"broken {attack}")
    error.add_note(f"note {attack}")
    group = ExceptionGroup(f"group {attack}", [error])
    record = a_record("failed")
    record.exc_info = (ExceptionGroup, group, None)
    record.stack_info = f"Stack {attack}"

    first, *below = Screen().show(ConsoleFormatter(color=False).format(record))

    assert first == "05:32:53.250 INFO     shop failed"
    assert below
    assert all(row.startswith("    ") for row in below)
    assert raw_controls("".join(below)) == []


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_exception_forges_no_line_in_json(attack: str, schema: str) -> None:
    error = ValueError(f"broken {attack}")
    error.add_note(f"note {attack}")
    record = a_record("failed")
    record.exc_info = (ValueError, error, None)

    text = JsonFormatter(schema).format(record)

    assert raw_controls(text) == []
    assert "broken" in json.loads(text)[SCHEMAS[schema].name("exception")]


@settings(max_examples=200, deadline=None)
@given(st.text(), st.text(), st.text(), st.text())
def test_any_text_is_one_printable_line(message: str, name: str, key: str, value: str) -> None:
    record = a_record(message.replace("%", ""), name=name, **{f"x{key}": value})

    for color in (False, True):
        text = ConsoleFormatter(color=color).format(record)

        assert raw_controls(re.sub("\x1b\\[[0-9;]+m", "", text)) == []
        text.encode()


def test_a_value_cannot_pose_as_a_field_of_its_own() -> None:
    record = a_record("login", agent='x" user_id="1', path="/a=b", **{"key user_id": "1"}, user_id="7", plain="ok")

    text = ConsoleFormatter(color=False).format(record)

    assert text.endswith(r'agent="x\" user_id=\"1" path="/a=b" "key user_id"=1 user_id=7 plain=ok')
    unquoted = re.sub(r'"(\\"|[^"])*"', "", text)
    assert unquoted.count("user_id=") == 1


def test_a_line_for_people() -> None:
    record = a_record("order %d placed", 7, total=12.5, note="two words", empty="", gone=None, trace_id="00", big=1e9)

    assert ConsoleFormatter(color=False).format(record) == (
        '05:32:53.250 INFO     shop order 7 placed total=12.5 note="two words" empty="" big=1000000000.0'
    )
    assert ConsoleFormatter(color=False).encode(record).endswith(b"big=1000000000.0\n")


def test_what_is_hidden_is_for_the_caller_to_say() -> None:
    record = a_record(trace_id="00", total=1)

    assert ConsoleFormatter(color=False, hide=["total"]).format(record).endswith("hello trace_id=00")


def test_colours_stand_around_the_text_and_not_in_it() -> None:
    plain = ConsoleFormatter(color=False).format(a_record("hello", levelno=logging.ERROR, user_id="7"))
    coloured = ConsoleFormatter(color=True).format(a_record("hello", levelno=logging.ERROR, user_id="7"))

    assert "\x1b[31mERROR" in coloured
    assert coloured.endswith("\x1b[0m")
    assert re.sub("\x1b\\[[0-9;]+m", "", coloured) == plain


@pytest.mark.parametrize("kind", FORMATTERS)
def test_a_formatter_never_raises(kind: str) -> None:
    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError

        __repr__ = __str__

        @property
        def __class__(self) -> Any:  # type: ignore[override]
            raise RuntimeError

    formatter = FORMATTERS[kind]()
    for attribute in vars(a_record()):
        for value in (None, 7, Hostile(), b"\xff", float("nan"), ["x"]):
            record = a_record()
            record.__dict__[attribute] = value
            formatter.format(record)
        record = a_record()
        del record.__dict__[attribute]
        assert "\n" not in formatter.format(record)
    record = a_record("%s %s")
    record.args = (Hostile(),)
    formatter.format(record)
    formatter.format(a_record(value=Hostile()))
    formatter.format(a_record(value=[Hostile()]))


@pytest.mark.parametrize("color", [True, False])
def test_an_endless_recursion_is_shown(color: bool) -> None:
    def recurse() -> None:
        recurse()

    record = a_record("deep")
    try:
        recurse()
    except RecursionError:
        record.exc_info = sys.exc_info()

    assert "RecursionError" in ConsoleFormatter(color=color).format(record)


def test_causes_groups_and_notes_are_shown_and_indented() -> None:
    inner = ValueError("inner")
    inner.add_note("a note")
    record = a_record("failed")
    try:
        raise ExceptionGroup("many", [inner]) from KeyError("cause")
    except ExceptionGroup:
        record.exc_info = sys.exc_info()

    first, *below = ConsoleFormatter(color=False).format(record).split("\n")

    assert first.endswith("shop failed")
    assert all(line.startswith("    ") for line in below)
    for told in ("KeyError: 'cause'", "ExceptionGroup: many", "ValueError: inner", "a note"):
        assert any(told in line for line in below)


def test_json_as_text_and_as_bytes_is_the_same_line() -> None:
    record = a_record("grüße", value="\u2028")

    assert JsonFormatter().encode(record) == JsonFormatter().format(record).encode() + b"\n"


def test_an_unknown_schema_is_refused_when_the_formatter_is_made() -> None:
    with pytest.raises(ValueError, match="schema='elk' is unknown"):
        JsonFormatter("elk")


def test_escapes_are_readable() -> None:
    assert escape("a\tb\nc\rd\x1be\x07f\u2028g\x9bh") == r"a\tb\nc\rd\ee\x07f\u2028g\x9bh"
    assert escape("grüße 🙂") == "grüße 🙂"


# Colour on a terminal, and nowhere else ------------------------------------------------------------------------------

SCRIPT = """
import logging, sys
from aura_logging.formatters import ConsoleFormatter
handler = logging.StreamHandler()
handler.setFormatter(ConsoleFormatter())
logging.getLogger("shop").addHandler(handler)
logging.getLogger("shop").warning("hello")
"""


def said_on_a_terminal(**environ: str) -> bytes:
    ours, theirs = pty.openpty()
    try:
        plain = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "TERM")}
        subprocess.run([sys.executable, "-c", SCRIPT], stderr=theirs, env=plain | environ, check=True, timeout=30)
        return os.read(ours, 4096)
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize(
    ("environ", "coloured"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
)
def test_a_terminal_gets_colour_unless_it_is_not_wanted(environ: dict[str, str], coloured: bool) -> None:
    said = said_on_a_terminal(**environ)

    assert b"hello" in said
    assert (b"\x1b[" in said) is coloured


def test_a_file_or_a_pipe_gets_no_colour() -> None:
    outcome = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, check=True, timeout=30)

    assert b"hello" in outcome.stderr
    assert b"\x1b" not in outcome.stderr


@pytest.mark.parametrize("stderr", [None, open(os.devnull)])  # noqa: SIM115, PTH123  # closed below, on purpose
def test_a_process_without_standard_error_gets_no_colour(stderr: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    if stderr is not None:
        stderr.close()
    monkeypatch.setattr(sys, "stderr", stderr)

    assert "\x1b" not in ConsoleFormatter(environ={}).format(a_record())
