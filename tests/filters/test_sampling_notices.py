"""What was not written is told to the handlers that did not write it: by a timer, at exit, and once per process."""

from __future__ import annotations

import gc
import json
import logging
import subprocess
import sys
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from aura_logging import presets
from aura_logging.filters import SamplingFilter
from aura_logging.handlers import AsyncBufferedHandler, MetricsHandler
from aura_logging.metrics.stores.memory import MemoryStore
from aura_logging.testing import ManualClock


class Listening(logging.Handler):
    """Keeps records, and tells when a notice has come."""

    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.records: list[logging.LogRecord] = []
        self.noticed = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        if record.name == "aura.sampling":
            self.noticed.set()

    @property
    def notices(self) -> list[str]:
        return [record.getMessage() for record in self.records if record.name == "aura.sampling"]


@pytest.fixture
def listening() -> Iterator[Listening]:
    handler = Listening()
    yield handler
    handler.close()


def a_logger(*handlers: logging.Handler) -> logging.Logger:
    logger = logging.Logger("shop", logging.DEBUG)
    for handler in handlers:
        logger.addHandler(handler)
    return logger


def test_the_number_of_a_storm_is_told_by_itself_when_it_is_over(listening: Listening) -> None:
    listening.addFilter(SamplingFilter(fold_after=3, fold_every=1_000, fold_window_seconds=0.5))
    logger = a_logger(listening)

    for _ in range(500):
        logger.error("gateway %s down", "eu-1")
    assert listening.noticed.wait(30)

    (notice,) = [record for record in listening.records if record.name == "aura.sampling"]
    assert notice.getMessage() == "suppressed 497 like this: gateway %s down"
    assert notice.levelno == logging.ERROR
    assert notice.__dict__["suppressed"] == 497
    assert notice.__dict__["suppressed_logger"] == "shop"
    assert len(listening.records) == 3 + 1


def test_only_the_handlers_that_did_not_write_are_told_and_only_at_their_level(listening: Listening) -> None:
    sampling = SamplingFilter(fold_after=1, fold_every=1_000, fold_window_seconds=0.5)
    another, too_high = Listening(), Listening(logging.CRITICAL)
    for handler in (listening, too_high):
        handler.addFilter(sampling)
    logger = a_logger(listening, another, too_high)

    for _ in range(50):
        logger.error("broken")
    assert listening.noticed.wait(30)

    assert len(another.records) == 50
    assert another.notices == too_high.notices == []
    another.close()
    too_high.close()


def test_a_handler_that_raises_does_not_keep_the_next_from_being_told(listening: Listening) -> None:
    class Broken(logging.Handler):
        def handle(self, record: logging.LogRecord) -> bool:
            if record.name == "aura.sampling":
                raise RuntimeError(record.getMessage())
            return True

    sampling = SamplingFilter(fold_after=1, fold_every=1_000, fold_window_seconds=0.5)
    broken = Broken()
    for handler in (broken, listening):
        handler.addFilter(sampling)
    logger = a_logger(listening)

    for _ in range(50):
        logger.error("broken")

    assert listening.noticed.wait(30)
    broken.close()


def test_metrics_count_exactly_what_a_sampled_file_shows_in_part(listening: Listening) -> None:
    store = MemoryStore()
    metrics = MetricsHandler(store=store, flush_interval=300)
    sampling = SamplingFilter(fold_after=10, fold_every=100)
    listening.addFilter(sampling)
    listening.name = "tests.sampled"
    logger = a_logger(metrics, listening)

    for number in range(2_000):
        logger.info("order placed", extra={"correlation_id": f"request-{number}"})
        logger.error("gateway down")
    metrics.flush()

    totals: dict[tuple[str, ...], float] = {}
    for sample in store.totals(["aura_log_records_total", "aura_log_records_left_out_total"]):
        totals[sample.series.name, *(value for _, value in sample.series.labels)] = sample.amount.sum
    assert totals["aura_log_records_total", "INFO", "shop"] == 2_000
    assert totals["aura_log_records_total", "ERROR", "shop"] == 2_000
    infos = [record for record in listening.records if record.levelno == logging.INFO]
    assert sum(1 / record.__dict__["sample_rate"] for record in infos) == pytest.approx(2_000, rel=0.1)
    assert totals["aura_log_records_left_out_total", "sampling", "sampled_info"] == 2_000 - len(infos)
    assert totals["aura_log_records_left_out_total", "sampling", "folded"] == 2_000 - 10 - 19
    metrics.close()


class Hanging(logging.Handler):
    """Takes a record and does not return until it may."""

    def __init__(self) -> None:
        super().__init__()
        self.entered = threading.Event()
        self.may_return = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.entered.set()
        self.may_return.wait(30)


@pytest.fixture
def filling() -> Iterator[tuple[AsyncBufferedHandler, threading.Event]]:
    hanging = Hanging()
    handler = AsyncBufferedHandler(hanging, buffer_size=100, flush_interval=0.05, emergency=None)
    yield handler, hanging.entered
    hanging.may_return.set()
    handler.close()


def test_a_buffer_that_fills_up_sheds_debug_and_health_says_so(
    filling: tuple[AsyncBufferedHandler, threading.Event],
) -> None:
    handler, entered = filling
    clock = ManualClock()
    sampling = SamplingFilter({}, clock=clock, cpu_percent=lambda: None)
    handler.addFilter(sampling)
    logger = a_logger(handler)
    logger.warning("first")
    assert entered.wait(30)
    for number in range(150):
        logger.warning("number %d", number)

    clock.advance(2.0)
    logger.debug("too much")

    assert handler.fill >= 0.9
    assert sampling.health().dropped == {"shed": 1}
    assert sampling.health().status.value == "degraded"
    assert sampling.health().detail.startswith("shedding DEBUG: the buffer is")


def test_a_filter_that_nobody_holds_is_gone_though_it_had_a_thread(listening: Listening) -> None:
    sampling = SamplingFilter(fold_after=1, fold_every=1_000, fold_window_seconds=0.5)
    listening.addFilter(sampling)
    logger = a_logger(listening)
    for _ in range(20):
        logger.error("broken")
    assert listening.noticed.wait(30)

    listening.removeFilter(sampling)
    gone = weakref.ref(sampling)
    del sampling
    gc.collect()

    assert gone() is None


STORM = """
import logging, logging.config, multiprocessing, os, sys
from aura_logging import presets

LOGGING = presets.production(log_dir=sys.argv[1])
LOGGING["filters"]["sampling"].update(fold_after=20, fold_every=500)
logging.config.dictConfig(LOGGING)
log = logging.getLogger("shop")

def storm(count):
    for number in range(count):
        log.error("card %s declined by %s", number, "gateway")

if __name__ == "__main__":
    storm(3_000)
    child = multiprocessing.get_context("fork").Process(target=storm, args=(3_000,))
    child.start()
    child.join()
    child = os.fork()
    if child == 0:
        log.error("a child of its own")
        sys.exit()
    os.waitpid(child, 0)
"""


def test_at_exit_each_process_tells_its_own_storm_once(tmp_path: Path) -> None:
    script = tmp_path / "storm.py"
    script.write_text(STORM)

    subprocess.run([sys.executable, script, tmp_path], timeout=60, check=True)

    lines = [json.loads(line) for line in (tmp_path / "app.jsonl").read_text().splitlines()]
    written = Counter(line["pid"] for line in lines if line["message"].startswith("card"))
    notices = [line for line in lines if line["logger"] == "aura.sampling"]
    assert list(written.values()) == [20 + 2_980 // 500] * 2
    assert {notice["pid"] for notice in notices} == set(written)
    assert [notice["suppressed"] for notice in notices] == [3_000 - 20 - 5] * 2
    assert {notice["level"] for notice in notices} == {"ERROR"}
    assert {notice["service_name"] for notice in notices} == {"aura"}


def test_the_console_of_a_preset_can_be_sampled_too(tmp_path: Path) -> None:
    config = presets.production(log_dir=tmp_path)
    config["handlers"]["console"]["filters"].append("sampling")
    config["handlers"]["console"]["level"] = "INFO"
    program = f"""
import logging, logging.config
logging.config.dictConfig({config!r})
for number in range(200):
    logging.getLogger("shop").info("hello", extra={{"correlation_id": f"id-{{number}}"}})
"""
    outcome = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)

    written = [json.loads(line)["correlation_id"] for line in (tmp_path / "app.jsonl").read_text().splitlines()]
    shown = [line for line in outcome.stderr.splitlines() if "hello" in line]
    assert 60 < len(written) < 140
    assert len(shown) == len(written)
