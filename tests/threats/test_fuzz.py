"""Whatever comes, inspecting answers, and its answer is well formed."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from aura_logging.threats import KINDS, inspect
from aura_logging.threats.decoding import decode, fold
from aura_logging.threats.sql_tokens import TOKENS_AT_MOST, token_kinds

PIECES = st.sampled_from(
    [
        *("'", '"', "`", "(", ")", ";", "--", "#", "/*", "*/", "<", ">", "=", "&", "|", "%", "%27", "%2527", "%c0%af"),
        *("%u0027", "${", "{{", "}}", "../", "..\\", "\x00", "\r\n", "or", "and", "union", "select", "1", "a", "@@x"),
        *("0x41", "<script", "onerror=", "javascript:", "$(id)", "&lt;", "\\x3c", "\ud800", "\u202e", "\uff07"),
        *("sleep(", ",", ".", "+", "case", "when", "limit", " "),
    ]
)
TEXTS = st.one_of(
    st.text(max_size=200), st.lists(PIECES, max_size=40).map("".join), st.lists(PIECES, max_size=40).map(" ".join)
)


@settings(max_examples=300, deadline=None)
@given(TEXTS, st.sampled_from(["path", "query", "body", "user-agent", "cookie", "referer", "host", "anything"]))
def test_any_text_is_answered(text: str, location: str) -> None:
    for threat in inspect({location: text}):
        assert threat.kind in KINDS
        assert 0.5 <= threat.score <= 1
        assert threat.location == location
        assert len(threat.evidence) <= 120
        assert threat.evidence.isprintable()


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_answered(body: bytes) -> None:
    inspect({"body": body})


@settings(max_examples=100, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=20),
        lambda c: st.lists(c) | st.dictionaries(st.text(max_size=8), c),
        max_leaves=20,
    )
)
def test_any_parsed_body_is_answered(body: object) -> None:
    inspect({"body": body})


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_decoding_ends_and_never_grows_beyond_a_few_times_its_input(text: str) -> None:
    assert len(fold(decode(text))) <= 20 * len(text) + 1
    assert len(token_kinds(text)) <= TOKENS_AT_MOST + 1
