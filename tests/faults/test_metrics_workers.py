"""Workers of a real gunicorn come and go under load, and the totals are those of what was served."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aura_logging.metrics.recorder import Recorder
from aura_logging.metrics.stores.sqlite import SqliteStore

APPLICATION = """
import logging, logging.config, os
from aura_logging.metrics import counter

logging.config.dictConfig({{
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {{"metrics": {{
        "class": "aura_logging.handlers.metrics.MetricsHandler",
        "store": "sqlite:///{directory}/metrics.db",
        "flush_interval": 0.2,
    }}}},
    "root": {{"level": "INFO", "handlers": ["metrics"]}},
}})
log = logging.getLogger("aura.request")
logging.getLogger("shop").info("the master logs before it forks")
served = counter("app_served_total")
witness = os.open("{directory}/witness", os.O_CREAT | os.O_APPEND | os.O_WRONLY)

def application(environ, start_response):
    log.info("request finished", extra={{
        "route": "shop/", "method": "GET", "status_code": 200, "request_duration": 0.001, "db_queries": 2,
    }})
    served.inc()
    os.write(witness, b".")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
"""


class Site:
    """Four gunicorn workers that are replaced after a hundred requests each, clients, and a witness of each request."""

    def __init__(self, directory: Path, *options: str) -> None:
        (directory / "application.py").write_text(textwrap.dedent(APPLICATION.format(directory=directory)))
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.store = SqliteStore(directory / "metrics.db")
        self._witness = directory / "witness"
        self.answered = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        command = [sys.executable, "-m", "gunicorn", "application:application", "--workers", "4", "--preload"]
        # gunicorn forgets a SIGTERM that comes while a worker starts; it kills such a worker after this time.
        command += [
            "--graceful-timeout",
            "2",
            "--bind",
            f"127.0.0.1:{self.port}",
            "--log-level",
            "critical",
            "--no-control-socket",
            *options,
        ]
        environment = dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path))
        self.process = subprocess.Popen(command, cwd=directory, env=environment)
        self._clients = [threading.Thread(target=self._ask) for _ in range(3)]

    def start(self) -> None:
        for client in self._clients:
            client.start()

    def wait_for(self, answers: int) -> None:
        deadline = time.monotonic() + 30
        while self.answered < answers and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self.answered >= answers

    def stop(self) -> None:
        """Stop the clients, then the site, and come by as the next process would."""
        self._stop.set()
        for client in self._clients:
            client.join()
        self.process.terminate()
        self.process.wait(30)
        neighbour = Recorder(self.store, 60, mirror_directory=self.store.path.with_name("metrics.db.live"))
        neighbour.tick()
        neighbour.close()

    @property
    def served(self) -> int:
        """How many requests were served, whether or not the client heard the answer."""
        return self._witness.stat().st_size

    def kill_a_worker(self, number: signal.Signals) -> None:
        """Send the signal to one worker, once: the one that is asked may be leaving by itself."""
        while True:
            found = subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True, check=False)
            for line in found.stdout.split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(line), number)
                    return

    def total(self, name: str) -> float:
        return sum(sample.amount.sum for sample in self.store.totals([name]))

    def _ask(self) -> None:
        while not self._stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            try:
                connection.request("GET", "/")
                answered = connection.getresponse().read() == b"ok"
            except (OSError, http.client.HTTPException):
                answered = False
                time.sleep(0.02)
            finally:
                connection.close()
            with self._lock:
                self.answered += answered


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path, "--max-requests", "100", "--max-requests-jitter", "20")
    yield site
    if site.process.poll() is None:
        site.stop()


def test_workers_that_are_recycled_and_terminated_under_load_lose_no_count(site: Site) -> None:
    site.start()
    for answers in (200, 400):
        site.wait_for(answers)
        site.kill_a_worker(signal.SIGTERM)
    site.wait_for(900)
    site.stop()
    assert site.answered >= 900
    assert site.total("aura_requests_total") == site.served
    assert site.total("app_served_total") == site.served
    assert site.total("aura_log_records_total") == site.served + 1


def test_workers_that_are_killed_under_load_are_counted_by_their_neighbours(site: Site) -> None:
    site.start()
    kills = 0
    for answers in range(100, 900, 100):
        site.wait_for(answers)
        site.kill_a_worker(signal.SIGKILL)
        kills += 1
    site.wait_for(1_000)
    site.stop()
    total = site.total("aura_requests_total")
    # One that is killed between being counted and being witnessed differs by one.
    assert site.served <= total <= site.served + kills
    assert site.served <= site.total("app_served_total") <= total
