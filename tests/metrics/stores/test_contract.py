"""Every store we ship keeps the promises of the protocol."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from aura_logging.metrics.stores.base import MetricsStore
from aura_logging.metrics.stores.contract import MetricsStoreContract
from aura_logging.metrics.stores.memory import MemoryStore
from aura_logging.metrics.stores.redis import RedisStore
from aura_logging.metrics.stores.sqlite import SqliteStore

_prefixes = (f"test-{number}" for number in itertools.count())


class TestMemoryStore(MetricsStoreContract):
    shared = False

    @pytest.fixture
    def store(self) -> MetricsStore:
        return MemoryStore()


class TestSqliteStore(MetricsStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> MetricsStore:
        self.path = tmp_path / "logs" / "metrics.db"
        return SqliteStore(self.path)

    def open_again(self, store: MetricsStore) -> MetricsStore:
        return SqliteStore(self.path)


class TestRedisStore(MetricsStoreContract):
    @pytest.fixture
    def store(self, redis_server: Any) -> MetricsStore:
        self.url, self.prefix = redis_server.url, next(_prefixes)
        return RedisStore(self.url, prefix=self.prefix)

    def open_again(self, store: MetricsStore) -> MetricsStore:
        return RedisStore(self.url, prefix=self.prefix)
