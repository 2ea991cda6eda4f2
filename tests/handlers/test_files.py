from __future__ import annotations

import gc
import json
import logging
import logging.config
import logging.handlers
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aura_logging.formatters import ConsoleFormatter, JsonFormatter
from aura_logging.handlers.base import LineSink
from aura_logging.handlers.files import StructuredFileHandler
from aura_logging.health import Checkable, Status
from aura_logging.options import OptionError
from aura_logging.testing import ManualClock

Make = Callable[..., StructuredFileHandler]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "app.jsonl"


@pytest.fixture
def make(log: Path) -> Iterator[Make]:
    made: list[StructuredFileHandler] = []

    def handler(filename: str | Path = log, **options: Any) -> StructuredFileHandler:
        made.append(StructuredFileHandler(filename, **options))
        return made[-1]

    yield handler
    for each in made:
        each.close()


@pytest.fixture
def silent_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)


def record(message: str = "hello", **attributes: Any) -> logging.LogRecord:
    made = logging.LogRecord("shop", logging.INFO, __file__, 1, message, (), None)
    made.__dict__.update(attributes)
    return made


def messages(path: Path) -> list[str]:
    return [json.loads(line)["message"] for line in path.read_text().splitlines()]


def settle(handler: StructuredFileHandler) -> None:
    """Let housekeeping finish."""
    handler.close()


def test_it_is_a_line_sink_that_tells_its_health(make: Make) -> None:
    handler = make()

    assert isinstance(handler, LineSink)
    assert isinstance(handler, Checkable)


def test_a_record_is_one_line_of_json(make: Make, log: Path) -> None:
    handler = make()

    handler.handle(record("two\nlines"))

    assert json.loads(log.read_text())["message"] == "two\nlines"
    assert log.read_text().count("\n") == 1


def test_dict_config_makes_it_by_class_path_and_gives_it_a_formatter(log: Path) -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"json": {"()": "aura_logging.formatters.JsonFormatter", "schema": "ecs"}},
            "handlers": {
                "file": {
                    "class": "aura_logging.handlers.files.StructuredFileHandler",
                    "filename": str(log),
                    "formatter": "json",
                    "level": "INFO",
                    "max_bytes": 1000,
                }
            },
            "loggers": {"configured": {"handlers": ["file"], "level": "DEBUG", "propagate": False}},
        }
    )
    logger = logging.getLogger("configured")

    logger.debug("too quiet")
    logger.info("hello")

    written = log.read_bytes()
    assert written.count(b"\n") == 1
    assert json.loads(written)["log.level"] == "INFO"
    logger.handlers[0].close()
    logger.handlers.clear()


def test_a_formatters_bytes_are_written_as_they_are(make: Make) -> None:
    handler = make()
    handler.setFormatter(JsonFormatter())
    one = record()

    assert handler.line(one) is JsonFormatter().encode(one)


@pytest.mark.parametrize("formatter", [logging.Formatter("%(levelname)s %(message)s"), ConsoleFormatter(color=False)])
def test_no_formatter_lets_a_message_forge_a_line(make: Make, formatter: logging.Formatter) -> None:
    handler = make()
    handler.setFormatter(formatter)

    line = handler.line(record("x\nINFO forged\x1b[2J")).decode()

    assert "\x1b" not in line
    assert not any(part.startswith("INFO forged") for part in line.splitlines())


def test_a_formatter_that_fails_costs_its_format_and_not_the_record(make: Make, log: Path) -> None:
    class Broken(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            raise KeyError("color")

    class NotBytes(logging.Formatter):
        def encode(self, record: logging.LogRecord) -> str:
            return "text"

    handler = make()
    for formatter in (Broken(), NotBytes()):
        handler.setFormatter(formatter)
        handler.handle(record("kept"))

    assert messages(log) == ["kept", "kept"]
    assert handler.health().facts["format_failures"] == 2


def test_a_full_file_becomes_a_compressed_segment_and_the_oldest_go(make: Make, log: Path) -> None:
    handler = make(max_bytes=100, backup_count=2)

    for number in range(10):
        handler.write_lines([b"%099d\n" % number])
    settle(handler)
    handler = make(max_bytes=100, backup_count=2)
    handler.write_lines([b"last\n"])
    settle(handler)

    assert len(list(log.parent.glob("app.2*.jsonl.gz"))) == 2
    assert len(list(log.parent.glob("app.2*"))) == 2


def test_nothing_happens_before_the_first_record(make: Make, log: Path) -> None:
    threads = threading.active_count()

    make(log.parent / "deep" / "down" / "app.jsonl")

    assert list(log.parent.iterdir()) == []
    assert threading.active_count() == threads


def test_health_tells_what_was_written(make: Make, log: Path) -> None:
    handler = make(max_bytes=10)

    handler.write_lines([b"12345\n"])
    handler.write_lines([b"67890\n"])
    settle(handler)

    told = handler.health()
    assert told.status is Status.HEALTHY
    assert told.delivered == 2
    expected = {"delivered_bytes": 12, "live_bytes": 6, "rotated": 1, "compressed": 1, "retained": 1, "failures": {}}
    assert expected.items() <= told.as_dict().items()
    assert json.dumps(told.as_dict())


def test_a_failure_is_raised_named_and_forgotten_when_it_passes(make: Make, log: Path) -> None:
    clock = ManualClock(1_700_000_000.0)
    handler = make(log.parent / "dir" / "app.jsonl", clock=clock)
    (log.parent / "dir").write_text("in the way")

    with pytest.raises(NotADirectoryError):
        handler.write_lines([b"one\n"])

    told = handler.health()
    assert told.status is Status.UNHEALTHY
    assert "Not a directory" in told.detail
    assert told.facts["failures"] == {"ENOTDIR": 1}
    assert told.facts["last_error_at"] == "2023-11-14T22:13:20.000000Z"

    (log.parent / "dir").unlink()
    handler.write_lines([b"two\n"])
    assert handler.health().status is Status.HEALTHY
    assert handler.health().facts["failures"] == {"ENOTDIR": 1}


def test_a_log_call_never_raises_and_the_loss_is_counted(make: Make, silent_errors: None) -> None:
    handler = make("/dev/full")

    handler.handle(record())

    assert handler.health().dropped == {"write_failed": 1}
    assert handler.health().delivered == 0


def test_a_failure_goes_to_handle_error_so_that_others_can_see_it(make: Make) -> None:
    handler = make("/dev/full")
    seen: list[logging.LogRecord] = []
    handler.handleError = seen.append  # type: ignore[method-assign]
    lost = record()

    handler.handle(lost)

    assert seen == [lost]


def test_a_record_that_handle_error_passes_on_is_not_counted_as_lost(make: Make) -> None:
    handler = make("/dev/full")

    def raise_again(record: logging.LogRecord) -> None:
        raise

    handler.handleError = raise_again  # type: ignore[method-assign]

    with pytest.raises(OSError, match="No space"):
        handler.handle(record())
    assert handler.health().dropped == {}


def test_rotation_that_fails_is_degraded_and_loses_nothing(
    make: Make, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = make(max_bytes=5)
    monkeypatch.setattr(Path, "rename", lambda path, target: (_ for _ in ()).throw(PermissionError(13, "no")))

    handler.write_lines([b"one\n"])
    handler.write_lines([b"two\n"])

    assert log.read_text() == "one\ntwo\n"
    assert handler.health().status is Status.DEGRADED
    assert "segments" in handler.health().detail


def test_threads_write_whole_lines(make: Make, log: Path) -> None:
    handler = make(max_bytes=20_000, backup_count=None, compress=None)

    def write(name: int) -> None:
        for number in range(500):
            handler.handle(record(f"{name} {number}"))

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    written = [m for path in [*sorted(log.parent.glob("app.2*")), log] for m in messages(path)]
    assert len(written) == 2000
    for name in range(4):
        own = [int(m.split()[1]) for m in written if m.split()[0] == str(name)]
        assert own == list(range(500))


def test_a_line_logged_from_inside_a_write_follows_it(make: Make, log: Path) -> None:
    class LogsOnce(ManualClock):
        handler: StructuredFileHandler | None = None

        def __call__(self) -> float:
            # The file asks for the time while it holds the lock: as good a moment as any for a signal.
            if self.handler is not None:
                handler, self.handler = self.handler, None
                handler.write_lines([b"from inside\n"])
                handler.reopen()
            return 1e9

    clock = LogsOnce()
    handler = make(clock=clock)
    handler.write_lines([b"first\n"])
    clock.handler = handler

    handler.write_lines([b"outer\n"])
    handler.write_lines([b"last\n"])

    assert log.read_text() == "first\nouter\nfrom inside\nlast\n"
    assert handler.health().delivered == 4


def test_lines_from_inside_a_write_that_cannot_be_written_are_counted(make: Make) -> None:
    clock = ManualClock()
    handler = make("/dev/full", clock=clock)

    class Line(bytes):
        """A line whose length somebody asks for: the last chance to log from inside."""

        def __len__(self) -> int:
            handler.write_lines([b"inside\n"])
            return 4

    with pytest.raises(OSError, match="No space"):
        handler.write_lines([Line(b"one\n")])

    assert handler.health().dropped["deferred"] >= 1


def test_closing_twice_is_once_and_a_late_line_is_written_and_leaves_nothing_open(make: Make, log: Path) -> None:
    handler = make()
    handler.write_lines([b"one\n"])
    descriptors = len(list(Path("/proc/self/fd").iterdir()))

    handler.close()
    handler.close()
    handler.write_lines([b"late\n"])

    assert log.read_text() == "one\nlate\n"
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors - 1


def test_reopen_lets_go_of_a_file_that_was_moved(make: Make, log: Path) -> None:
    handler = make()
    handler.write_lines([b"one\n"])
    descriptors = len(list(Path("/proc/self/fd").iterdir()))

    log.rename(log.with_suffix(".1"))
    handler.reopen()
    assert len(list(Path("/proc/self/fd").iterdir())) == descriptors - 1

    handler.write_lines([b"two\n"])
    assert log.read_text() == "two\n"


def test_a_forgotten_handler_is_not_kept_alive(log: Path) -> None:
    handler = StructuredFileHandler(log)
    reference = weakref.ref(handler)

    handler.close()
    del handler
    gc.collect()

    assert reference() is None


def test_a_relative_name_does_not_move_with_the_working_directory(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    handler = make("app.jsonl")

    monkeypatch.chdir(tmp_path / "elsewhere")
    handler.write_lines([b"one\n"])

    assert (tmp_path / "app.jsonl").read_text() == "one\n"


def test_utf_8_may_be_said_aloud(make: Make) -> None:
    make(encoding="UTF-8")
    make(encoding="utf8")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"max_bytes": 0}, "max_bytes=0 is not a positive whole number; give a number of bytes, or None"),
        ({"max_bytes": "1000"}, "max_bytes='1000' is not"),
        ({"max_bytes": True}, "max_bytes=True is not"),
        ({"max_bytes": 1.5}, "max_bytes=1.5 is not"),
        ({"rotate_every_seconds": 0}, "rotate_every_seconds=0 is not"),
        ({"rotate_every_seconds": "midnight"}, "rotate_every_seconds='midnight' .*86400: daily"),
        ({"backup_count": 0}, "backup_count=0 is not .* or None"),
        ({"max_age_seconds": -1}, "max_age_seconds=-1 is not a positive number"),
        ({"max_age_seconds": float("nan")}, "max_age_seconds=nan is not"),
        ({"max_total_bytes": 10, "max_bytes": 20}, "max_total_bytes=10 is less than max_bytes=20"),
        ({"max_wait_seconds": None}, "max_wait_seconds=None is not"),
        ({"compress": "bz2"}, "compress='bz2' is not .*gzip, zstd"),
        ({"compress": ["gzip"]}, "compress=.*is not"),
        ({"encoding": "latin-1"}, "encoding='latin-1' is not possible"),
        ({"mode": 0o666}, "mode=0o666 must"),
        ({"mode": 0o440}, "mode=0o440 must"),
        ({"mode": "0640"}, "mode='0640' is not a file mode"),
        ({"filename": ""}, "filename='' is not a path"),
        ({"filename": None}, "filename=None is not a path"),
        ({"filename": "/tmp"}, "filename='/tmp' is a directory"),
        ({"filename": "logs/app.log.gz"}, "ends like a compressed segment"),
        ({"level": "LOUD"}, "LOUD"),
    ],
)
def test_an_argument_that_cannot_be_meant_is_refused_with_the_fix(
    options: dict[str, Any], complaint: str, log: Path
) -> None:
    with pytest.raises(ValueError, match=complaint) as refused:
        StructuredFileHandler(**{"filename": log, **options})

    assert "level" in options or isinstance(refused.value, OptionError)
