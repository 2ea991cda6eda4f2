"""Every cache backend, sync and async, is counted once per call and keeps its whole API."""

from __future__ import annotations

import asyncio

import pytest
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.locmem import LocMemCache

from aura_logging.django.cache import install
from aura_logging.performance.cache import CacheLog, current


@pytest.fixture(params=["default", "database", "file"])
def cache(request):
    install()
    cache = caches[request.param]
    cache.clear()
    return cache


@pytest.fixture
def log():
    log = CacheLog()
    token = current.set(log)
    yield log
    current.reset(token)
    assert log.uncounted == 0


def counts(log):
    return log.hits, log.misses, log.sets


def test_hits_misses_and_sets_are_counted(cache, log):
    assert cache.get("book:1") is None
    assert cache.get("book:1", "nothing") == "nothing"
    cache.set("book:1", None)
    assert cache.get("book:1", "nothing") is None
    assert "book:1" in cache

    assert counts(log) == (2, 2, 1)
    (pattern,) = log.patterns.values()
    assert pattern.pattern == "book:*"


def test_many_keys_are_counted_each(cache, log):
    cache.set_many({"a": 1, "b": 2})
    assert cache.get_many(["a", "b", "c"]) == {"a": 1, "b": 2}
    assert cache.get_many(key for key in ("a", "b")) == {"a": 1, "b": 2}

    assert counts(log) == (4, 1, 2)


def test_get_or_set_is_one_miss_and_one_set_then_a_hit(cache, log):
    assert cache.get_or_set("a", lambda: 7) == 7
    assert cache.get_or_set("a", 8, timeout=5) == 7

    assert counts(log) == (1, 1, 1)


def test_what_a_default_asks_of_the_cache_counts_too(cache, log):
    assert cache.get_or_set("outer", lambda: cache.get("inner", 3)) == 3

    assert counts(log) == (0, 2, 1)


def test_add_incr_touch_and_delete_do_what_they_did(cache, log):
    assert cache.add("n", 1) is True
    assert cache.add("n", 1) is False
    assert cache.incr("n", delta=2) == 3
    assert cache.decr("n") == 2
    assert cache.touch("n", 10) is True
    assert cache.delete("n") is True
    cache.delete_many(["n"])
    with pytest.raises(ValueError, match="n' not found"):
        cache.incr("n")

    assert counts(log) == (0, 0, 1)


def test_versions_and_keywords_are_handed_on(cache, log):
    cache.set(key="a", value=1, version=2)

    assert cache.get(key="a", version=2) == 1
    assert cache.get("a", default=5) == 5
    assert cache.incr_version("a", version=2) == 3
    assert cache.get("a", None, 3) == 1


def test_async_calls_are_counted_once(cache, log):
    async def use():
        assert await cache.aget("a") is None
        await cache.aset("a", 1)
        assert await cache.aget("a", 5) == 1
        assert await cache.aget_or_set("b", lambda: 2) == 2
        assert await cache.aget_many(["a", "z"]) == {"a": 1}
        await cache.aset_many({"c": 1})
        assert await cache.ahas_key("c")

    asyncio.run(use())

    assert counts(log) == (3, 3, 3)


def test_without_a_log_nothing_changes(cache):
    cache.set("a", 1)

    assert (cache.get("a"), cache.get("z", 9), cache.get_or_set("q", 4)) == (1, 9, 4)


def test_a_backend_stays_what_it_is(cache):
    assert isinstance(cache, BaseCache)
    assert type(cache).__name__ in ("LocMemCache", "DatabaseCache", "FileBasedCache")
    assert isinstance(caches["default"], LocMemCache)
    assert isinstance(caches["database"], DatabaseCache)
    assert hasattr(caches["default"], "_cache")


def test_a_cache_that_keeps_nothing_only_misses(log):
    install()
    for _ in range(4):
        caches["nothing"].get_or_set("report:2024", lambda: 1)

    assert counts(log) == (0, 4, 4)
    assert log.hints() == [
        "the cache key report:* (nothing) was not there, 4 of 4 times: "
        "it is set, but under another key or for too short"
    ]
