"""A record's numbers are counted under names from closed sets, and nonsense is not counted."""

from __future__ import annotations

import logging
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging.metrics.extraction import Extraction
from aura_logging.metrics.model import Amount
from aura_logging.metrics.registry import Registry

REQUEST = {
    "method": "GET",
    "route": "orders/<int:id>",
    "status_code": 503,
    "user_type": "staff",
    "request_duration": 0.25,
    "db_queries": 4,
    "db_time": 0.05,
    "cache_hits": 3,
    "cache_misses": 1,
    "memory_delta": -4096,
    "memory_percent": 61.5,
    "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
    "security_event": True,
    "threat_type": "sqli",
}


def counted(*records: logging.LogRecord) -> dict[tuple[str, ...], Amount]:
    registry = Registry()
    extract = Extraction(registry)
    for record in records:
        extract(record)
    return {
        (sample.series.name, *(f"{name}={value}" for name, value in sample.series.labels)): sample.amount
        for sample in registry.drain()
    }


def record(name: str, level: int = logging.INFO, exc_info: Any = None, **fields: Any) -> logging.LogRecord:
    made = logging.LogRecord(name, level, __file__, 1, "message", (), exc_info)
    made.__dict__.update(fields)
    return made


def test_a_request_is_counted_with_all_that_its_record_tells() -> None:
    found = counted(record("aura.request", logging.ERROR, **REQUEST))
    route, method = "route=orders/<int:id>", "method=GET"
    assert {key: amount.sum for key, amount in found.items()} == {
        ("aura_log_records_total", "level=ERROR", "logger=aura.request"): 1,
        ("aura_requests_total", method, route, "status=5xx", "user_type=staff"): 1,
        ("aura_responses_total", "status_code=503"): 1,
        ("aura_request_duration_seconds", method, route): 0.25,
        ("aura_request_db_queries", route): 4,
        ("aura_db_queries_per_request",): 4,
        ("aura_request_db_time_seconds", route): 0.05,
        ("aura_cache_hits_total", route): 3,
        ("aura_cache_misses_total", route): 1,
        ("aura_request_memory_growth_bytes", route): 0,
        ("aura_memory_percent",): 61.5,
        ("aura_security_events_total", "logger=aura.request", "threat_type=sqli"): 1,
    }
    exemplar = found["aura_request_duration_seconds", method, route].exemplar
    assert exemplar is not None
    assert (exemplar.value, exemplar.trace_id) == (0.25, REQUEST["trace_id"])


def test_a_security_event_is_counted_by_its_country_where_that_is_one() -> None:
    found = counted(
        *(
            record("aura.security", logging.WARNING, security_event=True, threat_type="sqli", country_code=country)
            for country in ("fi", "FI", "SE", "", None, "FIN", "F1", 17)
        )
    )
    assert {key: amount.sum for key, amount in found.items() if "country" in key[0]} == {
        ("aura_security_events_by_country_total", "country_code=FI", "logger=aura.security"): 2,
        ("aura_security_events_by_country_total", "country_code=SE", "logger=aura.security"): 1,
    }


def test_a_run_of_a_task_is_counted_by_state_and_its_time_by_name() -> None:
    told = {"task_name": "shop.tasks.ship", "task_queue": "post", "trace_id": "ab" * 16, "db_queries": 4}
    found = counted(
        record("aura.task", task_state="SUCCESS", task_duration=0.5, **told),
        record("aura.task", logging.WARNING, task_state="RETRY", task_duration=1.5, **told),
        record("aura.task", task_name=7, task_state=None, task_duration="long"),
    )

    runs = {key[1:]: amount.sum for key, amount in found.items() if key[0] == "aura_tasks_total"}
    assert runs == {
        ("queue=post", "state=SUCCESS", "task=shop.tasks.ship"): 1,
        ("queue=post", "state=RETRY", "task=shop.tasks.ship"): 1,
        ("queue=none", "state=none", "task=none"): 1,
    }
    duration = found["aura_task_duration_seconds", "task=shop.tasks.ship"]
    assert (duration.count, duration.sum) == (2, 2.0)
    assert not [key for key in found if key[0].startswith("aura_request")]


def test_an_error_is_counted_by_logger_route_and_type_of_exception() -> None:
    try:
        raise KeyError("id")
    except KeyError as error:
        info = (KeyError, error, error.__traceback__)
    found = counted(
        record("shop.orders", logging.ERROR, info, route="orders/"),
        record("shop.orders", logging.CRITICAL),
        record("shop.orders", logging.WARNING),
    )
    errors = {key: amount.sum for key, amount in found.items() if key[0] == "aura_errors_total"}
    assert errors == {
        ("aura_errors_total", "logger=shop.orders", "route=orders/", "type=KeyError"): 1,
        ("aura_errors_total", "logger=shop.orders", "route=none", "type=none"): 1,
    }


def test_a_record_made_of_next_to_nothing_is_counted() -> None:
    found = counted(logging.makeLogRecord({}))
    assert [amount.sum for amount in found.values()] == [1]


def test_a_failed_request_is_not_counted_as_an_error_a_second_time() -> None:
    found = counted(record("django.request", logging.ERROR), record("aura.request", logging.ERROR, status_code=500))
    assert sum(amount.sum for key, amount in found.items() if key[0] == "aura_errors_total") == 1


def test_a_client_cannot_make_labels_of_its_own() -> None:
    found = counted(*(record("aura.request", method=f"METHOD{n}", status_code=600 + n) for n in range(50)))
    assert ("aura_requests_total", "method=other", "route=none", "status=none", "user_type=none") in found
    assert found["aura_responses_total", "status_code=other"].sum == 50


# A small alphabet of the awkward: building hypothesis' table of all characters takes a second.
texts = st.text("ab/_é🦉\n\x00\ud800", max_size=8)


@given(
    st.dictionaries(
        st.sampled_from([*REQUEST, "metric", "metric_value", "exception_type"]),
        st.none()
        | st.booleans()
        | st.integers()
        | st.floats()
        | texts
        | st.lists(st.integers(), max_size=2)
        | st.dictionaries(st.sampled_from(["name", "kind", "value", "labels"]), texts | st.floats(), max_size=4),
    ),
    st.sampled_from(["aura.request", "aura.security", "shop"]),
)
def test_whatever_hangs_on_a_record_nothing_is_raised_and_sums_stay_finite(fields: dict[str, Any], name: str) -> None:
    found = counted(record(name, logging.ERROR, **fields))
    assert all(math.isfinite(amount.sum) for amount in found.values())
    assert found["aura_log_records_total", "level=ERROR", f"logger={name}"].sum == 1


@pytest.mark.parametrize(
    ("fields", "key", "total"),
    [
        ({"metric": "orders_total"}, ("orders_total",), 1),
        ({"metric": "orders", "metric_value": 2.5}, ("orders_total",), 2.5),
        (
            {"metric": {"name": "orders", "value": 3, "labels": {"channel": "web"}}},
            ("orders_total", "channel=web"),
            3,
        ),
        ({"metric": {"name": "basket_euros", "kind": "histogram", "value": 42.5}}, ("basket_euros",), 42.5),
        ({"metric": {"name": "stock_items", "kind": "gauge", "value": -2}}, ("stock_items",), -2),
    ],
)
def test_a_log_call_may_count_for_the_business(fields: dict[str, Any], key: tuple[str, ...], total: float) -> None:
    assert counted(record("shop", **fields))[key].sum == total


@pytest.mark.parametrize(
    ("metric", "reason"),
    [
        ({"name": "orders", "value": "many"}, "value"),
        ({"name": "orders", "value": -1}, "value"),
        ({"name": "or ders"}, "declaration"),
        ({"name": "orders", "kind": "summary"}, "declaration"),
        ({"name": "orders", "labels": {"le": "1"}}, "declaration"),
        (17, "declaration"),
        ("aura_errors_total", "reserved"),
    ],
)
def test_a_business_metric_that_cannot_be_counted_is_counted_as_rejected(metric: Any, reason: str) -> None:
    found = counted(record("shop", metric=metric))
    rejected = {key: amount.sum for key, amount in found.items() if key[0] == "aura_metrics_rejected_total"}
    assert list(rejected.values()) == [1]
    assert f"reason={reason}" in next(iter(rejected))
