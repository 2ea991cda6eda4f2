"""Time requests to every candidate's site in turn, each right beside the bare site's, so that noise hits both alike.

Every candidate has a process of its own. A request goes through Django's whole WSGI handler, from environ to the
response's close. Counted is the processor time of the whole process, its threads included. Every site has a SQLite
file for a database. What the bare site "adds" to the one it is set beside, another process of the same, is the noise.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import IO, Any, NamedTuple

from request_candidates import CANDIDATES

# What a site measured in one round: its figures.
Row = tuple[float, ...]


class Pair(NamedTuple):
    """One round of a candidate's, and the bare site's next to it."""

    own: Row
    bare: Row


class Site:
    """The site of the candidate of that name, in this process, which can have only one.

    `views` gives the site's URL patterns; it is called when models can be imported and the database is there.
    """

    def __init__(self, name: str, views: Callable[[], list[Any]]) -> None:
        self._candidate = CANDIDATES[name]
        self._directory = Path(tempfile.mkdtemp())  # in the directory of the run
        os.chdir(self._directory)  # some write where they stand
        self._requests = 0
        self._configure()
        from django.core.management import call_command
        from django.core.wsgi import get_wsgi_application
        from django.urls import include, path

        self._application: Any = get_wsgi_application()
        call_command("migrate", verbosity=0)
        pages = self._candidate.pages
        sys.modules["urls"] = urls = ModuleType("urls")
        urls.urlpatterns = [*views(), *([path(pages[0], include(pages[1]))] if pages else [])]  # type: ignore[attr-defined]

    def _configure(self) -> None:
        from django.conf import settings

        own = self._candidate.settings(self._directory)
        apps = ["django.contrib.contenttypes", "django.contrib.auth", *own.pop("INSTALLED_APPS", [])]
        database = {"ENGINE": self._candidate.database, "NAME": f"{self._directory}/db.sqlite3"}
        settings.configure(
            **{"MIDDLEWARE": [], **own}, DEBUG=False, SECRET_KEY="benchmark", ROOT_URLCONF="urls", ALLOWED_HOSTS=["*"],
            INSTALLED_APPS=apps, DATABASES={"default": database},
        )  # fmt: skip
        self._candidate.instrument()

    def microseconds(self, address: str, requests: int) -> float:
        """What a GET of `address` takes, once warm; of `requests`, or fewer where the candidate is slow."""
        requests = max(1, requests // self._candidate.slowness)
        # The bare site answers more often than any other; what others did in between must not be to their cost.
        self._get(address, max(1, requests // 4))
        started = time.process_time()
        self._get(address, requests)
        return (time.process_time() - started) / requests * 1e6

    def _get(self, address: str, requests: int) -> None:
        environ = {
            "REQUEST_METHOD": "GET", "PATH_INFO": address, "QUERY_STRING": "", "SERVER_NAME": "localhost",
            "SERVER_PORT": "80", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": "203.0.113.7", "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr, "wsgi.multithread": False, "wsgi.multiprocess": False, "wsgi.run_once": False,
            "wsgi.version": (1, 0), "HTTP_HOST": "localhost", "HTTP_USER_AGENT": "benchmark/1", "HTTP_ACCEPT": "*/*",
        }  # fmt: skip
        for _ in range(requests):
            response = self._application({**environ, "wsgi.input": io.BytesIO()}, lambda status, headers: None)
            for _part in response:
                pass
            response.close()
        self._requests += requests

    def bytes_logged(self) -> float:
        """What a request wrote to log files, on average, up to now."""
        logs = [file for pattern in ("*.log", "*.jsonl") for file in self._directory.glob(pattern)]
        return sum(file.stat().st_size for file in logs) / self._requests


def answer(measure: Callable[[], Sequence[float]]) -> None:
    """In a candidate's process: measure once to get warm, then a round for each line on standard input."""
    measure()
    for _ in sys.stdin:
        print(*measure(), flush=True)


def rounds_in_turn(script: str, rounds: int) -> dict[str, list[Pair]]:
    """In `script`, called with `[ROUNDS [CANDIDATE …]]`: what `script --serve CANDIDATE` answered, for each of them.

    Peers that are not installed are left out. The versions of those that are, are printed.
    """
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else rounds
    chosen = {"bare", *(sys.argv[2:] or CANDIDATES)}
    if unknown := chosen - CANDIDATES.keys():
        sys.exit(f"no candidates: {', '.join(unknown)}; there are {', '.join(CANDIDATES)}")
    installed = {name: one for name, one in CANDIDATES.items() if name in chosen and one.is_installed()}
    versions = {package: version for one in installed.values() for package, version in one.versions().items()}
    print(", ".join(f"{package} {version}" for package, version in versions.items()))
    with tempfile.TemporaryDirectory(prefix="aura-requests-", ignore_cleanup_errors=True) as files:
        bare = _Process(script, "bare", files)
        processes = {name: _Process(script, name, files) for name in installed}
        taken: dict[str, list[Pair]] = {name: [] for name in processes}
        for number in range(rounds):
            for name, process in processes.items():
                if number % 2:
                    own, base = process.ask(), bare.ask()
                else:
                    base, own = bare.ask(), process.ask()
                taken[name].append(Pair(own, base))
        for process in (bare, *processes.values()):
            process.end()
    return taken


def median_of(pairs: list[Pair], figure: Callable[[Row], float]) -> float:
    return median(figure(pair.own) for pair in pairs)


def median_added(pairs: list[Pair], figure: Callable[[Row], float]) -> float:
    """The median of the pairs' differences."""
    return median(figure(pair.own) - figure(pair.bare) for pair in pairs)


def median_ratio(pairs: list[Pair], figure: Callable[[Row], float]) -> float:
    """The median of the pairs' ratios."""
    return median(figure(pair.own) / figure(pair.bare) for pair in pairs)


class _Process:
    """A candidate's process; what it says on standard error is shown when it dies."""

    def __init__(self, script: str, name: str, files: str) -> None:
        self._name = name
        self._errors: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the process
        self._process = subprocess.Popen(
            [sys.executable, script, "--serve", name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors, text=True,
            env=os.environ | {"TMPDIR": files},
        )  # fmt: skip

    def ask(self) -> Row:
        assert self._process.stdin is not None and self._process.stdout is not None
        with suppress(BrokenPipeError):  # its silence says it too
            self._process.stdin.write("\n")
            self._process.stdin.flush()
        answered = self._process.stdout.readline()
        if not answered:
            self._errors.seek(0)
            sys.exit(f"{self._name} died:\n{self._errors.read().decode()}")
        return tuple(float(figure) for figure in answered.split())

    def end(self) -> None:
        self._process.communicate()
