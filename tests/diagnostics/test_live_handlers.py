"""Every handler at work is found, also one that only another one knows."""

from __future__ import annotations

import io
import logging
import logging.handlers
from collections.abc import Iterator
from pathlib import Path

import pytest

from aura_logging.diagnostics.live_handlers import journaled_handlers, live_handlers
from aura_logging.handlers import AsyncBufferedHandler, FailoverHandler
from aura_logging.handlers.wrapping import leave_alone, with_wrapped


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    logger = logging.getLogger("tests.live.handlers")
    yield logger
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()


def test_those_behind_others_are_found_each_once(log: logging.Logger) -> None:
    first, second = logging.NullHandler(), logging.StreamHandler(io.StringIO())
    memory = logging.handlers.MemoryHandler(1, target=second)
    failover = FailoverHandler([first, memory])
    outer = AsyncBufferedHandler(failover)
    log.addHandler(outer)
    log.addHandler(second)

    found = [handler for handler in live_handlers() if handler in (first, second, memory, failover, outer)]

    assert found == [outer, failover, first, memory, second]


def test_the_roots_come_first(log: logging.Logger) -> None:
    handler = logging.NullHandler()
    logging.getLogger().addHandler(handler)
    log.addHandler(last := logging.NullHandler())
    try:
        found = live_handlers()
    finally:
        logging.getLogger().removeHandler(handler)

    assert found.index(handler) < found.index(last)


def test_handlers_that_wrap_each_other_are_no_trap() -> None:
    one, other = logging.NullHandler(), logging.NullHandler()
    one.target, other.target = other, one  # type: ignore[attr-defined]

    assert list(with_wrapped(one)) == [one, other]


def test_only_those_with_a_journal_are_journaled(log: logging.Logger, tmp_path: Path) -> None:
    log.addHandler(AsyncBufferedHandler(logging.NullHandler()))
    kept = AsyncBufferedHandler(logging.NullHandler(), journal=tmp_path)
    kept.name = "async file"
    log.addHandler(kept)

    found = [each for each in journaled_handlers() if each.journal_directory == tmp_path]

    assert found == [kept]
    assert found[0].journal_name == "async_file"


def test_a_handler_left_alone_is_passed_by_when_logging_shuts_down() -> None:
    import threading
    import weakref

    hung = logging.StreamHandler(io.StringIO())
    held, let_go = threading.Event(), threading.Event()

    def hang() -> None:
        hung.acquire()
        held.set()
        let_go.wait(30)
        hung.release()

    thread = threading.Thread(target=hang)
    thread.start()
    assert held.wait(30)

    leave_alone(FailoverHandler([hung]))

    logging.shutdown([weakref.ref(hung)])
    assert not let_go.is_set()
    let_go.set()
    thread.join(30)
    assert not thread.is_alive()
