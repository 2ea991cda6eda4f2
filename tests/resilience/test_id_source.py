"""Ids come from a supply that no two threads and no two processes share."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from aura_logging.resilience.id_source import IdSource


@pytest.mark.parametrize("count", [1, 8, 24, 32])
def test_an_id_has_as_many_hexadecimal_digits_as_asked_for(count: int) -> None:
    text = IdSource()(count)

    assert len(text) == 2 * count
    assert int(text, 16) >= 0


def test_the_system_is_asked_once_for_many() -> None:
    asked = []

    def random_bytes(count: int) -> bytes:
        asked.append(count)
        return os.urandom(count)

    source = IdSource(random_bytes)
    ids = {source(24) for _ in range(64)}

    assert (len(ids), len(asked)) == (64, 1)


def test_threads_never_get_the_same() -> None:
    source = IdSource()

    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(lambda _: source(24), range(4_000)))

    assert len(set(ids)) == 4_000


def test_a_forked_child_has_ids_of_its_own() -> None:
    source = IdSource()
    source(24)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, " ".join(source(24) for _ in range(10)).encode())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = set(os.read(reading, 4_096).decode().split())
    os.close(reading)
    os.close(writing)

    assert len(theirs) == 10
    assert theirs.isdisjoint({source(24) for _ in range(63)})
