"""Two records are alike if one template and one place in the code made them, whatever they say."""

from __future__ import annotations

import logging
import sys

import pytest

from aura_logging.records import detach, template_of
from aura_logging.volume.fingerprints import exception_fingerprint, template_fingerprint


def failure(text: str) -> logging.LogRecord:
    try:
        raise KeyError(text)
    except KeyError:
        return logging.LogRecord("shop", logging.ERROR, "", 0, "card %s declined", (text,), sys.exc_info())


def test_a_record_whose_exception_is_text_already_is_known_by_the_same_two_things() -> None:
    one, another = detach(failure("x-1")), detach(failure("x-2"))

    assert one.exc_text != another.exc_text
    assert exception_fingerprint(one.exc_info, one.exc_text) == exception_fingerprint(None, another.exc_text)
    assert exception_fingerprint(None, one.exc_text)[0] == "KeyError"
    assert exception_fingerprint(None, "no traceback at all") != exception_fingerprint(None, "another text")


def test_a_detached_record_still_knows_its_template() -> None:
    record = failure("x-1")

    assert template_of(record) == template_of(detach(record)) == template_of(detach(detach(record)))
    assert template_of(detach(logging.makeLogRecord({"msg": "plain"}))) == "plain"


@pytest.mark.parametrize("exc_info", [None, False, True, (None, None, None), (1, 2), "text"])
def test_what_is_no_exception_has_no_fingerprint(exc_info: object) -> None:
    assert exception_fingerprint(exc_info) == ()


def test_what_only_looks_like_an_exception_breaks_nothing() -> None:
    assert exception_fingerprint((1, 2, 3)) == ("int",)
    assert exception_fingerprint(([], None, None)) == ("list",)


def test_a_long_template_is_known_without_being_kept() -> None:
    long, other = "x" * 100_000 + "1", "x" * 100_000 + "2"

    assert template_fingerprint(long) == template_fingerprint("x" * 100_000 + "1")
    assert template_fingerprint(long) != template_fingerprint(other)
    assert len(str(template_fingerprint(long))) < 400
