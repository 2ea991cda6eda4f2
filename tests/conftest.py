"""Give tests free ports and private servers, and decide in one place what happens when a server is missing."""

from __future__ import annotations

import logging
import os
import pwd
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from aura_logging import health

INSTALLER = "scripts/install-test-services"
START_SECONDS = 30.0
STOP_SECONDS = 10.0
_MISSING = "needs a service: "


def _must_be_complete() -> bool:
    """Whether this run decides about a change: nothing may be missing then, and nothing left to luck."""
    return os.environ.get("AURA_REQUIRE_SERVICES", "0") not in ("", "0")


# A slow machine is no failure, and no test asserts a time. Where a run decides about a change, the same examples are
# tried each time; by hand, others are searched for at every run.
settings.register_profile(
    "aura",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=_must_be_complete(),
    print_blob=True,
)
settings.load_profile("aura")


def find_service(program: str) -> Path | None:
    """Return where a server's program is; Debian keeps PostgreSQL's out of PATH."""
    outside = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), Path("/usr/sbin")]
    found = shutil.which(program, path=os.pathsep.join([os.environ.get("PATH", ""), *map(str, outside)]))
    return Path(found) if found else None


@pytest.fixture(scope="session")
def require_service() -> Callable[[str], Path]:
    """Return where a program is; where it is missing, skip the test, or fail it if AURA_REQUIRE_SERVICES=1."""

    def require(program: str) -> Path:
        found = find_service(program)
        if found is None:
            if _must_be_complete():
                pytest.fail(f"{program} is not installed and AURA_REQUIRE_SERVICES is set: run {INSTALLER}")
            pytest.skip(f"{_MISSING}{program}")
        return found

    return require


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly, in one line, what was skipped for want of a service and how to get it."""
    skipped = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", [])]
    missing = [reason.partition(_MISSING)[2] for reason in skipped if _MISSING in reason]
    if missing:
        terminalreporter.write_line(
            f"NOT TESTED: {len(missing)} tests need {', '.join(sorted(set(missing)))}. "
            f"Get it with {INSTALLER} (Debian, as root or with sudo), then run this again.",
            red=True, bold=True,
        )  # fmt: skip


@pytest.fixture(autouse=True)
def _parts_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody hear of a part, such as an audit trail, that another test has set up."""
    monkeypatch.setattr(health, "_parts", dict(health._parts))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """Lift a limit on the size of files as soon as the test that set it has ended.

    A fixture's teardown comes too late: pytest prints its dot first, and where its output goes to a file that is
    longer than the limit, that dot would end the whole run.
    """
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        return (yield)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """Return a function that finds a loopback port nobody listens on at the moment."""
    return _free_port


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(
    command_for: Callable[[int], Sequence[str | Path]],
    ready: str,
    log: Path,
    *,
    user: str | None = None,
    stop_with: signal.Signals = signal.SIGTERM,
) -> Iterator[int]:
    """Run a server on a free port until the block ends; yields the port once its log says `ready`.

    Another process may take the port between our look and the server's bind, so a server that ends is given
    two more tries on other ports.
    """
    for _ in range(3):
        port = _free_port()
        with log.open("wb") as output:
            server = subprocess.Popen(
                command_for(port), stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
                cwd="/", **_as_user(user),
            )  # fmt: skip
        if _is_ready(server, ready, log):
            break
    else:
        pytest.fail(f"{command_for(0)[0]} does not start:\n{log.read_text()[-2000:]}")
    try:
        yield port
    finally:
        _stop(server, stop_with)


def _as_user(name: str | None) -> dict[str, Any]:
    """Return what makes `subprocess` run something as that user; `None` means as ourselves."""
    return {} if name is None else {"user": name, "group": pwd.getpwnam(name).pw_gid, "extra_groups": []}


def _is_ready(server: subprocess.Popen[bytes], ready: str, log: Path) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while server.poll() is None and time.monotonic() < deadline:
        if ready in log.read_text(errors="replace"):
            return True
        time.sleep(0.02)
    _stop(server, signal.SIGKILL)
    return False


def _stop(server: subprocess.Popen[bytes], with_signal: signal.Signals) -> None:
    server.send_signal(with_signal)
    try:
        server.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


@pytest.fixture(scope="session")
def _redis_port(require_service: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    program = require_service("redis-server")
    home = tmp_path_factory.mktemp("redis")
    options = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", home)
    with _running(
        lambda port: [program, "--port", str(port), *options], "Ready to accept connections", home / "server.log"
    ) as port:
        yield port


@pytest.fixture
def redis_url(_redis_port: int) -> str:
    """Return the URL of a private Redis server, empty at the start of every test."""
    with socket.create_connection(("127.0.0.1", _redis_port), timeout=5) as connection:
        connection.sendall(b"FLUSHALL\r\n")
        assert connection.recv(64) == b"+OK\r\n"
    return f"redis://127.0.0.1:{_redis_port}/0"


@pytest.fixture(scope="session")
def postgres_dsn(require_service: Callable[[str], Path]) -> Iterator[str]:
    """Return the DSN of a private PostgreSQL cluster's `postgres` database; tables are the tests' own affair."""
    program = require_service("postgres").resolve()  # so that `initdb` lies beside it
    # PostgreSQL refuses to run as root, and pytest's own directories are closed to every other user.
    user = "nobody" if os.geteuid() == 0 else None
    with tempfile.TemporaryDirectory(prefix="aura-postgres-") as directory:
        home = Path(directory)
        if user is not None:
            shutil.chown(home, user)
        subprocess.run(
            [program.with_name("initdb"), "--pgdata", home / "data", "--username=aura", "--auth=trust",
             "--encoding=UTF8", "--locale=C", "--no-sync"],
            check=True, capture_output=True, cwd="/", **_as_user(user),
        )  # fmt: skip
        options = ("listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=off", "full_page_writes=off")
        with _running(
            lambda port: [program, "-D", home / "data", "-p", str(port), *(f"-c{o}" for o in options)],
            "ready to accept connections",
            home / "server.log",
            user=user,
            stop_with=signal.SIGINT,  # "fast": do not wait for clients to leave
        ) as port:
            yield f"postgresql://aura@127.0.0.1:{port}/postgres"


@pytest.fixture(scope="session")
def mariadb_dsn(require_service: Callable[[str], Path]) -> Iterator[str]:
    """Return the DSN of a private MariaDB server's empty database `orm_site`."""
    program = require_service("mariadbd")
    install = require_service("mariadb-install-db")
    user = "nobody" if os.geteuid() == 0 else None
    # In memory where there is such a place: making tables waits for the disk.
    place = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="aura-mariadb-", dir=place) as directory:
        home = Path(directory)
        if user is not None:
            shutil.chown(home, user)
        # A system's configuration would have the last word about sockets and directories.
        common = ["--no-defaults", f"--datadir={home / 'data'}"]
        subprocess.run(
            [install, *common, "--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve"],
            check=True, capture_output=True, cwd="/", **_as_user(user),
        )  # fmt: skip
        options = (
            "--bind-address=127.0.0.1", "--skip-name-resolve", f"--pid-file={home / 'pid'}",
            f"--socket={home / 'socket'}",
            "--innodb-flush-method=nosync", "--innodb-flush-log-at-trx-commit=0", "--skip-innodb-doublewrite",
            "--innodb-buffer-pool-size=32M", "--character-set-server=utf8mb4",
            f"--init-file={home / 'init.sql'}",
        )  # fmt: skip
        (home / "init.sql").write_text(
            "CREATE DATABASE orm_site;\nCREATE USER aura@'127.0.0.1';\nGRANT ALL ON *.* TO aura@'127.0.0.1';\n"
        )
        with _running(
            lambda port: [program, *common, *options, f"--port={port}"],
            "ready for connections",
            home / "server.log",
            user=user,
        ) as port:
            yield f"mysql://aura@127.0.0.1:{port}/orm_site"


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Give each test the loggers as they were: a test that configures logging would silence another's."""
    root = logging.getLogger()
    loggers = [root, *(one for one in root.manager.loggerDict.values() if isinstance(one, logging.Logger))]
    before = [(one, one.handlers[:], one.level, one.propagate, one.disabled) for one in loggers]
    yield
    for one, handlers, level, propagate, disabled in before:
        if (one.handlers, one.level, one.propagate, one.disabled) != (handlers, level, propagate, disabled):
            one.handlers[:] = handlers
            one.setLevel(level)
            one.propagate = propagate
            one.disabled = disabled


class RedisServer:
    """One redis-server process that a test may stop and start again; it keeps its data in an append-only file."""

    def __init__(self, binary: Path, directory: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command: list[str | Path] = [
            binary,
            "--port",
            str(self.port),
            "--bind",
            "127.0.0.1",
            "--dir",
            str(directory),
        ]
        self._command += ["--save", "", "--appendonly", "yes", "--appendfsync", "always"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                    connection.sendall(b"PING\r\n")
                    if connection.recv(7) == b"+PONG\r\n":
                        return
            except OSError:
                pass
            time.sleep(0.02)
        raise RuntimeError("redis-server did not answer within 10 s")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


@pytest.fixture(scope="session")
def redis_server(
    require_service: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RedisServer]:
    server = RedisServer(require_service("redis-server"), tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()
