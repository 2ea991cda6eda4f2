"""A task carries its sender's ids through a real worker, and one record tells what each run cost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest
from celery import Celery
from celery.contrib.testing.worker import start_worker

from aura_logging import correlation_id, fields
from aura_logging.integrations import celery
from aura_logging.performance import outgoing, queries
from aura_logging.performance.probe import PerformanceOptions
from aura_logging.propagation import unit_of_work
from aura_logging.testing import capture

app = Celery("shop", broker="memory://", backend="cache+memory://")
app.conf.update(
    task_default_queue="orders", worker_hijack_root_logger=False, broker_transport_options={"polling_interval": 0.01}
)


@app.task(name="shop.ship")
def ship(order: int) -> dict[str, object]:
    log = queries.current.get()
    if log is not None:
        log.add("SELECT 1 FROM orders", (order,), "default", 0.25, app, 1, 1)
    return fields()


@app.task(name="shop.refuse")
def refuse() -> None:
    raise ValueError("on purpose")


@app.task(name="shop.hesitate", bind=True, max_retries=1)
def hesitate(self) -> str:  # type: ignore[no-untyped-def]  # celery's own class
    if self.request.retries == 0:
        raise self.retry(exc=OSError("not yet"), countdown=0)
    return str(correlation_id())


@app.task(name="shop.leave")
def leave() -> None:
    raise SystemExit


@app.task(name="shop.first")
def first() -> str:
    return ship.delay(1).id


@pytest.fixture(scope="module", autouse=True)
def _observed() -> None:
    celery.observe(PerformanceOptions())
    celery.observe(PerformanceOptions())
    queries.observed_by("celery's test")


@pytest.fixture(scope="module")
def _worker() -> Iterator[None]:
    with start_worker(app, pool="solo", perform_ping_check=False, loglevel="critical", shutdown_timeout=30):
        yield
        # The worker looks whether it is to stop between messages, or after two seconds without one: have it get one.
        threading.Timer(0.1, ship.delay, (0,)).start()


@pytest.fixture
def _at_once() -> Iterator[None]:
    app.conf.task_always_eager = True
    yield
    app.conf.task_always_eager = False


def wide(records: list[logging.LogRecord], task: str) -> list[logging.LogRecord]:
    return [record for record in records if record.name == "aura.task" and record.task_name == task]


@pytest.mark.usefixtures("_worker")
def test_a_task_has_the_ids_of_the_work_that_sent_it() -> None:
    with unit_of_work({"X-Request-ID": "from-the-edge"}) as sender:
        bound = ship.delay(7).get(timeout=10, interval=0.01)

    assert bound["correlation_id"] == "from-the-edge"
    assert bound["trace_id"] == sender.trace_id
    assert bound["parent_span_id"] == sender.span_id
    assert bound["task_name"] == "shop.ship"


@pytest.mark.usefixtures("_worker")
def test_what_is_sent_is_counted_where_it_is_sent() -> None:
    token = outgoing.current.set(log := outgoing.OutgoingLog())
    ship.delay(7).get(timeout=10, interval=0.01)
    ship.delay(8).get(timeout=10, interval=0.01)
    outgoing.current.reset(token)

    assert log.fields() == {"tasks_enqueued": 2, "enqueued_tasks": [{"task": "shop.ship", "count": 2}]}


@pytest.mark.usefixtures("_worker")
def test_one_record_tells_what_a_run_cost() -> None:
    with capture("aura.task") as records:
        sent = ship.delay(7)
        sent.get(timeout=10, interval=0.01)
        first.delay().get(timeout=10, interval=0.01)  # the record before was written before this one began

    # A result is there before its record is written: that of the test before may still have been.
    (record,) = (each for each in wide(records, "shop.ship") if each.task_id == sent.id)
    assert (record.levelno, record.task_state, record.task_queue) == (logging.INFO, "SUCCESS", "orders")
    assert record.task_duration >= 0
    assert (record.db_queries, record.db_time) == (1, 0.25)
    assert (record.pathname, record.funcName) == (__file__, "ship")


@pytest.mark.usefixtures("_worker")
def test_a_failure_is_an_error_and_a_retry_a_warning() -> None:
    with capture("aura.task") as records, unit_of_work({"X-Request-ID": "patient"}):
        with pytest.raises(ValueError, match="on purpose"):
            refuse.delay().get(timeout=10, interval=0.01)
        assert hesitate.delay().get(timeout=10, interval=0.01) == "patient"
        ship.delay(1).get(timeout=10, interval=0.01)

    (failed,) = wide(records, "shop.refuse")
    retried, done = wide(records, "shop.hesitate")
    assert (failed.levelno, failed.task_state, failed.exception_type) == (logging.ERROR, "FAILURE", "ValueError")
    assert (retried.levelno, retried.task_state, retried.exception_type) == (logging.WARNING, "RETRY", "OSError")
    assert (done.levelno, done.task_state, done.task_retries) == (logging.INFO, "SUCCESS", 1)


@pytest.mark.usefixtures("_at_once")
def test_a_task_run_at_once_is_part_of_the_work_around_it() -> None:
    token = queries.current.set(log := queries.QueryLog())
    with capture("aura.task") as records, unit_of_work({"X-Request-ID": "outer"}):
        before = fields()
        inside = ship.delay(7).get()
        assert fields() == before
    queries.current.reset(token)

    assert inside["correlation_id"] == "outer"
    assert log.totals()[0] == 1
    (record,) = wide(records, "shop.ship")
    assert not hasattr(record, "db_queries")


@pytest.mark.usefixtures("_at_once")
def test_a_task_that_is_made_to_end_is_an_error() -> None:
    with capture("aura.task") as records, pytest.raises(SystemExit):
        leave.delay()

    (record,) = wide(records, "shop.leave")
    assert (record.levelno, record.task_state) == (logging.ERROR, "TERMINATED")
    assert fields() == {}


@pytest.mark.usefixtures("_at_once")
def test_nothing_is_left_behind() -> None:
    ship.delay(7).get()

    assert fields() == {}
    assert queries.current.get() is None
    assert outgoing.current.get() is None


@pytest.mark.usefixtures("_at_once")
def test_with_measuring_off_the_ids_stay() -> None:
    celery.observe(PerformanceOptions(enabled=False))

    with capture("aura.task") as records:
        bound = ship.delay(7).get()
    celery.observe(PerformanceOptions())

    assert records == []
    assert bound["task_name"] == "shop.ship"
    assert bound["correlation_id"]
