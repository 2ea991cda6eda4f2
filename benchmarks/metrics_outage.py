"""What a request takes while Redis, where its metrics go, is there, is stopped, and hangs: trust the ratios.

    python benchmarks/metrics_outage.py [ROUNDS]

A Redis of its own is started, stopped (connections are refused) and suspended (they are not answered) in turn, round by
round. A request goes through Django's whole WSGI handler with our middleware and a `MetricsHandler` that flushes four
times a second. Needs `redis-server`, and says so where there is none.
"""

from __future__ import annotations

import io
import logging
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

REQUESTS = 1_500
ROUNDS = 5
URLS = type(sys)("urls")
ENVIRON = {
    "REQUEST_METHOD": "GET", "PATH_INFO": "/things/7/", "QUERY_STRING": "", "SERVER_NAME": "localhost",
    "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "203.0.113.7", "wsgi.url_scheme": "http",
    "wsgi.errors": sys.stderr, "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False,
    "wsgi.version": (1, 0), "HTTP_HOST": "localhost",
}  # fmt: skip


def application(url: str) -> Callable[..., Any]:
    from django.conf import settings
    from django.http import HttpResponse
    from django.urls import path

    URLS.urlpatterns = [path("things/<int:number>/", lambda request, number: HttpResponse(b"fine"))]
    sys.modules["urls"] = URLS
    handler = {"class": "aura_logging.handlers.MetricsHandler", "store": url, "flush_interval": 0.25}
    settings.configure(
        SECRET_KEY="benchmark", ROOT_URLCONF="urls", ALLOWED_HOSTS=["*"], INSTALLED_APPS=["aura_logging.django"],
        MIDDLEWARE=["aura_logging.django.middleware.PerformanceMonitoringMiddleware"],
        LOGGING={
            "version": 1, "disable_existing_loggers": False, "handlers": {"metrics": handler},
            "root": {"level": "INFO", "handlers": ["metrics"]},
        },
    )  # fmt: skip
    from django.core.wsgi import get_wsgi_application

    return get_wsgi_application()


def latencies(answer: Callable[..., Any]) -> list[float]:
    """Return microseconds of each request of a round; one comes each millisecond, as in a worker that is not full."""
    taken = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        response = answer({**ENVIRON, "wsgi.input": io.BytesIO()}, lambda status, headers: None)
        for _part in response:
            pass
        response.close()
        taken.append((time.perf_counter() - began) * 1e6)
        time.sleep(0.000_5)
    return sorted(taken)


def main() -> None:
    binary = shutil.which("redis-server")
    if binary is None:
        print("redis-server is not installed; nothing measured")
        return
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    directory = tempfile.mkdtemp(prefix="aura-outage-")

    def started() -> subprocess.Popen[bytes]:
        command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"]
        server = subprocess.Popen([*command, "--dir", directory], stdout=subprocess.DEVNULL)
        time.sleep(0.5)
        return server

    server = started()
    answer = application(f"redis://127.0.0.1:{port}/0")
    latencies(answer)
    taken: dict[str, list[list[float]]] = {"there": [], "stopped": [], "hanging": []}
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS):
        taken["there"].append(latencies(answer))
        server.send_signal(signal.SIGSTOP)
        taken["hanging"].append(latencies(answer))
        server.send_signal(signal.SIGCONT)
        server.terminate()
        server.wait()
        taken["stopped"].append(latencies(answer))
        server = started()
    from aura_logging.metrics import open_store

    (handler,) = logging.getLogger().handlers
    handler.flush()
    served = REQUESTS * (1 + sum(len(rounds) for rounds in taken.values()))
    counted = sum(each.amount.sum for each in open_store(f"redis://127.0.0.1:{port}/0").totals(["aura_requests_total"]))
    print(f"Redis is    {'median':>8} {'p99':>8}   µs a request; medians of {len(taken['there'])} rounds")
    for state, rounds in taken.items():
        median, p99 = (statistics.median(each[int(len(each) * q)] for each in rounds) for q in (0.5, 0.99))
        ratio = statistics.median(
            own[len(own) // 2] / there[len(there) // 2] for own, there in zip(rounds, taken["there"], strict=True)
        )
        print(f"{state:11} {median:8.0f} {p99:8.0f}   {ratio:.2f}x")
    print(f"requests served {served:,}, counted {counted:,.0f}")
    handler.close()
    server.terminate()
    server.wait()


if __name__ == "__main__":
    main()
