"""Whatever breaks, the command and the page name the same handler, and both say what to do."""

from __future__ import annotations

import contextlib
import html
import io
import json
import logging
import logging.config
import os
import re
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client, override_settings

from aura_logging import presets
from aura_logging.handlers.metrics import MetricsHandler

Logging = dict[str, Any]
WAIT_SECONDS = 20.0


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Logging]:
    """The production preset in a directory of its own; changed, then configured."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    config = presets.production(log_dir=tmp_path / "logs")
    config["handlers"]["metrics"]["flush_interval"] = 60.0
    config["handlers"]["async_file"].update(journal=None, emergency=None, shutdown_seconds=0.1)
    config["filters"]["sampling"]["rates"] = {}
    middleware = [f"aura_logging.django.middleware.{name}" for name in ("PerformanceMonitoringMiddleware",
                                                                        "DatabaseQueryTrackingMiddleware")]  # fmt: skip
    site = ["django.contrib.sessions.middleware.SessionMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware"]  # fmt: skip
    with override_settings(MIDDLEWARE=[middleware[0], *site, middleware[1]]):
        yield config
    for handler in logging.getLogger().handlers:
        handler.close()


def command_says() -> list[dict[str, Any]]:
    out = io.StringIO()
    with contextlib.suppress(SystemExit):
        call_command("logging_health_check", "--format=json", stdout=out, stderr=out)
    return list(json.loads(out.getvalue())["recommendations"])


def page_says(viewer: Client) -> list[tuple[str, str]]:
    """Return what the page says is to be done: what it is about, and the rest."""
    answer = viewer.get("/aura/workers/")
    assert answer.status_code == 200
    found = re.findall(r'<li class="\w+">\s*<p><span[^>]*>([^<]*)</span>(.*?)</li>', answer.content.decode(), re.DOTALL)
    return [
        (html.unescape(about), " ".join(html.unescape(re.sub(r"<[^>]+>", "", words)).split())) for about, words in found
    ]


def both_say(viewer: Client, about: str, problem: str, advice: str) -> None:
    (told,) = [each for each in command_says() if each["about"] == about and problem in each["problem"]]
    assert advice in told["advice"]
    (shown,) = [words for named, words in page_says(viewer) if named == about and problem in words]
    assert advice in shown
    assert told["setting"] in shown


def health_of(handler: str) -> Any:
    return logging._handlers[handler].health()


def log_until(is_broken: Callable[[], object]) -> None:
    """Log errors until they have broken what they are to break."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not is_broken():
        assert time.monotonic() < deadline
        logging.getLogger("shop").error("one")
        logging._handlers["async_file"].flush(0.05)


def test_nothing_is_to_be_done_where_all_is_well(viewer: Client, config: Logging) -> None:
    logging.config.dictConfig(config)

    assert command_says() == []
    assert page_says(viewer) == []
    assert "What to do" not in viewer.get("/aura/workers/").content.decode()


def test_a_full_disk(viewer: Client, config: Logging) -> None:
    config["handlers"]["json"]["filename"] = "/dev/full"
    logging.config.dictConfig(config)

    log_until(lambda: "No space" in health_of("json").detail)

    both_say(viewer, "json", "No space left on device", "make room")


def test_a_refused_connection(viewer: Client, config: Logging, free_port: Callable[[], int]) -> None:
    collector = {"class": "logging.handlers.SocketHandler", "host": "127.0.0.1", "port": free_port()}
    config["handlers"]["collector"] = collector
    config["handlers"]["async_file"]["target"] = "collector"
    logging.config.dictConfig(config)

    log_until(lambda: health_of("async_file").detail)

    both_say(viewer, "async_file", f"no connection to 127.0.0.1:{collector['port']}", "Nobody listens there: start")


def test_an_open_breaker(viewer: Client, config: Logging) -> None:
    config["handlers"]["async_file"].update(target="json", failure_threshold=1)
    config["handlers"]["json"]["filename"] = "/dev/full"
    logging.config.dictConfig(config)

    log_until(lambda: health_of("async_file").circuit_open)

    both_say(viewer, "async_file", "its breaker is open", "make room")
    page = viewer.get("/aura/workers/").content.decode()
    assert re.search(r'async_file.*?<span class="tag firing">open</span>', page, re.DOTALL)


def test_a_file_that_cannot_be_written(viewer: Client, config: Logging, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no directory")
    config["handlers"]["json"]["filename"] = str(tmp_path / "file" / "app.jsonl")
    logging.config.dictConfig(config)

    log_until(lambda: "Not a directory" in health_of("json").detail)

    both_say(viewer, "json", "Not a directory", "The path leads to something else")


def test_a_dead_worker(viewer: Client, config: Logging, children: list[int]) -> None:
    logging.config.dictConfig(config)
    dead, alive = (begin_worker() for _ in range(2))
    children.append(alive)
    os.kill(dead, signal.SIGKILL)
    os.waitpid(dead, 0)

    about = next(each["about"] for each in command_says())
    assert about.endswith(f" pid {dead}")
    both_say(viewer, about, "It was killed, or it crashed", "OOM killer")
    page = viewer.get("/aura/workers/").content.decode()
    assert re.search(rf':{dead}</span></th>\s*<td><span class="tag firing">gone</span>', page)
    assert re.search(rf':{alive}</span></th>\s*<td><span class="tag healthy">alive, healthy</span>', page)


def test_a_store_that_refuses(viewer: Client, config: Logging, free_port: Callable[[], int]) -> None:
    config["handlers"]["metrics"]["store"] = f"redis://127.0.0.1:{free_port()}/0"
    logging.config.dictConfig(config)

    both_say(viewer, "metrics store (redis)", "refused", "Nobody listens there: start the service")
    overview = viewer.get("/aura/")
    assert overview.status_code == 503
    assert "refused" in overview.content.decode()


def begin_worker() -> int:
    """Fork a process that says how it is, and then does nothing until it is killed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            for handler in logging.getLogger().handlers:
                if isinstance(handler, MetricsHandler):
                    handler._counting.recorder.tick()
            os.write(writing, b"told")
            signal.pause()
        finally:
            os._exit(1)
    os.close(writing)
    assert os.read(reading, 4) == b"told"
    os.close(reading)
    return pid
