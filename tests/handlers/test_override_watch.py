"""What is asked of a logger holds in every process within seconds, for those it is about, and ends by itself."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging import context
from aura_logging.filters import SamplingFilter
from aura_logging.handlers import MetricsHandler
from aura_logging.handlers.override_notes import LevelOverride, add_override, clear_overrides, overrides_in
from aura_logging.handlers.override_watch import OverrideWatch, keep_only_what_was_asked_for
from aura_logging.metrics import open_store
from aura_logging.metrics.stores import MetricsStore
from aura_logging.metrics.stores.base import StoreError
from aura_logging.metrics.stores.memory import MemoryStore
from aura_logging.testing import ManualClock

NOW = 1_000_000.0


@pytest.fixture
def store() -> MetricsStore:
    return MemoryStore()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    clock = ManualClock(NOW)
    monkeypatch.setattr("aura_logging.handlers.override_watch.time.time", clock)
    return clock


@pytest.fixture
def watch(store: MetricsStore, clock: ManualClock) -> Iterator[OverrideWatch]:
    watch = OverrideWatch(store, wall_clock=clock)
    yield watch
    watch.stop()


@pytest.fixture
def shop(logger_of: Callable[[logging.Handler], logging.Logger], sink: Any) -> logging.Logger:
    logger = logger_of(sink)
    logger.setLevel(logging.INFO)
    context.release()
    return logger


def override(logger: logging.Logger, level: str = "DEBUG", **options: Any) -> LevelOverride:
    return LevelOverride(**{"logger": logger.name, "level": level, "expires_at": NOW + 600, **options})


def test_a_logger_says_more_until_the_time_is_up(
    store: MetricsStore, clock: ManualClock, watch: OverrideWatch, shop: logging.Logger, sink: Any
) -> None:
    add_override(store, override(shop), clock)
    watch.look()
    shop.debug("seen")
    clock.advance(601)
    watch.look()
    shop.debug("not seen")
    assert sink.messages == ["seen"]
    assert shop.level == logging.INFO
    assert keep_only_what_was_asked_for not in sink.filters


def test_loggers_below_say_more_too(
    store: MetricsStore, clock: ManualClock, watch: OverrideWatch, shop: logging.Logger, sink: Any
) -> None:
    add_override(store, override(shop), clock)
    watch.look()
    shop.getChild("orders").debug("seen")
    assert sink.messages == ["seen"]


def test_a_logger_says_less(
    store: MetricsStore, clock: ManualClock, watch: OverrideWatch, shop: logging.Logger, sink: Any
) -> None:
    add_override(store, override(shop, "ERROR"), clock)
    watch.look()
    shop.warning("not seen")
    shop.error("seen")
    assert sink.messages == ["seen"]


@pytest.mark.parametrize(("option", "field"), [("user_id", "user_id"), ("route", "route")])
def test_only_those_it_is_about_are_written(
    store: MetricsStore,
    clock: ManualClock,
    watch: OverrideWatch,
    shop: logging.Logger,
    sink: Any,
    option: str,
    field: str,
) -> None:
    add_override(store, override(shop, **{option: "42"}), clock)
    watch.look()
    for who in ("41", "42"):
        context.start({field: who})
        shop.debug("debug of %s", who)
        shop.info("info of %s", who)
    context.release()
    shop.debug("debug of nobody")
    assert sink.messages == ["info of 41", "debug of 42", "info of 42"]


def test_what_was_asked_for_is_not_sampled_away(
    store: MetricsStore, clock: ManualClock, watch: OverrideWatch, shop: logging.Logger, sink: Any
) -> None:
    sink.addFilter(SamplingFilter(rates={"DEBUG": 0.0}))
    add_override(store, override(shop), clock)
    watch.look()
    shop.debug("seen")
    assert sink.messages == ["seen"]


def test_a_rate_keeps_whole_requests(
    store: MetricsStore, clock: ManualClock, watch: OverrideWatch, shop: logging.Logger, sink: Any
) -> None:
    add_override(store, override(shop, rate=0.5), clock)
    watch.look()
    for number in range(400):
        context.start({"correlation_id": f"request {number}"})
        shop.debug("%d", number)
        shop.debug("%d", number)
    counts = {message: sink.messages.count(message) for message in sink.messages}
    assert set(counts.values()) == {2}
    assert 120 < len(counts) < 280


def test_a_level_that_somebody_set_meanwhile_stays(
    store: MetricsStore, clock: ManualClock, watch: OverrideWatch, shop: logging.Logger
) -> None:
    add_override(store, override(shop), clock)
    watch.look()
    shop.setLevel(logging.ERROR)
    clear_overrides(store, clock=clock)
    watch.look()
    assert shop.level == logging.ERROR


def test_a_store_that_is_down_ends_nothing_early_and_nothing_late(
    store: MetricsStore, clock: ManualClock, watch: OverrideWatch, shop: logging.Logger, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_override(store, override(shop), clock)
    watch.look()

    def down(key: str) -> str | None:
        raise StoreError("down")

    monkeypatch.setattr(store, "load", down)
    watch.look()
    assert shop.level == logging.DEBUG
    clock.advance(601)
    watch.look()
    assert shop.level == logging.INFO


def test_the_newest_of_one_logger_takes_the_place_of_the_older(store: MetricsStore, clock: ManualClock) -> None:
    log = logging.getLogger("shop")
    add_override(store, override(log), clock)
    add_override(store, override(log, user_id="7"), clock)
    add_override(store, override(log, "WARNING"), clock)
    assert [(o.level, o.user_id) for o in overrides_in(store, clock)] == [("WARNING", None), ("DEBUG", "7")]
    assert clear_overrides(store, "other", clock) == 0
    assert clear_overrides(store, "shop", clock) == 2


def test_of_two_overrides_one_below_the_other_neither_lets_everybody_speak(
    store: MetricsStore, clock: ManualClock, watch: OverrideWatch, shop: logging.Logger, sink: Any
) -> None:
    pay = shop.getChild("pay")
    add_override(store, override(pay, route="pay/"), clock)
    add_override(store, override(shop, user_id="42"), clock)  # the newest comes first
    watch.look()

    pay.debug("of nobody")
    pay.debug("of the user", extra={"user_id": "42"})
    pay.debug("of the route", extra={"route": "pay/"})
    assert sink.messages == ["of the user", "of the route"]
    clear_overrides(store, shop.name, clock)
    watch.look()
    pay.debug("of the user", extra={"user_id": "42"})
    assert (shop.level, sink.messages) == (logging.INFO, ["of the user", "of the route"])


def test_a_handler_that_cannot_be_guarded_ends_no_watch_and_levels_go_back(
    store: MetricsStore, clock: ManualClock, watch: OverrideWatch, shop: logging.Logger
) -> None:
    class Stubborn(logging.NullHandler):
        def __setattr__(self, name: str, value: object) -> None:
            if name == "filters" and value:
                raise AttributeError(name)
            super().__setattr__(name, value)

    stubborn = Stubborn()
    shop.addHandler(stubborn)
    add_override(store, override(shop), clock)
    watch.look()
    assert (shop.level, watch.failures) == (logging.DEBUG, 1)
    clock.advance(601)
    watch.look()
    assert shop.level == logging.INFO
    shop.removeHandler(stubborn)


SOUND = {"logger": "shop", "level": "DEBUG", "expires_at": NOW + 60}


@pytest.mark.parametrize(
    "wrong",
    [{"rate": True}, {"rate": "1"}, {"expires_at": True}, {"user_id": 42}, {"route": ["x"]}, {"level": {}}, {"x": 1}],
    ids=str,
)
def test_an_override_that_is_not_sound_is_passed_by_and_the_others_hold(wrong: dict[str, Any]) -> None:
    store = MemoryStore()
    store.swap("level-overrides", None, json.dumps([{**SOUND, **wrong}, SOUND]))
    assert len(overrides_in(store, lambda: NOW)) == 1


@given(
    st.one_of(
        st.none(),
        st.text(max_size=200),
        st.recursive(st.one_of(st.none(), st.text(), st.floats()), st.lists).map(json.dumps),
    )
)
def test_whatever_lies_in_the_store_is_read_or_passed_by(text: str | None) -> None:
    store = MemoryStore()
    if text is not None:
        store.swap("level-overrides", None, text)
    assert overrides_in(store) == []


@pytest.mark.parametrize("kind", ["sqlite", "redis"])
def test_other_processes_follow_within_seconds(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = f"sqlite:///{tmp_path / 'metrics.db'}" if kind == "sqlite" else request.getfixturevalue("redis_url")
    pipes = []
    for _ in range(3):
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            handler = MetricsHandler(store=url)
            log = logging.getLogger("overridden")
            log.setLevel(logging.INFO)
            log.addHandler(handler)
            told = threading.Event()

            class Tell(logging.Handler):
                def emit(self, record: logging.LogRecord, told: threading.Event = told) -> None:
                    told.set()

            log.addHandler(Tell(logging.DEBUG))
            log.info("starts the watch")
            told.clear()
            os.write(writing, b"r")
            while not told.wait(0.02):
                log.debug("said once the override has arrived")
            os.write(writing, b"x")
            os._exit(0)
        os.close(writing)
        pipes.append((child, reading))
    for _, reading in pipes:
        assert os.read(reading, 1) == b"r"
    add_override(open_store(url), LevelOverride(logger="overridden", level="DEBUG", expires_at=4e9))
    for child, reading in pipes:
        assert os.read(reading, 1) == b"x"
        os.close(reading)
        os.waitpid(child, 0)
