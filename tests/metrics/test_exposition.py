"""What is exposed is what was counted, in words that Prometheus and its own parsers understand."""

from __future__ import annotations

import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric as ClientMetric
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from aura_logging.integrations.prometheus import AuraCollector
from aura_logging.metrics import catalogue
from aura_logging.metrics.declaration import Metric
from aura_logging.metrics.exposition import OPENMETRICS, PROMETHEUS, expose, negotiate
from aura_logging.metrics.families import Family, Point, gather
from aura_logging.metrics.model import Amount, Exemplar, Sample, Series
from aura_logging.metrics.registry import Registry
from aura_logging.metrics.stores.memory import MemoryStore
from aura_logging.testing import ManualClock

NOW = 1_800_000_003.0
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture
def store() -> MemoryStore:
    """A store in which two processes have counted a little of each kind."""
    clock = ManualClock(NOW)
    store = MemoryStore(clock)
    for queries, seconds in ((4, 0.2), (10, 1.9)):
        registry = Registry(clock)
        registry.counter(catalogue.ERRORS).inc(logger='a "b"\\c', route="x\ny", type="ValueError")
        registry.histogram(catalogue.REQUEST_DURATION).observe(
            seconds, Exemplar(seconds, TRACE, NOW), route="orders/", method="GET"
        )
        registry.gauge(catalogue.DB_QUERIES_PER_REQUEST).set(queries)
        registry.gauge(Metric("shop_workers", "gauge", "", merge="sum")).set(3)
        registry.gauge(Metric("shop_version", "gauge", "")).set(queries)
        store.add(registry.drain())
    return store


def read(store: MemoryStore, content_type: str) -> dict[str, dict[tuple[str, tuple[str, ...]], float]]:
    text = expose(gather(store, ManualClock(NOW)), content_type)
    parse = parse_openmetrics if content_type == OPENMETRICS else parse_text
    return {
        family.name: {(line.name, tuple(line.labels.values())): line.value for line in family.samples}
        for family in parse(text)
    }


@pytest.mark.parametrize("content_type", [PROMETHEUS, OPENMETRICS])
def test_prometheus_own_parsers_read_what_was_counted(store: MemoryStore, content_type: str) -> None:
    found = read(store, content_type)
    assert found["aura_errors"] == {("aura_errors_total", ('a "b"\\c', "x\ny", "ValueError")): 2}
    durations = found["aura_request_duration_seconds"]
    assert durations["aura_request_duration_seconds_count", ("GET", "orders/")] == 2
    assert durations["aura_request_duration_seconds_sum", ("GET", "orders/")] == pytest.approx(2.1)
    assert durations["aura_request_duration_seconds_bucket", ("GET", "orders/", "0.25")] == 1
    assert durations["aura_request_duration_seconds_bucket", ("GET", "orders/", "2.0")] == 2
    assert durations["aura_request_duration_seconds_bucket", ("GET", "orders/", "+Inf")] == 2


def test_gauges_are_merged_as_they_declare(store: MemoryStore) -> None:
    found = read(store, PROMETHEUS)
    assert found["aura_db_queries_per_request"] == {("aura_db_queries_per_request", ()): 7}
    assert found["shop_workers"] == {("shop_workers", ()): 6}
    assert found["shop_version"] == {("shop_version", ()): 10}


def test_a_gauge_that_nobody_sets_any_more_disappears(store: MemoryStore) -> None:
    later = gather(store, ManualClock(NOW + 400))
    assert [family.name for family in later] == ["aura_errors", "aura_request_duration_seconds"]


def test_openmetrics_leads_from_a_slow_request_to_its_trace(store: MemoryStore) -> None:
    text = expose(gather(store, ManualClock(NOW)), OPENMETRICS)
    (family,) = (each for each in parse_openmetrics(text) if each.name == "aura_request_duration_seconds")
    exemplars = {line.labels["le"]: line.exemplar for line in family.samples if line.exemplar}
    assert list(exemplars) == ["2.0"]
    assert (exemplars["2.0"].labels, exemplars["2.0"].value) == ({"trace_id": TRACE}, 1.9)
    assert family.unit == "seconds"


def test_prometheus_client_exposes_the_same_beside_its_own(store: MemoryStore) -> None:
    store._clock = ManualClock(NOW)
    registry = CollectorRegistry()
    registry.register(AuraCollector(store))
    text = generate_latest(registry).decode()
    (errors,) = (family for family in parse_text(text) if family.name == "aura_errors")
    assert [line.value for line in errors.samples] == [2]


@pytest.mark.parametrize("content_type", [PROMETHEUS, OPENMETRICS])
def test_the_collector_of_prometheus_client_and_our_own_text_tell_the_same(content_type: str) -> None:
    now = time.time()  # the collector asks no other clock
    store, registry = MemoryStore(), Registry()
    registry.counter(catalogue.ERRORS).inc(logger='a "b"\\c', route="x\ny", type="ValueError")
    for seconds in (0.2, 1.9, 70.0):
        registry.histogram(catalogue.REQUEST_DURATION).observe(
            seconds, Exemplar(seconds, TRACE, now), route="orders/", method="GET"
        )
    registry.gauge(catalogue.DB_QUERIES_PER_REQUEST).set(7)
    registry.counter(Metric("shop_orders_total", "counter", "", labels=("channel",))).inc(2.5, channel="web")
    store.add(registry.drain())
    client = CollectorRegistry()
    client.register(AuraCollector(store))

    theirs, parse = (
        (generate_openmetrics(client), parse_openmetrics)
        if content_type == OPENMETRICS
        else (generate_latest(client), parse_text)
    )
    ours = expose(gather(store), content_type)

    assert list(map(_told, parse(theirs.decode()))) == list(map(_told, parse(ours)))


def _told(family: ClientMetric) -> tuple[object, ...]:
    samples = [
        (s.name, s.labels, s.value, s.exemplar and (s.exemplar.labels, s.exemplar.value)) for s in family.samples
    ]
    return family.name, family.type, family.documentation, family.unit, samples


def test_histograms_of_two_releases_meet_at_the_bounds_they_share() -> None:
    store = MemoryStore(ManualClock(NOW))
    old = Series("shop_seconds", "histogram", (), (1.0, 2.0, 4.0))
    new = Series("shop_seconds", "histogram", (), (2.0, 3.0, 4.0))
    at = 1_800_000_000
    store.add(
        [Sample(old, at, Amount(3, 5, buckets={0: 1, 1: 1, 3: 1})), Sample(new, at, Amount(2, 5, buckets={0: 1, 1: 1}))]
    )
    (family,) = gather(store, ManualClock(NOW))
    buckets = {dict(point.labels)["le"]: point.value for point in family.points if point.suffix == "_bucket"}
    assert buckets == {"2.0": 3, "4.0": 4, "+Inf": 5}


def test_an_empty_store_is_exposed_as_nothing() -> None:
    assert expose(gather(MemoryStore())) == ""
    assert expose(gather(MemoryStore()), OPENMETRICS) == "# EOF\n"


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", PROMETHEUS),
        ("*/*", PROMETHEUS),
        ("text/html, application/openmetrics-text; version=1.0.0;q=0.5, text/plain;q=0.4", OPENMETRICS),
        ("application/openmetrics-text;q=0, text/plain", PROMETHEUS),
    ],
)
def test_the_scraper_chooses_the_format(accept: str, content_type: str) -> None:
    assert negotiate(accept) == content_type


@given(
    labels=st.lists(st.text('ab "\\\n{},=#é🦉\x00', max_size=8), min_size=1, max_size=3),
    value=st.floats(allow_nan=False),
)
def test_any_label_text_and_number_survive_the_text_format(labels: list[str], value: float) -> None:
    pairs = tuple((f"label{number}", text) for number, text in enumerate(labels))
    text = expose([Family("odd", "gauge", 'help \\ "quoted"\nsecond line', "", [Point("", pairs, value)])])
    (family,) = parse_text(text)
    (line,) = family.samples
    assert tuple(line.labels.items()) == pairs
    assert line.value == value or math.isnan(line.value)
