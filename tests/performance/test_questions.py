from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import Binary
from psycopg.types.json import Jsonb

from aura_logging.performance.questions import identity, question

LONG = "x" * 200

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


class Mute:
    def __repr__(self) -> str:
        raise RuntimeError("not to be shown")


@given(st.lists(values, max_size=3).map(tuple), st.lists(values, max_size=3).map(tuple))
def test_two_have_the_same_identity_only_where_they_are_the_same(one: Any, other: Any) -> None:
    assert (identity(one) == identity(other)) == (repr(one) == repr(other))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (-1, -2),
        (1, True),
        (memoryview(b"one"), memoryview(b"two")),
        (Binary(f"{LONG}1".encode()), Binary(f"{LONG}2".encode())),
        (Jsonb({"a": f"{LONG}1"}), Jsonb({"a": f"{LONG}2"})),
        ([Jsonb([LONG, 1])], [Jsonb([LONG, 2])]),
    ],
    ids=["negative", "bool", "memoryview", "Binary", "Jsonb", "list of Jsonb"],
)
def test_values_that_hide_what_they_hold_are_told_apart(one: Any, other: Any) -> None:
    assert identity((one,)) != identity((other,))
    assert identity((one, 1)) == identity((one, 1)) is not None


def test_what_shows_nothing_of_itself_is_never_the_same_question() -> None:
    nested: list[Any] = []
    nested.append(nested)

    for params in [(object(),), (Mute(),), (1, object()), {"a": object()}, ([nested],)]:
        assert identity(params) is None
        assert question("SELECT a FROM b", "default", params, 0) is None
