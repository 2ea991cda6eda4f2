"""Every store we ship keeps the promises of the protocol."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aura_logging.audit.stores.base import AuditStore
from aura_logging.audit.stores.contract import KEYS, AuditStoreContract
from aura_logging.audit.stores.jsonl import JsonlAuditStore
from aura_logging.audit.stores.memory import MemoryAuditStore


class TestMemoryAuditStore(AuditStoreContract):
    shared = False

    @pytest.fixture
    def store(self) -> AuditStore:
        return MemoryAuditStore(KEYS)


class TestJsonlAuditStore(AuditStoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[AuditStore]:
        self.path = tmp_path / "logs" / "audit"
        self.opened = [JsonlAuditStore(self.path, KEYS)]
        yield self.opened[0]
        for store in self.opened:
            store.close()

    def open_again(self, store: AuditStore) -> AuditStore:
        self.opened.append(JsonlAuditStore(self.path, KEYS))
        return self.opened[-1]


class TestJsonlAuditStoreWithShortSegments(TestJsonlAuditStore):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[AuditStore]:
        self.path = tmp_path
        self.opened = [JsonlAuditStore(tmp_path, KEYS, max_segment_bytes=1000, compress=None)]
        yield self.opened[0]
        for store in self.opened:
            store.close()
