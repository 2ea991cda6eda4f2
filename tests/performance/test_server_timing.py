from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from aura_logging.performance.cache import CacheLog
from aura_logging.performance.queries import QueryLog
from aura_logging.performance.server_timing import server_timing

# RFC 8941-like grammar of the W3C draft: name;dur=number;desc="text", comma-separated.
METRIC = re.compile(r'[\w-]+;dur=\d+\.\d(;desc="[^"\\]*")?')


def test_all_that_was_measured_is_shown() -> None:
    queries, cache = QueryLog(), CacheLog()
    queries.view_seconds, queries.template_seconds = 0.08, 0.03
    queries.add("SELECT a FROM t", (), "default", 0.0123, object(), 1, -1)
    cache.add("default", "k", 0.002, hits=1)

    assert server_timing(0.1, queries, cache) == (
        'total;dur=100.0, view;dur=80.0, middleware;dur=20.0, template;dur=30.0, db;dur=12.3;desc="1 query", '
        'cache;dur=2.0;desc="1 hits, 0 misses"'
    )


def test_what_was_not_measured_is_left_out() -> None:
    assert server_timing(0.0) == "total;dur=0.0"


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_the_value_is_always_well_formed(total: float, view: float) -> None:
    queries = QueryLog()
    queries.view_seconds = view

    assert all(METRIC.fullmatch(part) for part in server_timing(total, queries).split(", "))
