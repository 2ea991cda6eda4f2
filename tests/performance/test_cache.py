from __future__ import annotations

import pytest

from aura_logging.performance.cache import CacheLog, key_pattern


@pytest.mark.parametrize(
    ("key", "pattern"),
    [
        ("user:4711:basket", "user:*:basket"),
        ("session-3f2504e0-4f89-11d3-9a0c-0305e82c3301", "session-*"),
        ("page.d41d8cd98f00b204e9800998ecf8427e.en", "page.*.en"),
        ("mail:jane@example.com", "mail:*"),
        ("faced", "faced"),
        ("django.contrib.sessions.cachev0qk2hsiwzlp9xod8m3ucr5yntj7ebgf", "django.contrib.sessions.*"),
        ("django.contrib.sessions.cached_db" + "abcdefgh" * 4, "django.contrib.sessions.cached_*"),
        ("reset:_pP3nHD1WBfGe-x0Y2sV9dK", "reset:*"),
        ("product_list_v2:by_category_and_price", "product_list_v*:by_category_and_price"),
        ("xy-" * 60, "xy-" * 26 + "x…"),
        (17, "*"),
    ],
)
def test_a_pattern_keeps_what_keys_have_in_common_and_no_value(key: object, pattern: str) -> None:
    assert key_pattern(key) == pattern


def test_hits_and_misses_are_told_by_pattern() -> None:
    log = CacheLog()
    log.add("default", "user:1", 0.25, misses=1)
    log.add("default", "user:2", 0.25, hits=1)
    log.add("default", "user:2", 0.5, sets=1)

    assert log.fields() == {
        "cache_hits": 1,
        "cache_misses": 1,
        "cache_sets": 1,
        "cache_time": 1.0,
        "cache_keys": [{"cache": "default", "keys": "user:*", "hits": 1, "misses": 1, "sets": 1, "seconds": 1.0}],
    }


def test_a_request_that_asks_no_cache_has_no_fields() -> None:
    assert CacheLog().fields() == {}


def test_the_key_that_always_misses_is_named() -> None:
    log = CacheLog()
    for number in range(4):
        log.add("default", f"report:{number}", 0.1, misses=1)
        log.add("default", f"user:{number}", 0.1, misses=1)
    log.add("default", "user:9", 0.1, hits=1)

    assert log.hints() == [
        "the cache key report:* (default) was not there, 4 of 4 times: nothing sets it in the same request"
    ]


def test_patterns_are_bounded() -> None:
    log = CacheLog()
    for number in range(1_000):
        log.add("default", f"{'abcdefghij'[number % 10]}{'klmnopqrst'[number // 10 % 10]}{'uvwxyz'[number % 6]}", 0.1)
        log.add("default", "k" * (number % 400), 0.1, misses=1)

    assert len(log.patterns) <= 101
    assert (log.calls, log.misses) == (2_000, 1_000)
