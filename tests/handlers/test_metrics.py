"""MetricsHandler counts what it sees, hurts nobody, and loses nothing at an orderly end."""

from __future__ import annotations

import logging
import logging.config
import os
import subprocess
import sys
import textwrap
import threading
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from aura_logging.handlers.metrics import MetricsHandler
from aura_logging.health import Status
from aura_logging.metrics import counter, open_store
from aura_logging.metrics.model import Sample
from aura_logging.metrics.stores.base import StoreError
from aura_logging.metrics.stores.memory import MemoryStore
from aura_logging.options import OptionError

REQUEST = {
    "method": "GET",
    "route": "orders/<int:id>",
    "status_code": 200,
    "user_type": "staff",
    "request_duration": 0.25,
    "db_queries": 4,
    "db_time": 0.05,
    "cache_hits": 3,
    "cache_misses": 1,
    "memory_delta": 4096,
    "security_event": False,
}


class BrokenStore(MemoryStore):
    """A store that is down until it is mended."""

    broken = True

    def add(self, samples: Sequence[Sample], batch: str = "") -> None:
        if self.broken:
            raise StoreError("the disk is full")
        super().add(samples, batch)


@pytest.fixture
def log() -> Iterator[logging.Logger]:
    logger = logging.getLogger("tests.metrics")
    logger.setLevel(logging.DEBUG)
    logger.propagate = False
    yield logger
    for handler in [each for each in logger.handlers if isinstance(each, MetricsHandler)]:
        handler.close()
        logger.removeHandler(handler)
    logger.propagate = True


def totals(store: Any, name: str) -> dict[tuple[str, ...], float]:
    return {tuple(value for _, value in sample.series.labels): sample.amount.sum for sample in store.totals([name])}


def test_records_are_counted_by_level_and_logger(log: logging.Logger) -> None:
    store = MemoryStore()
    handler = MetricsHandler(store=store)
    log.addHandler(handler)
    for _ in range(3):
        log.info("sold")
    log.warning("nearly sold out")
    handler.flush()
    assert totals(store, "aura_log_records_total") == {("INFO", "tests.metrics"): 3, ("WARNING", "tests.metrics"): 1}


def test_threats_are_counted_by_kinds_that_there_are_and_all_others_as_one(log: logging.Logger) -> None:
    store = MemoryStore()
    handler = MetricsHandler(store=store)
    log.addHandler(handler)
    kinds = ("sqli", "csrf_failure", "brute_force", "impossible_travel", None, "0f6a made up", "fraud", 7)
    for kind in kinds:
        log.warning("seen", extra={"security_event": True, "threat_type": kind})
    handler.flush()
    counted = {kind: count for (_, kind), count in totals(store, "aura_security_events_total").items()}
    assert counted == {
        "sqli": 1, "csrf_failure": 1, "brute_force": 1, "impossible_travel": 1, "none": 2, "other": 2,
    }  # fmt: skip


def test_it_works_from_a_logging_dict_with_a_sqlite_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {
            "metrics": {
                "class": "aura_logging.handlers.metrics.MetricsHandler",
                "store": "sqlite:///logs/aura-metrics.db",
                "flush_interval": 60.0,
            }
        },
        "loggers": {"aura.request": {"handlers": ["metrics"], "level": "INFO", "propagate": False}},
    }
    logging.config.dictConfig(config)
    logger = logging.getLogger("aura.request")
    try:
        assert not Path("logs").exists()
        logger.info("request finished", extra=REQUEST)
        (handler,) = (each for each in logger.handlers if isinstance(each, MetricsHandler))
        handler.flush()
        (duration,) = open_store("sqlite:///logs/aura-metrics.db").totals(["aura_request_duration_seconds"])
        assert duration.series.labels == (("method", "GET"), ("route", "orders/<int:id>"))
        assert (duration.amount.count, duration.amount.sum) == (1, 0.25)
    finally:
        handler.close()
        logger.removeHandler(handler)
        logger.propagate = True


def test_without_a_store_it_counts_in_the_log_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: logging.Logger
) -> None:
    monkeypatch.setenv("AURA_LOG_DIR", str(tmp_path / "elsewhere"))
    handler = MetricsHandler()
    log.addHandler(handler)
    log.info("sold")
    handler.flush()
    assert (tmp_path / "elsewhere" / "aura-metrics.db").exists()


def test_a_record_that_reaches_handlers_of_one_store_twice_is_counted_once(log: logging.Logger) -> None:
    url = "memory://counted-once"
    log.addHandler(MetricsHandler(store=url))
    log.addHandler(MetricsHandler(store=url))
    log.info("sold")
    for handler in log.handlers:
        handler.flush()
    assert totals(open_store(url), "aura_log_records_total") == {("INFO", "tests.metrics"): 1}


def test_what_code_counts_is_flushed_too(log: logging.Logger) -> None:
    store = MemoryStore()
    handler = MetricsHandler(store=store)
    orders = counter("handler_test_orders_total", labels=["channel"])
    orders.inc(2, channel="web")
    handler.flush()
    assert totals(store, "handler_test_orders_total") == {("web",): 2}


def test_no_thread_runs_before_the_first_record_and_it_flushes_by_itself(log: logging.Logger) -> None:
    flushed = threading.Event()

    class Telling(MemoryStore):
        def add(self, samples: Sequence[Sample], batch: str = "") -> None:
            super().add(samples, batch)
            flushed.set()

    before = set(threading.enumerate())
    store = Telling()
    log.addHandler(MetricsHandler(store=store, flush_interval=0.01))
    assert set(threading.enumerate()) <= before
    log.info("sold")
    assert flushed.wait(10)
    assert totals(store, "aura_log_records_total") == {("INFO", "tests.metrics"): 1}


def test_a_store_that_is_down_is_told_by_health_and_gets_everything_later(log: logging.Logger) -> None:
    store = BrokenStore()
    handler = MetricsHandler(store=store, flush_interval=60)
    log.addHandler(handler)
    log.info("sold")
    handler.flush()
    log.info("sold")
    handler.flush()
    assert handler.health().status is Status.UNHEALTHY
    assert "the disk is full" in handler.health().detail
    assert store.totals() == []
    store.broken = False
    handler.flush()
    assert handler.health().status is Status.HEALTHY
    assert totals(store, "aura_log_records_total") == {("INFO", "tests.metrics"): 2}


@pytest.mark.parametrize("content", [b"this is not a database" * 100, None])
def test_a_file_that_cannot_be_used_is_health_and_not_a_crash(
    tmp_path: Path, log: logging.Logger, content: bytes | None
) -> None:
    path = tmp_path / "metrics.db"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    handler = MetricsHandler(store=f"sqlite:///{path}")
    log.addHandler(handler)
    log.info("sold")
    handler.flush()
    health = handler.health()
    assert health.status is Status.UNHEALTHY
    assert str(path) in health.detail
    path.rename(tmp_path / "moved away")
    handler.flush()
    assert handler.health().status is Status.HEALTHY
    assert totals(open_store(f"sqlite:///{path}"), "aura_log_records_total") == {("INFO", "tests.metrics"): 1}


def test_a_forked_child_reports_its_own_counts_and_only_those(tmp_path: Path, log: logging.Logger) -> None:
    url = f"sqlite:///{tmp_path}/metrics.db"
    handler = MetricsHandler(store=url, flush_interval=60)
    log.addHandler(handler)
    log.info("before the fork")
    children = []
    for _ in range(3):
        child = os.fork()
        if child == 0:
            status = 1
            try:
                log.info("in the child")
                handler.flush()
                status = 0 if any(thread.name == "aura-metrics" for thread in threading.enumerate()) else 2
            finally:
                os._exit(status)
        children.append(child)
    log.info("after the fork")
    handler.flush()
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0, 0]
    assert totals(open_store(url), "aura_log_records_total") == {("INFO", "tests.metrics"): 5}


@pytest.mark.parametrize("ending", ["pass", "raise SystemExit(0)", "1/0"])
def test_an_interpreter_that_ends_flushes_what_it_counted(tmp_path: Path, ending: str) -> None:
    run_script(tmp_path, f"log.info('sold'); {ending}", check=ending != "1/0")
    found = totals(open_store(f"sqlite:///{tmp_path}/metrics.db"), "aura_log_records_total")
    assert found == {("INFO", "shop"): 1}


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_multiprocessing_child_flushes_what_it_counted(tmp_path: Path, method: str) -> None:
    run_script(
        tmp_path,
        f"""
        import multiprocessing
        if __name__ == '__main__':
            context = multiprocessing.get_context({method!r})
            children = [context.Process(target=log.info, args=('sold',)) for _ in range(2)]
            [child.start() for child in children]
            [child.join() for child in children]
        """,
    )
    found = totals(open_store(f"sqlite:///{tmp_path}/metrics.db"), "aura_log_records_total")
    # A logger is unpickled by name: in a spawned child the script's own lines have configured it.
    assert found == {("INFO", "shop"): 2}


def run_script(directory: Path, body: str, *, check: bool = True) -> None:
    script = directory / "script.py"
    script.write_text(
        textwrap.dedent(
            f"""
            import logging
            from aura_logging.handlers.metrics import MetricsHandler
            log = logging.getLogger("shop")
            log.setLevel("INFO")
            log.addHandler(MetricsHandler(store="sqlite:///{directory}/metrics.db", flush_interval=60))
            """
        )
        + textwrap.dedent(body)
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=30, check=False)
    assert not check or done.returncode == 0, done.stderr


def test_a_slow_store_does_not_hold_up_the_caller(log: logging.Logger) -> None:
    entered, release = threading.Event(), threading.Event()

    class Slow(MemoryStore):
        def add(self, samples: Sequence[Sample], batch: str = "") -> None:
            entered.set()
            release.wait(10)
            super().add(samples, batch)

    store = Slow()
    handler = MetricsHandler(store=store, flush_interval=0.01)
    log.addHandler(handler)
    log.info("sold")
    assert entered.wait(10)
    log.info("sold while the store is busy")
    release.set()
    handler.close()
    assert totals(store, "aura_log_records_total") == {("INFO", "tests.metrics"): 2}


def test_a_store_that_raises_anything_stays_away_from_the_application(log: logging.Logger) -> None:
    class Raising(MemoryStore):
        def read(self, since: float, until: float | None = None, names: Collection[str] | None = None) -> list[Sample]:
            raise AssertionError

        def add(self, samples: Sequence[Sample], batch: str = "") -> None:
            raise RuntimeError

    handler = MetricsHandler(store=Raising())
    log.addHandler(handler)
    log.info("sold")
    handler.flush()
    handler.close()
    assert (handler.health().status, handler.health().detail) == (Status.UNHEALTHY, "RuntimeError")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"flush_interval": 0}, "flush_interval=0"),
        ({"flush_interval": "5"}, "flush_interval='5'"),
        ({"store": "sqlite://logs/x.db"}, "three slashes"),
        ({"store": "sqlite:///"}, "names no file"),
        ({"store": "logs/x.db"}, "is not a URL"),
        ({"store": "sqlit:///x.db"}, "Did you mean 'sqlite'?"),
        ({"store": 7}, "store=7"),
    ],
)
def test_wrong_options_are_refused_by_name_value_and_fix(options: dict[str, Any], words: str) -> None:
    with pytest.raises(OptionError) as error:
        MetricsHandler(**options)
    assert words in str(error.value)
    known = [reference() for reference in logging._handlerList]  # type: ignore[attr-defined]
    assert all(hasattr(each, "_counting") for each in known if isinstance(each, MetricsHandler)), "flushed at exit"
