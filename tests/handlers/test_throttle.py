"""A person is told a few times, then how often; a request never waits; nothing is lost in silence."""

from __future__ import annotations

import logging
import logging.config
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_logging.filters import RequestContextFilter
from aura_logging.handlers import AsyncBufferedHandler, ThrottleHandler
from aura_logging.options import OptionError
from aura_logging.testing import ManualClock


def a_throttle(target: logging.Handler, **options: Any) -> tuple[ThrottleHandler, ManualClock]:
    clock = ManualClock()
    return ThrottleHandler(target, clock=clock, **{"at_most": 3, "window_seconds": 300.0, **options}), clock


def record(
    msg: object = "gateway down", *args: object, level: int = logging.CRITICAL, **more: Any
) -> logging.LogRecord:
    made = logging.LogRecord("shop", level, __file__, 1, msg, args, None)
    made.__dict__.update(more)
    return made


def test_what_says_the_same_is_told_once_and_then_its_number(sink: Any) -> None:
    throttle, _ = a_throttle(sink)

    for number in range(8_000):
        throttle.handle(record("card %s declined", number))
    throttle.end_window()

    assert sink.messages == ["card 0 declined", "7,999 more in 0 s: 7,999 x shop: card 1 declined"]
    assert sink.records[1].levelno == logging.CRITICAL
    assert sink.records[1].suppressed == 7_999


def test_no_more_than_so_many_different_ones_are_told_in_a_window(sink: Any) -> None:
    throttle, clock = a_throttle(sink)
    for number in range(10):
        throttle.handle(record(f"trouble {number}"))
    assert sink.messages == ["trouble 0", "trouble 1", "trouble 2"]

    clock.advance(300)
    throttle.end_window()
    throttle.handle(record("trouble 0"))

    assert sink.messages[3].startswith("7 more in 300 s: 1 x shop: trouble 3; 1 x shop: trouble 4;")
    assert sink.messages[4:] == ["trouble 0"]
    assert throttle.health().as_dict() == {
        "status": "healthy", "accepted": 11, "delivered": 11, "dropped": {}, "queued": 0, "folded": 0, "held_back": 7,
        "digests": 1,
    }  # fmt: skip


def test_a_quiet_window_ends_without_a_word(sink: Any) -> None:
    throttle, _ = a_throttle(sink)
    throttle.handle(record())
    throttle.end_window()
    assert sink.messages == ["gateway down"]


def test_the_digest_comes_by_itself_when_the_window_is_over(sink: Any) -> None:
    throttle = ThrottleHandler(sink, at_most=1, window_seconds=0.05)
    told = threading.Event()
    sink.fail = lambda each: told.set() if each.name == "aura.throttle" else None

    for _ in range(5):
        throttle.handle(record())

    assert told.wait(30)
    throttle.close()
    assert sum(1 if each.name == "shop" else each.suppressed for each in sink.records) == 5


def test_the_most_frequent_comes_first_and_kinds_without_number_take_no_memory(sink: Any) -> None:
    throttle, _ = a_throttle(sink, most_kinds=20)
    for number in range(1_000):
        throttle.handle(record(f"order {number} failed"))
        throttle.handle(record("disk full", level=logging.ERROR))
    throttle.end_window()

    digest = sink.records[-1]
    assert digest.levelno == logging.CRITICAL
    assert digest.getMessage().count(" x ") == 11
    assert digest.suppressed == 2_000 - 3
    assert "999 x shop: disk full" in digest.getMessage()


def test_behind_a_buffer_the_request_does_not_wait_and_templates_are_still_known(
    sink: Any, logger_of: Callable[[logging.Handler], logging.Logger]
) -> None:
    sink.gate.clear()
    handler = AsyncBufferedHandler(ThrottleHandler(sink, at_most=5), buffer_size=1_000)
    logger = logger_of(handler)

    for number in range(100):
        try:
            raise KeyError(f"x-{number}")
        except KeyError:
            logger.critical("card %s declined", number, exc_info=True)
    assert sink.messages == []

    sink.gate.set()
    assert handler.flush(30)
    assert sink.messages == ["card 0 declined"]
    assert handler.health().dropped == {}


def test_a_target_that_fails_behind_a_buffer_is_tried_again_and_told_of_each_once(
    sink: Any, logger_of: Callable[[logging.Handler], logging.Logger]
) -> None:
    failures = [OSError("no route"), OSError("no route")]
    sink.fail = lambda each: failures.pop() if failures else None
    handler = AsyncBufferedHandler(ThrottleHandler(sink, at_most=5))
    logger = logger_of(handler)

    logger.critical("first")
    logger.critical("second")

    assert handler.flush(30)
    assert sink.messages == ["first", "second"]


def test_a_digest_that_fails_is_kept_and_grows(sink: Any) -> None:
    throttle, clock = a_throttle(sink, at_most=1)
    for _ in range(5):
        throttle.handle(record())
    sink.fail = lambda each: OSError("no route")

    assert throttle.end_window() == 5.0
    assert throttle.health().status.value == "degraded"
    assert "no route" in throttle.health().detail
    throttle.handle(record())
    assert throttle.end_window() == 10.0
    sink.fail = lambda each: None
    clock.advance(10)
    throttle.end_window()

    assert sink.messages == ["gateway down", "5 more in 10 s: 5 x shop: gateway down"]
    assert throttle.health().status.value == "healthy"


def test_alone_it_never_raises_and_tells_later_what_was_not_taken(
    sink: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    throttle, _ = a_throttle(sink)
    sink.fail = lambda each: ValueError("broken")
    throttle.handle(record())
    sink.fail = lambda each: None

    throttle.end_window()

    assert [each.suppressed for each in sink.records] == [1]
    assert "ValueError" in capsys.readouterr().err


def test_a_filter_that_raises_reaches_no_application(sink: Any, capsys: pytest.CaptureFixture[str]) -> None:
    sink.addFilter(lambda each: 1 / 0)
    a_throttle(sink)[0].handle(record())
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_closing_tells_what_is_held_back_and_a_target_that_hangs_is_left(sink: Any, make_sink: Any) -> None:
    throttle = ThrottleHandler(sink, at_most=1)
    for _ in range(3):
        throttle.handle(record())
    throttle.close()
    throttle.close()
    assert [getattr(each, "suppressed", 0) for each in sink.records] == [0, 2]
    for _ in range(3):
        throttle.handle(record("later still"))
    assert sink.messages[2:] == ["later still"]
    assert throttle.health().dropped == {"shutdown": 2}

    hanging = make_sink()
    stuck = ThrottleHandler(hanging, at_most=1, shutdown_seconds=0.05)
    for _ in range(3):
        stuck.handle(record())
    hanging.gate.clear()
    stuck.close()
    hanging.gate.set()


def test_levels_and_filters_of_the_target_are_asked(sink: Any) -> None:
    sink.setLevel(logging.CRITICAL)
    sink.addFilter(lambda each: "secret" not in each.getMessage())
    throttle, _ = a_throttle(sink)

    throttle.handle(record(level=logging.ERROR))
    throttle.handle(record("secret"))
    throttle.handle(record("disk full"))

    assert sink.messages == ["disk full"]
    assert throttle.health().accepted == 1


def test_the_digest_says_whose_it_is_and_suits_a_text_format(sink: Any) -> None:
    throttle, _ = a_throttle(sink, at_most=1)
    throttle.addFilter(RequestContextFilter(service_name="shop", environment="production", host_metrics=False))
    throttle.handle(record())
    throttle.handle(record())
    throttle.end_window()

    formatter = logging.Formatter("%(service_name)s %(environment)s %(correlation_id)s %(message)s")
    assert formatter.format(sink.records[-1]) == "shop production None 1 more in 0 s: 1 x shop: gateway down"


def test_dictconfig_takes_a_name_or_a_whole_handler() -> None:
    logging.config.dictConfig({
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {
            "mail": {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"},
            "by_name": {"class": "aura_logging.handlers.ThrottleHandler", "target": "mail", "at_most": 2},
            "inline": {
                "class": "aura_logging.handlers.AsyncBufferedHandler",
                "target": {
                    "class": "aura_logging.handlers.ThrottleHandler", "target": {"class": "logging.NullHandler"},
                },
            },
        },
    })  # fmt: skip
    known = logging._handlers  # type: ignore[attr-defined]

    (mail,) = known["by_name"].wrapped
    (throttle,) = known["inline"].wrapped
    assert mail is known["mail"]
    assert mail.stream is sys.stdout
    assert isinstance(throttle, ThrottleHandler)
    assert isinstance(throttle.wrapped[0], logging.NullHandler)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"at_most": 0}, "at_most=0"),
        ({"at_most": True}, "at_most=True"),
        ({"window_seconds": 0}, "window_seconds=0"),
        ({"most_kinds": -1}, "most_kinds=-1"),
    ],
)
def test_an_option_that_cannot_be_is_named(sink: Any, options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        ThrottleHandler(sink, **options)


@settings(max_examples=60)
@given(
    at_most=st.integers(1, 5),
    steps=st.lists(
        st.tuples(st.sampled_from("abcdefgh"), st.integers(1, 9), st.booleans(), st.booleans()), max_size=30
    ),
)
def test_every_record_is_told_or_in_a_digest_whatever_fails(
    at_most: int, steps: list[tuple[str, int, bool, bool]]
) -> None:
    told: list[logging.LogRecord] = []
    failing = [False]

    class Target(logging.Handler):
        def emit(self, each: logging.LogRecord) -> None:
            if failing[0]:
                raise OSError("no route")
            told.append(each)

        def handleError(self, record: logging.LogRecord) -> None:
            """Say nothing."""

    throttle, clock = a_throttle(Target(), at_most=at_most)
    throttle.handleError = lambda record: None  # type: ignore[method-assign]
    offered = 0
    for msg, count, fails, ends in steps:
        failing[0] = fails
        before = len(told)
        for _ in range(count):
            throttle.handle(record(msg))
            offered += 1
        assert len(told) - before <= at_most
        clock.advance(10)
        if ends:
            throttle.end_window()
    failing[0] = False
    throttle.end_window()

    assert sum(getattr(each, "suppressed", 1) for each in told) == offered
    throttle.close()
