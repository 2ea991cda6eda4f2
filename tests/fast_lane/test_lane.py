"""The fast lane is closed the moment anybody else would see the record, and opens again behind them."""

from __future__ import annotations

import copy
import gc
import logging
import logging.config
import pickle
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import orjson
import pytest

import aura_logging
from aura_logging import fast_lane
from aura_logging.fast_lane import FastLogger
from aura_logging.filters import RequestContextFilter, SecurityFilter
from aura_logging.handlers import AsyncBufferedHandler, FailoverHandler, StructuredFileHandler


class Witness(logging.Handler):
    def __init__(self, level: int = logging.NOTSET) -> None:
        super().__init__(level)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def attached(logger: logging.Logger, handler: logging.Handler) -> Iterator[None]:
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


@contextmanager
def filtered(filterer: logging.Filterer, with_: Any) -> Iterator[None]:
    filterer.addFilter(with_)
    try:
        yield
    finally:
        filterer.removeFilter(with_)


@contextmanager
def made_by(factory: Callable[..., logging.LogRecord]) -> Iterator[None]:
    logging.setLogRecordFactory(factory)
    try:
        yield
    finally:
        logging.setLogRecordFactory(logging.LogRecord)


class Theirs(logging.LogRecord):
    pass


@contextmanager
def below(logger: logging.Logger, parent: logging.Logger) -> Iterator[None]:
    logger.parent = parent
    try:
        yield
    finally:
        logger.parent = None


def a_parent() -> logging.Logger:
    parent = logging.Logger("parent")
    parent.addHandler(Witness())
    return parent


def patched(owner: object, name: str) -> AbstractContextManager[Any]:
    # As Sentry and other instrumentations do: a function around the one there was.
    before = getattr(owner, name)
    return mock.patch.object(owner, name, lambda *args, **kwargs: before(*args, **kwargs))


IN_THE_WAY: dict[str, Callable[[Any], AbstractContextManager[Any]]] = {
    "a handler on the logger": lambda b: attached(b.logger, Witness()),
    "a handler above it": lambda b: below(b.logger, a_parent()),
    "a filter on the logger": lambda b: filtered(b.logger, lambda record: True),
    "a filter on the handler": lambda b: filtered(b.handler, lambda record: True),
    "a filter on the target": lambda b: filtered(b.target, lambda record: True),
    "a level on the target": lambda b: mock.patch.object(b.target, "level", logging.CRITICAL - 1),
    "another formatter": lambda b: mock.patch.object(b.target, "formatter", logging.Formatter()),
    "a record factory": lambda b: made_by(Theirs),
    "callHandlers patched": lambda b: patched(logging.Logger, "callHandlers"),
    "handle patched": lambda b: patched(logging.Logger, "handle"),
    "makeRecord patched": lambda b: patched(logging.Logger, "makeRecord"),
    "findCaller patched": lambda b: patched(logging.Logger, "findCaller"),
    "_log patched": lambda b: patched(logging.Logger, "_log"),
    "LogRecord patched": lambda b: patched(logging.LogRecord, "__init__"),
    "handle patched on this logger": lambda b: patched(b.logger, "handle"),
    "makeRecord patched in our class": lambda b: patched(FastLogger, "makeRecord"),
    "emit patched on this handler": lambda b: patched(b.handler, "emit"),
    "emit patched in its class": lambda b: patched(AsyncBufferedHandler, "emit"),
    "the context filter patched": lambda b: patched(RequestContextFilter, "filter"),
    "threads not told": lambda b: mock.patch.object(logging, "logThreads", new=False),
    "processes not told": lambda b: mock.patch.object(logging, "logProcesses", new=False),
    "callers not told": lambda b: mock.patch.object(logging, "_srcfile", None),
}


@pytest.mark.parametrize("name", IN_THE_WAY)
def test_whoever_is_in_the_way_is_served_and_then_it_opens_again(bench: Any, name: str) -> None:
    kept = not name.startswith("a level")
    with IN_THE_WAY[name](bench):
        accepted = bench.handler.health().accepted
        bench.a_call()
        assert bench.handler.health().accepted == accepted + kept
        assert not kept or not bench.is_fast()

    for _ in range(70):  # a lane that was found closed is looked at now and then
        bench.a_call()
    assert bench.is_fast()


def test_another_handler_gets_the_whole_record_at_once(bench: Any) -> None:
    witness = Witness()
    bench.logger.addHandler(witness)

    bench.logger.info("order %s", 7, extra={"shelf": "poetry"})

    (record,) = witness.records
    assert (record.getMessage(), record.args, record.shelf) == ("order 7", (7,), "poetry")  # type: ignore[attr-defined]
    assert record.funcName == "test_another_handler_gets_the_whole_record_at_once"


def test_a_handler_for_what_is_more_serious_does_not_stand_in_the_way(bench: Any) -> None:
    witness = Witness(logging.WARNING)
    bench.logger.addHandler(witness)
    bench.logger.addHandler(logging.NullHandler())

    assert bench.is_fast()
    assert not bench.is_fast(lambda: bench.logger.warning("late"))
    witness.setLevel(logging.INFO)
    assert not bench.is_fast()
    assert [record.levelname for record in witness.records] == ["WARNING", "INFO"]


def test_levels_are_asked_at_each_call(bench: Any) -> None:
    logger = logging.getLogger("fast_lane.levels")  # which forgets what it knew about levels when one is set
    logger.__class__ = FastLogger
    logger.propagate = False
    logger.addHandler(bench.handler)
    before = len(bench.lines)

    logger.setLevel(logging.WARNING)
    logger.info("below the logger's level")
    logger.setLevel(logging.INFO)
    bench.handler.setLevel(logging.WARNING)
    logger.info("below the handler's")
    bench.handler.setLevel(logging.NOTSET)
    logging.disable(logging.INFO)
    logger.info("disabled altogether")
    logging.disable(logging.NOTSET)
    logger.disabled = True
    logger.info("disabled")
    logger._log(logging.INFO, "disabled, and not asked before", ())
    logger.disabled = False
    logger.info("wanted")

    assert [orjson.loads(line)["message"] for line in bench.lines[before:]] == ["wanted"]


def test_a_logger_that_comes_between_is_asked(bench: Any) -> None:
    witness = Witness()
    child, between = FastLogger("a.b.c"), logging.Logger("a.b")
    child.setLevel(logging.INFO)
    child.parent, between.parent = bench.logger, bench.logger
    assert bench.is_fast(lambda: child.info("x"))

    child.parent = between
    between.addHandler(witness)
    child.info("y")
    between.propagate = False
    child.info("z")

    assert [record.msg for record in witness.records] == ["y", "z"]
    assert [orjson.loads(line)["message"] for line in bench.lines[-2:]] == ["x", "y"]


def test_a_logger_that_propagates_no_longer_writes_nothing(bench: Any) -> None:
    child = FastLogger("a.b")
    child.setLevel(logging.INFO)
    child.parent = bench.logger
    assert bench.is_fast(lambda: child.info("x"))

    child.propagate = False
    child.info("y")
    child.propagate = True
    child.info("z")

    assert [orjson.loads(line)["message"] for line in bench.lines[-2:]] == ["x", "z"]


def test_a_patch_in_the_place_of_another_attribute_is_seen(bench: Any) -> None:
    bench.logger.shelf = "poetry"
    assert bench.is_fast()
    witness: list[Any] = []

    del bench.logger.shelf
    bench.logger.handle = witness.append
    bench.a_call()
    del bench.logger.handle

    assert len(witness) == 1


def test_handlers_may_be_in_a_tuple(bench: Any) -> None:
    bench.logger.handlers = tuple(bench.logger.handlers)

    assert bench.is_fast()
    assert bench.is_fast()


def test_the_caller_is_found_from_everywhere(bench: Any) -> None:
    def helper(**options: Any) -> None:
        bench.logger.info("told", **options)

    class Adapter(logging.LoggerAdapter[Any]):
        pass

    def here() -> int:
        return sys._getframe(1).f_lineno

    log = bench.logger
    helper()
    expected = [
        (helper(stacklevel=2), here()),
        (Adapter(log, {}).info("adapted"), here()),  # type: ignore[func-returns-value]
        (log._log(logging.INFO, "direct", ()), here()),
        (log.log(logging.INFO, "with a level"), here()),
        (log.warning("careful"), here()),
        (log.error("stack", stack_info=True), here()),
    ]

    first, *others = map(orjson.loads, bench.lines[-7:])
    assert first["function"] == "helper"
    assert {line["function"] for line in others} == {"test_the_caller_is_found_from_everywhere"}
    assert [line["line"] for line in others] == [number for _, number in expected]
    assert others[-1]["stack"].endswith('(log.error("stack", stack_info=True), here()),')


def test_a_suspicious_line_goes_the_way_on_which_it_is_redacted(bench: Any) -> None:
    guard = SecurityFilter()
    bench.handler.addFilter(guard)

    assert bench.is_fast()
    assert not bench.is_fast(lambda: bench.logger.info("card %s", "4111 1111 1111 1111"))
    assert not bench.is_fast(lambda: bench.logger.info("paid", extra={"password": "hunter2"}))
    assert not bench.is_fast(lambda: bench.logger.warning("login failed"))

    card, password, login = bench.lines[-3:]
    assert b"4111" not in card
    assert b"hunter2" not in password
    assert orjson.loads(login)["threat_type"] == "authentication_failure"
    assert guard.health().facts["findings"]["credit_card"] == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda log: log.info("card 4111 1111 1111 1111"),
        lambda log: log.info("a key", extra={"card 4111111111111111": 1}),
        lambda log: log.info("last", extra={"n": 4111111111111111}),
        lambda log: log.info("nested", extra={"a": {"b": ["jane.doe@example.com"]}}),
        lambda log: log.info("two", extra={"user": "x", "password": "hunter2"}),
        lambda log: log.info("%s%s", "jane.doe@exam", "ple.com"),
        lambda log: log.info("\u200ejane.doe@example.com\u200e \x7f"),
        lambda log: log.info("Jürgen <jürgen@example.com>"),
    ],
)
@pytest.mark.parametrize("again", [False, True])
def test_whatever_the_filter_redacts_in_a_record_it_redacts_here(bench: Any, call: Any, again: bool) -> None:
    bench.handler.addFilter(SecurityFilter())
    bench.a_call()
    for _ in range(1 + again):
        call(bench.logger)

    assert b"REDACTED" in bench.lines[-1]


@pytest.mark.parametrize("where", ["context", "thread", "path", "function", "logger"])
def test_what_is_on_every_line_is_scanned_too(bench: Any, where: str) -> None:
    bench.handler.addFilter(SecurityFilter())
    address = "jane.doe@example.com"
    source = "def log(logger):\n    logger.info('hello')\n"
    names: dict[str, Any] = {}
    exec(compile(source, address if where == "path" else "views.py", "exec"), names)
    code = names["log"].__code__
    if where == "function":
        names["log"].__code__ = code.replace(co_name=address)
    if where == "logger":
        bench.logger.name = address

    def work() -> None:
        with aura_logging.bound(contact=address if where == "context" else "none"):
            for _ in range(3):
                names["log"](bench.logger)

    thread = threading.Thread(target=work, name=address if where == "thread" else "worker")
    thread.start()
    thread.join()

    fast = bench.lines[-3:]
    bench.logger.__class__ = logging.Logger
    thread = threading.Thread(target=work, name=thread.name)
    thread.start()
    thread.join()
    assert [line.count(address.encode()) for line in fast] == [
        line.count(address.encode()) for line in bench.lines[-3:]
    ]


def test_a_scrubber_that_comes_later_is_asked(bench: Any) -> None:
    from aura_logging.privacy import Scrubber

    guard = SecurityFilter()
    bench.handler.addFilter(guard)
    assert bench.is_fast()

    guard.use(Scrubber(patterns={"shelf": r"\bpoetry\b"}))
    bench.a_call()

    assert orjson.loads(bench.lines[-1])["shelf"] == "[REDACTED:shelf]"


def test_a_failover_behind_is_no_obstacle(make_bench: Any, tmp_path: Path) -> None:
    spare = StructuredFileHandler(tmp_path / "spare.jsonl")

    bench = make_bench(lambda target: FailoverHandler([target, spare]))

    assert bench.is_fast()
    assert orjson.loads(bench.lines[-1])["message"] == "an ordinary call"


def test_after_close_what_is_logged_is_delivered_still(bench: Any) -> None:
    bench.handler.close()

    bench.a_call()

    assert orjson.loads(bench.target.written[-1])["message"] == "an ordinary call"


def test_a_forked_child_tells_its_own_number(bench: Any, three_of_a_child: Callable[..., Any]) -> None:
    pid, lines = three_of_a_child(bench.a_call, bench)

    assert [orjson.loads(line)["pid"] for line in lines] == [pid] * 3


def test_nothing_of_a_value_is_kept_alive(bench: Any) -> None:
    class Thing:
        pass

    bench.logger.info("%s and %s", Thing(), 1, extra={"shelf": "x"})
    gc.collect()

    assert not [one for one in gc.get_objects() if type(one) is Thing]


def test_what_is_logged_inside_a_delivery_is_delivered_but_not_what_is_logged_about_that(bench: Any) -> None:
    write = bench.target.write_lines

    def write_and_log(lines: Any, count: Any = None) -> None:
        bench.logger.info("written")
        write(lines, count)

    with mock.patch.object(bench.handler._target, "_write_lines", write_and_log):
        bench.a_call()
        assert bench.handler.flush(10)
        assert bench.handler.flush(10)

    assert [orjson.loads(line)["message"] for line in bench.lines[-2:]] == ["an ordinary call", "written"]
    assert bench.handler.health().facts["ignored"] == {"logged_by_target": 1}


def test_installing_changes_loggers_there_are_and_those_to_come_and_can_be_undone() -> None:
    class Another(logging.Logger):
        pass

    known = logging.getLogger("fast_lane.known")
    logging.setLoggerClass(Another)
    other = logging.getLogger("fast_lane.other")
    logging.setLoggerClass(logging.Logger)
    try:
        fast_lane.install()
        fast_lane.install()
        later = logging.getLogger("fast_lane.later")
        assert [type(each) for each in (known, later, other)] == [FastLogger, FastLogger, Another]
        assert isinstance(logging.getLogger(), logging.RootLogger)
        assert type(logging.getLogger()) is not logging.RootLogger
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False})
        assert type(known) is FastLogger
    finally:
        fast_lane.uninstall()
        fast_lane.uninstall()

    assert [type(each) for each in (known, later, other)] == [logging.Logger, logging.Logger, Another]
    assert type(logging.getLogger()) is logging.RootLogger
    assert logging.getLoggerClass() is logging.Logger


def test_a_class_made_of_the_one_that_was_installed_is_served_as_ever(bench: Any) -> None:
    class Absl(FastLogger):  # as `absl.logging`: class ABSLLogger(logging.getLoggerClass())
        def findCaller(self, *args: Any) -> Any:
            return (sys._getframe(2).f_code.co_name, 7, "found", None)

    class Logs:
        def _log(self, *args: Any, **kwargs: Any) -> None:
            logging.Logger._log(self, *args, **kwargs)  # type: ignore[arg-type]

    class Mixed(Logs, FastLogger):
        pass

    assert Mixed._log is Logs._log
    bench.logger.__class__ = Absl
    bench.a_call()
    bench.logger.__class__ = FastLogger

    assert orjson.loads(bench.lines[-1])["file"] == "info"


def test_a_logger_is_copied_and_pickled_as_ever() -> None:
    fast_lane.install()
    try:
        logger = logging.getLogger("fast_lane.pickled")
        assert pickle.loads(pickle.dumps(logger)) is copy.deepcopy(logger) is logger
    finally:
        fast_lane.uninstall()


def test_what_was_patched_before_this_was_imported_is_called(tmp_path: Path) -> None:
    program = """
        import logging
        before, seen = logging.Logger.callHandlers, []
        logging.Logger.callHandlers = lambda self, record: (seen.append(record.msg), before(self, record))

        from aura_logging import fast_lane
        from aura_logging.filters import RequestContextFilter
        from aura_logging.handlers import AsyncBufferedHandler, StructuredFileHandler

        handler = AsyncBufferedHandler(StructuredFileHandler("app.jsonl"))
        handler.addFilter(RequestContextFilter())
        logging.getLogger().addHandler(handler)
        fast_lane.install()
        for number in range(70):
            logging.warning(f"{number}")
        assert seen == [f"{number}" for number in range(70)], seen
    """

    ended = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 0, ended.stderr
    assert len((tmp_path / "app.jsonl").read_text().splitlines()) == 70


def test_threads_that_log_while_handlers_come_and_go_lose_nothing(bench: Any) -> None:
    witness, stop = Witness(), threading.Event()

    def log(number: int) -> None:
        for count in range(300):
            bench.logger.info("%d of %d", number, count)

    def disturb() -> None:
        while not stop.is_set():
            bench.logger.addHandler(witness)
            bench.logger.removeHandler(witness)

    threads = [threading.Thread(target=log, args=(number,)) for number in range(4)]
    disturber = threading.Thread(target=disturb)
    before = len(bench.lines)
    for thread in [disturber, *threads]:
        thread.start()
    for thread in threads:
        thread.join()
    stop.set()
    disturber.join()

    told = [orjson.loads(line)["message"] for line in bench.lines[before:]]
    assert sorted(told) == sorted(f"{number} of {count}" for number in range(4) for count in range(300))


def test_a_class_that_somebody_else_has_set_stays_theirs() -> None:
    class Theirs(logging.Logger):
        pass

    logging.setLoggerClass(Theirs)
    try:
        fast_lane.install()
        assert type(logging.getLogger("fast_lane.theirs")) is Theirs
        fast_lane.uninstall()
        assert logging.getLoggerClass() is Theirs
    finally:
        logging.setLoggerClass(logging.Logger)


def test_caplog_sees_what_is_logged(caplog: pytest.LogCaptureFixture, bench: Any) -> None:
    root = logging.getLogger()
    bench.logger.parent = root
    with caplog.at_level(logging.INFO):
        bench.a_call()

    assert caplog.messages == ["an ordinary call"]
    bench.logger.parent = None
