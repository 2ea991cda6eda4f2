"""Every record carries the work it belongs to, the service and its host, and what the log call gave stays."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from aura_logging import bind, bound, context
from aura_logging.filters import RequestContextFilter
from aura_logging.options import OptionError
from aura_logging.performance.system import HostMetrics
from aura_logging.testing import ManualClock


@pytest.fixture(autouse=True)
def _nothing_bound() -> Iterator[None]:
    context.release()
    yield
    context.release()


def filtered(record_filter: RequestContextFilter, **extra: Any) -> dict[str, Any]:
    record = logging.LogRecord("shop", logging.INFO, "", 0, "hello", (), None)
    before = set(record.__dict__)
    record.__dict__.update(extra)
    assert record_filter.filter(record) is True
    return {name: value for name, value in record.__dict__.items() if name not in before}


def a_filter(**options: Any) -> RequestContextFilter:
    return RequestContextFilter(**{"host_metrics": False, "environ": {}, **options})


def test_what_is_bound_is_on_every_record_and_gone_when_it_is_unbound() -> None:
    add = a_filter()

    with bound(correlation_id="abc", user_id="7"):
        assert filtered(add) == {"correlation_id": "abc", "user_id": "7", "service_name": "aura"}
        bind(route="shop/")
        assert filtered(add)["route"] == "shop/"
    context.release()

    assert filtered(add) == {"correlation_id": None, "service_name": "aura"}


def test_what_the_log_call_gave_stays() -> None:
    with bound(user_id="7", order_id=1, correlation_id="abc"):
        added = filtered(a_filter(), user_id="9", service_name="mine")

    assert added == {"user_id": "9", "service_name": "mine", "order_id": 1, "correlation_id": "abc"}


def test_a_second_filter_changes_nothing_but_fills_what_was_empty() -> None:
    record = logging.LogRecord("shop", logging.INFO, "", 0, "hello", (), None)
    a_filter(service_name="first").filter(record)

    with bound(correlation_id="abc"):
        a_filter(service_name="second").filter(record)

    assert record.__dict__["service_name"] == "first"
    assert record.__dict__["correlation_id"] == "abc"


def test_a_text_format_may_name_the_correlation_id_outside_a_request() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(correlation_id)s %(message)s"))
    handler.addFilter(a_filter())
    log = logging.Logger("shop")
    log.addHandler(handler)

    log.info("outside")
    with bound(correlation_id="abc"):
        log.info("inside")

    assert stream.getvalue() == "None outside\nabc inside\n"


def test_the_service_is_named_by_options_before_the_environment_before_the_default() -> None:
    environ = {"SERVICE_NAME": "from-env", "ENVIRONMENT": "staging", "VERSION": "1.2"}

    assert filtered(a_filter(environ=environ)) == {
        "correlation_id": None, "service_name": "from-env", "environment": "staging", "version": "1.2",
    }  # fmt: skip
    assert filtered(a_filter(environ=environ, service_name="shop", version="2"))["service_name"] == "shop"
    assert filtered(a_filter(environ=environ, service_name="shop", version="2"))["version"] == "2"
    assert filtered(a_filter(environ={"SERVICE_NAME": "", "VERSION": ""})) == {
        "correlation_id": None, "service_name": "aura",
    }  # fmt: skip


def test_the_host_is_read_once_a_second_and_never_per_record() -> None:
    clock, readings = ManualClock(), []

    def cpu_times() -> Any:
        readings.append(clock())
        raise OSError("unreadable here")

    add = a_filter(host_metrics=HostMetrics(clock=clock, cpu_times=cpu_times))
    for _ in range(100):
        clock.advance(0.025)
        assert "memory_percent" in filtered(add)

    assert readings == pytest.approx([0.025, 1.025, 2.025], abs=0.03)


def test_what_cannot_read_the_host_is_refused_before_a_log_call_finds_out() -> None:
    with pytest.raises(OptionError, match="host_metrics='no'"):
        RequestContextFilter(host_metrics="no")  # type: ignore[arg-type]


def test_each_thread_gets_what_it_bound_itself() -> None:
    add, wrong = a_filter(), []
    together = threading.Barrier(4)

    def work(number: int) -> None:
        together.wait(10)
        for step in range(300):
            with bound(number=number, step=step):
                added = filtered(add)
            if (added["number"], added["step"]) != (number, step):
                wrong.append(added)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert wrong == []


def test_a_change_on_one_record_reaches_no_other() -> None:
    add = a_filter()
    with bound(user_id="7"):
        record = logging.LogRecord("shop", logging.INFO, "", 0, "hello", (), None)
        add.filter(record)
        record.user_id = "[REDACTED]"
        del record.service_name

        assert filtered(add) == {"correlation_id": None, "user_id": "7", "service_name": "aura"}
