"""Run the shop under a real gunicorn: prepare, start, stop with SIGTERM."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from demo.places import SHOP_DIR

START_SECONDS = 30.0
STOP_SECONDS = 30.0
_LISTENING = re.compile(r"Listening at: (http://\S+)")


class ServerError(Exception):
    """The server did not do what was asked; the message ends with its own last words."""


def environment(state_dir: Path) -> dict[str, str]:
    """Return the environment for the shop's processes."""
    defaults = {"SLOW_REQUEST_THRESHOLD": "0.5"}  # seconds; the default of 2 would make a dull demo
    # REDIS_URL would have the numbers go elsewhere; a run keeps all it makes in its own directory.
    ours = {"DJANGO_SETTINGS_MODULE": "shop.settings", "SHOP_STATE_DIR": str(state_dir), "REDIS_URL": ""}
    return defaults | os.environ | ours


def prepare(state_dir: Path) -> str:
    """Create the tables and fill the shop; return what `seed` says about it."""
    _manage(state_dir, "migrate", "--verbosity=0")
    return _manage(state_dir, "seed").strip()


def health(state_dir: Path, has_colour: bool) -> tuple[bool, str]:
    """Ask how logging is in all processes; return whether it is well, and the table."""
    done = subprocess.run(
        [sys.executable, "manage.py", "logging_health_check", "--force-color" if has_colour else "--no-color"],
        cwd=SHOP_DIR, env=environment(state_dir) | {"PYTHONIOENCODING": "utf-8"}, capture_output=True, text=True,
        encoding="utf-8", stdin=subprocess.DEVNULL,
    )  # fmt: skip
    return done.returncode == 0, done.stdout or _tail(done.stderr)


def audit_verdict(state_dir: Path) -> dict:
    """Return what `aura_audit verify` says of the shop's trail."""
    return json.loads(_manage(state_dir, "aura_audit", "verify", "--format=json"))["default"]


def _manage(state_dir: Path, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=SHOP_DIR, env=environment(state_dir), capture_output=True, text=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    if done.returncode:
        raise ServerError(f"`manage.py {' '.join(arguments)}` failed.\n{_tail(done.stderr)}")
    return done.stdout


def _tail(text: str, lines: int = 15) -> str:
    return "\n".join(f"    | {line}" for line in text.rstrip().splitlines()[-lines:])


def _insist_on_free(port: int) -> None:
    """Fail at once where gunicorn would try for five seconds."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ServerError(
                f"Port {port} is not to be had: {error.strerror}.\n"
                f"  Take another: make serve PORT={port + 1 if port < 65535 else 8000}"
            ) from None


class GunicornServer:
    """The shop under gunicorn. Port 0 asks the kernel for a free one, so two demos never collide."""

    def __init__(self, state_dir: Path, port: int = 0):
        self.output = state_dir / "server.log"
        self.url = ""
        self._state_dir = state_dir
        self._port = port
        self._process: subprocess.Popen | None = None

    def __enter__(self) -> "GunicornServer":
        if self._port:
            _insist_on_free(self._port)
        self.output.write_text("")  # what an earlier server said is not ours
        with self.output.open("a") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", "--bind", f"127.0.0.1:{self._port}", "shop.wsgi"],
                cwd=SHOP_DIR, env=environment(self._state_dir), stdout=output, stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C reaches us alone, and we stop it in good order
            )  # fmt: skip
        try:
            self._wait_until_listening()
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Leave nothing behind: a server that still runs is asked to stop, and ended where that is in vain."""
        try:
            if self.is_running:
                self.stop()
        finally:
            self._kill()

    def _wait_until_listening(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if found := _LISTENING.search(self.output.read_text(errors="replace")):
                self.url = found[1]
                return
            if self._process.poll() is not None:
                raise ServerError(f"gunicorn ended with code {self._process.returncode}.\n{self.last_words()}")
            time.sleep(0.05)
        raise ServerError(f"gunicorn was not ready after {START_SECONDS:.0f} s.\n{self.last_words()}")

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def wait(self) -> int:
        return self._process.wait()

    def last_words(self) -> str:
        return f"  The end of {self.output}:\n" + _tail(self.output.read_text(errors="replace"))

    def stop(self) -> float:
        """Ask it to stop, as an init system would, and return how many seconds that took."""
        started = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        try:
            code = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            raise ServerError(
                f"gunicorn did not stop within {STOP_SECONDS:.0f} s of SIGTERM.\n{self.last_words()}"
            ) from None
        if code:
            raise ServerError(f"gunicorn stopped with code {code}.\n{self.last_words()}")
        return time.monotonic() - started

    def _kill(self) -> None:
        with suppress(ProcessLookupError):  # it may have stopped in good order
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
