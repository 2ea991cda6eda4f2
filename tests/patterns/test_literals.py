"""The words a pattern cannot do without spare the slower engine most of its work, and never a match."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging.patterns.literals import required_words
from aura_logging.patterns.syntax import parse


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("abc", {"abc"}),
        ("[aA]bc", {"abc"}),
        ("x?abc", {"abc"}),
        ("ab[0-9]cde", {"cde"}),
        ("(?:abc|de)x", {"abc", "de"}),
        ("(?:abc|[0-9])x", None),
        ("(?:password|user_password)=", {"password"}),
        ("(?:abc){2}", {"abc"}),
        ("(?:abc)*", None),
        ("[0-9]{3}", None),
        ("(?:@|%40)[a-z]", {"@", "%40"}),
        ("a", None),
    ],
)
def test_the_words_of_a_pattern(pattern: str, words: set[str] | None) -> None:
    found = required_words(parse(pattern))

    assert found == (None if words is None else frozenset(words))


@given(st.text(alphabet="abcde@%40x=", max_size=30))
def test_a_text_without_the_words_is_never_matched(text: str) -> None:
    for pattern in ("ab[0-9]?cd", "(?:abc|de)x", "(?:@|%40)[a-z]", "a{2}b+cd=", "x?(?:ab|cde)+"):
        words = required_words(parse(pattern))
        if words and not any(word in text for word in words):
            assert not re.search(pattern, text)
