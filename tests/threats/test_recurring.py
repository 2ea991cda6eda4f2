"""Quiet texts are known again, in bounded memory, and nothing else is taken for one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from aura_logging.threats.recurring import QuietTexts

TEXTS = st.lists(st.one_of(st.none(), st.text(max_size=400)), max_size=8)


@given(seen=st.lists(TEXTS, max_size=20), asked=TEXTS)
def test_what_was_never_added_is_never_known(seen: list[list[str | None]], asked: list[str | None]) -> None:
    quiet = QuietTexts()
    for texts in seen:
        quiet.add(texts)

    short = {text for texts in seen for text in texts if text is not None and len(text) <= 300}

    assert quiet.has_all(asked) == all(not text or text in short for text in asked)


def test_it_forgets_before_it_grows() -> None:
    quiet = QuietTexts()
    for number in range(10_000):
        quiet.add((f"/things/{number}/", "curl/8.5", None))

    assert len(quiet._texts) <= 1_002
    assert quiet.has_all(("/things/9999/", "curl/8.5", None, ""))
    assert not quiet.has_all(("/things/0/",))
