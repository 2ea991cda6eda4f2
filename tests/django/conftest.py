"""Serve tests/site in this process, by gunicorn and by uvicorn, and read the lines that it writes."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import SyncToAsync
from django.apps import apps
from django.conf import settings

from aura_logging import context
from aura_logging.filters import RequestContextFilter
from aura_logging.formatters import JsonFormatter
from aura_logging.performance import outgoing, queries

SITE = Path(__file__).resolve().parents[1] / "site"
WAIT_SECONDS = 20.0


def _configure() -> tempfile.TemporaryDirectory[str]:
    """Set Django up once for this process; by `configure`, for DJANGO_SETTINGS_MODULE would tell other tests' code."""
    state = tempfile.TemporaryDirectory(prefix="aura-site-")
    sys.path.insert(0, str(SITE))
    os.environ["SITE_STATE_DIR"] = state.name
    from misbehaving import settings as of_the_site

    del os.environ["SITE_STATE_DIR"]
    settings.configure(**{name: value for name, value in vars(of_the_site).items() if name.isupper()})
    apps.populate(settings.INSTALLED_APPS)
    return state


# At import: test modules import models and middlewares.
_state = _configure()

Line = dict[str, Any]


class Lines:
    """What was logged, as read back from JSON."""

    def __init__(self, read: Callable[[], list[Line]]) -> None:
        self._read = read

    def all(self) -> list[Line]:
        return self._read()

    def of(self, logger: str, **fields: Any) -> list[Line]:
        wanted = {"logger": logger, **fields}
        return [one for one in self._read() if all(one.get(key) == value for key, value in wanted.items())]

    def about(self, correlation_id: str) -> list[Line]:
        return [one for one in self._read() if one["correlation_id"] == correlation_id]

    def request(self, **fields: Any) -> Line:
        """Return the one wide record; with `fields`, the one of these."""
        found = self.of("aura.request", **fields)
        assert len(found) == 1, found
        return found[0]

    def wait(self, logger: str, count: int = 1, **fields: Any) -> list[Line]:
        """Return the lines of that kind as soon as there are so many; a server writes a moment after it answers."""
        deadline = time.monotonic() + WAIT_SECONDS
        while len(found := self.of(logger, **fields)) < count:
            assert time.monotonic() < deadline, (logger, fields, len(found))
            time.sleep(0.01)
        return found


@pytest.fixture(scope="session")
def database() -> Path:
    """Return the site's database, with its tables and the user `ada`."""
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connections

    call_command("migrate", verbosity=0)
    User.objects.create_user("ada", password="ada", is_staff=True)
    connections.close_all()
    return Path(settings.DATABASES["default"]["NAME"])


@pytest.fixture
def lines() -> Iterator[Lines]:
    """Collect, as JSON, what this process logs."""
    written: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(self.format(record))

    handler = Collector()
    handler.addFilter(RequestContextFilter(service_name="site", host_metrics=False, environ={}))
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.INFO)
    root.addHandler(handler)
    yield Lines(lambda: [json.loads(one) for one in written])
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.fixture(autouse=True)
def _no_context() -> Iterator[None]:
    """Let no test see another's context."""
    context.release()
    yield
    context.release()
    # Of a request whose response nobody has closed.
    queries.current.set(None)
    outgoing.current.set(None)


@pytest.fixture(autouse=True, scope="module")
def _nothing_left_open() -> Iterator[None]:
    """Close the connections of this thread and of asgiref's for sync code, and stop it: tests that come later fork."""
    from django.db import connections

    yield
    connections.close_all()
    SyncToAsync.single_thread_executor.submit(connections.close_all).result()
    SyncToAsync.single_thread_executor.shutdown()
    SyncToAsync.single_thread_executor = ThreadPoolExecutor(max_workers=1)


class Server:
    """The site behind a real server, in processes of its own."""

    def __init__(self, command: list[str], state: Path, url: str, environment: dict[str, str]) -> None:
        self.state = state
        self.url = url
        self.port = int(url.rpartition(":")[2])
        self.lines = Lines(self._read)
        self._parsed: list[Line] = []
        self._parsed_bytes = 0
        self._parsing = threading.Lock()
        self._output = state / "server.log"
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                command, cwd=SITE, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )

    @property
    def output(self) -> str:
        return self._output.read_text()

    def _read(self) -> list[Line]:
        with self._parsing:
            try:
                with (self.state / "app.jsonl").open("rb") as written:
                    written.seek(self._parsed_bytes)
                    new = written.read()
            except FileNotFoundError:
                return []
            # What follows the last line break may be half a line, still being written.
            whole = new[: new.rfind(b"\n") + 1]
            self._parsed_bytes += len(whole)
            self._parsed += map(json.loads, whole.splitlines())
            return list(self._parsed)

    def wait_until(self, ready: Callable[[], bool]) -> None:
        deadline = time.monotonic() + WAIT_SECONDS
        while not ready():
            assert self.process.poll() is None, self.output
            assert time.monotonic() < deadline, self.output
            time.sleep(0.02)

    def answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self) -> int:
        """Ask it to stop as an init system would; return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(WAIT_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise


@pytest.fixture(scope="session")
def serve(
    database: Path, free_port: Callable[[], int], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Server]:
    """Start the site: `serve("gunicorn", "--threads=4")`, `serve("uvicorn")`; the caller stops it.

    `ready` tells when it is; otherwise, when it answers on its port. `state` is the directory of an earlier server.
    """

    def start(
        kind: str,
        *options: str,
        ready: Callable[[], bool] | None = None,
        state: Path | None = None,
        **environment: str,
    ) -> Server:
        if state is None:
            state = tmp_path_factory.mktemp(kind)
            shutil.copy(database, state / "site.sqlite3")
        port = free_port()
        command = {
            "gunicorn": [
                "gunicorn", "--bind", f"127.0.0.1:{port}", "--config", "gunicorn_hooks.py", "misbehaving.wsgi",
            ],
            "uvicorn": [
                "uvicorn", "--port", str(port), "--no-proxy-headers", "--no-access-log", "misbehaving.asgi:application",
            ],
        }[kind]  # fmt: skip
        server = Server(
            [sys.executable, "-m", *command, *(option.format(port=port) for option in options)],
            state,
            f"http://127.0.0.1:{port}",
            os.environ | {"SITE_STATE_DIR": str(state), "SITE_PRESET": "production"} | environment,
        )
        try:
            server.wait_until(ready or server.answers)
        except BaseException:
            server.process.kill()
            raise
        return server

    return start


@pytest.fixture(scope="session")
def manage(database: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `manage.py` in a process of its own."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=SITE,
            env=os.environ | {"SITE_STATE_DIR": str(database.parent)} | environment,
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run


@pytest.fixture
def children() -> Iterator[list[int]]:
    """Processes that a test started; none is left."""
    pids: list[int] = []
    yield pids
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        except (ProcessLookupError, ChildProcessError):
            continue  # the test itself has seen its end
