"""Seed the site in a directory and serve it there, for the tests and for `make screenshots`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
WAIT_SECONDS = 30.0
_LISTENING = re.compile(r"Listening at: (http://\S+)")


@dataclass(frozen=True)
class Site:
    """The site behind gunicorn: its address, the directory it lives in, and everybody's session cookie."""

    url: str
    state: Path
    sessions: dict[str, str]


@contextmanager
def serving(state: Path, *, is_hostile: bool = False, page_seconds: int = 60) -> Iterator[Site]:
    """Serve a freshly seeded site until the block ends; `is_hostile` seeds lines that hold HTML too."""
    # The caller's environment must not lead elsewhere.
    environment = os.environ | {"SITE_STATE_DIR": str(state), "SITE_PAGE_SECONDS": str(page_seconds), "REDIS_URL": ""}
    arguments = [sys.executable, HERE / "seed.py", state, *(["--hostile"] if is_hostile else [])]
    subprocess.run(arguments, check=True, env=environment, timeout=2 * WAIT_SECONDS)
    log = state / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--bind=127.0.0.1:0", "--threads=4", "watched.wsgi"],
            cwd=HERE, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        url = _address(server, log)
        yield Site(url, state, json.loads((state / "sessions.json").read_text()))
    finally:
        server.terminate()
        server.wait(WAIT_SECONDS)


def _address(server: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + WAIT_SECONDS
    while (found := _LISTENING.search(log.read_text(errors="replace"))) is None:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the site does not start:\n{log.read_text(errors='replace')}")
        time.sleep(0.02)
    return found[1]
