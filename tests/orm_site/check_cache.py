"""Every cache backend, sync and async, is counted once per call and keeps its whole API."""

from __future__ import annotations

import asyncio

import pytest
from django.core.cache import caches
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.db import DatabaseCache
from django.core.cache.backends.locmem import LocMemCache

from aura_logging.django.cache import _observed, install, unobserved
from aura_logging.performance.cache import CacheLog
from aura_logging.performance.queries import QueryLog, current


@pytest.fixture(params=["default", "database", "file"])
def cache(request):
    install()
    cache = caches[request.param]
    cache.clear()
    return cache


@pytest.fixture
def log():
    queries = QueryLog()
    queries.cache = CacheLog()
    queries.observes_caches = True
    token = current.set(queries)
    yield queries.cache
    current.reset(token)
    assert queries.cache.uncounted == 0


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


class TakesAnything(LocMemCache):
    """Like django-redis: methods that take whatever comes, and some that Django has not."""

    def __init__(self) -> None:
        super().__init__("takes-anything", {})
        self.clear()

    def get(self, key, default=None, version=None, client=None):
        return super().get(key, default, version)

    def set(self, *args, **kwargs):
        kwargs.pop("nx", None)
        return super().set(*args, **kwargs)

    def ttl(self, key):
        return 60


class NoBaseCache:
    """A backend of somebody's own, with what he needs and no more."""

    def get(self, key):
        return None

    def set(self, key, value):
        return None


class WithSlots:
    __slots__ = ()

    def get(self, key, default=None):
        return default


def counted_by(log, work):
    queries = QueryLog()
    queries.cache = log
    queries.observes_caches = True
    token = current.set(queries)
    try:
        return work()
    finally:
        current.reset(token)


def test_a_backend_is_called_as_it_was_meant_to_be():
    cache, log = _observed(TakesAnything(), "redis"), CacheLog()

    def work():
        cache.set("user:1", 7, nx=True, timeout=5)
        cache.set(key="user:2", value=8)
        cache.set("nothing", None)
        return [
            cache.get("user:1", client=None), cache.get(key="user:2"), cache.get("user:3"), cache.get("user:3", 9),
            cache.get("user:3", default=10), cache.get("nothing", 11), cache.ttl("user:1"),
        ]  # fmt: skip

    assert counted_by(log, work) == [7, 8, None, 9, 10, None, 60]
    assert (log.hits, log.misses, log.sets, log.uncounted) == (3, 3, 3, 0)
    assert log.patterns["redis", "user:*"].sets == 2


def test_a_backend_is_called_as_it_was_meant_to_be_from_a_coroutine_too():
    cache, log = _observed(TakesAnything(), "redis"), CacheLog()

    async def work():
        await cache.aset("user:1", 7)
        return await cache.aget("user:1"), await cache.aget("user:2", 8), await cache.aget(key="user:3", default=9)

    assert counted_by(log, lambda: asyncio.run(work())) == (7, 8, 9)
    assert (log.hits, log.misses, log.sets, log.uncounted) == (1, 2, 1, 0)


def test_a_wrong_call_fails_as_it_would_without_us():
    cache = _observed(TakesAnything(), "redis")

    with pytest.raises(TypeError):
        counted_by(CacheLog(), cache.get)


@pytest.mark.parametrize("backend", [NoBaseCache, WithSlots])
def test_an_unusual_backend_works_as_ever(backend):
    cache = _observed(backend(), "unusual")

    assert counted_by(CacheLog(), lambda: cache.get("user:1")) is None
    assert isinstance(cache, backend)


def test_a_backend_that_cannot_be_counted_is_named():
    _observed(WithSlots(), "slotted")

    assert "slotted" in unobserved
