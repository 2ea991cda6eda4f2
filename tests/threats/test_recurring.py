"""Quiet texts are known again, in bounded memory, and nothing else is taken for one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aura_logging.threats.recurring import QuietTexts

SHORT = st.text(max_size=300)
LONG = st.text(min_size=301, max_size=310)
TEXTS = st.lists(st.one_of(SHORT, LONG), max_size=8)


@given(seen=st.lists(TEXTS, max_size=20), others=TEXTS)
def test_known_is_what_was_added_and_is_short(seen: list[list[str]], others: list[str]) -> None:
    quiet = QuietTexts()
    for texts in seen:
        quiet.add(texts)

    added = {text for texts in seen for text in texts}

    assert quiet.unknown([*added, *others]) == {
        text for text in added.union(others) if text and (text not in added or len(text) > 300)
    }


def test_nothing_need_not_be_known() -> None:
    assert QuietTexts().unknown((None, "", "/things/")) == {"/things/"}


def test_it_forgets_before_it_grows() -> None:
    quiet = QuietTexts()
    for number in range(10_000):
        quiet.add((f"/things/{number}/", "curl/8.5"))

    assert len(quiet._texts) <= 1_002
    assert quiet.unknown(("/things/9999/", "curl/8.5")) == set()
    assert quiet.unknown(("/things/0/",)) == {"/things/0/"}
