"""What we know about a record is right, stays with it, and hurts nobody who never heard of us."""

from __future__ import annotations

import copy
import gc
import logging
import logging.handlers
import pickle
import queue
import subprocess
import sys
import threading
import weakref
from typing import Any

import pytest

from aura_logging import records
from aura_logging.encoding import encode


def a_record(msg: Any = "hello %s", *args: Any, **extra: Any) -> Any:
    record = logging.LogRecord("shop", logging.INFO, "views.py", 7, msg, args or ("you",), None, "place")
    record.__dict__.update(extra)
    return record


def test_extras_are_what_the_log_call_and_the_context_added() -> None:
    record = a_record(shelf="poetry", correlation_id="abc")
    logging.Formatter("%(asctime)s %(message)s").format(record)
    encode(record)

    assert records.extras(record) == {"shelf": "poetry", "correlation_id": "abc"}


@pytest.mark.parametrize("name", sorted(records.STANDARD_ATTRIBUTES))
def test_a_field_never_takes_an_attribute_of_loggings(name: str) -> None:
    assert records.attribute_name(name) == f"{name}_"
    assert records.attribute_name(f"{name}_") == f"{name}_"


def test_a_decision_is_taken_once_whoever_asks() -> None:
    asked: list[logging.LogRecord] = []

    def decide(record: logging.LogRecord) -> bool:
        asked.append(record)
        return False

    record, other = a_record(), a_record()
    answers = [records.once(record, "kept?", decide), records.once(record, "kept?", decide)]

    assert answers == [False, False]
    assert asked == [record]
    assert records.once(record, "another question", lambda _: 7) == 7
    assert records.once(other, "kept?", lambda _: True) is True


def test_a_decision_outlives_the_line_and_the_line_the_decision() -> None:
    record = a_record()
    records.once(record, "kept?", lambda _: True)
    line = encode(record)
    assert records.line_of(record, "aura") is line

    records.forget_line(record)

    assert records.line_of(record, "aura") is None
    assert records.once(record, "kept?", lambda _: False) is True


def test_forgetting_what_was_never_known_is_no_error() -> None:
    records.forget_line(a_record())
    records.forget_line(a_record(_aura="somebody else's"))


def test_somebody_elses_attribute_of_our_name_is_replaced() -> None:
    record = a_record(_aura={})  # what a pickled record carries

    line = encode(record)

    assert encode(record) is line


UNPICKLE = """
import logging, logging.handlers, pickle, sys
sys.modules["aura_logging"] = None  # importing it is an ImportError
record = pickle.load(sys.stdin.buffer)
assert record.getMessage() == "hello you", record
assert record.shelf == "poetry"
print(logging.Formatter("%(levelname)s %(message)s").format(record))
"""


def test_a_record_that_we_know_unpickles_where_this_package_is_not_installed() -> None:
    record = a_record(shelf="poetry")
    encode(record)
    records.once(record, "kept?", lambda _: True)

    outcome = subprocess.run(
        [sys.executable, "-I", "-c", UNPICKLE], input=pickle.dumps(record), capture_output=True, check=False, timeout=30
    )

    assert outcome.stderr == b""
    assert outcome.stdout == b"INFO hello you\n"


def test_a_record_pickled_here_is_encoded_anew_there() -> None:
    record = a_record()
    line = encode(record)

    again = pickle.loads(pickle.dumps(record))

    assert encode(again) == line
    assert records.once(again, "kept?", lambda _: 7) == 7


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_a_copy_is_a_record_of_its_own(copied: Any) -> None:
    record = a_record(cart={"items": 1})
    line = encode(record)
    twin = copied(record)

    twin.msg, twin.args = "changed", None

    assert b'"message":"changed"' in encode(twin)
    assert encode(record) == line


def test_copies_encoded_in_many_threads_at_once_never_get_each_others_line() -> None:
    original = a_record()
    encode(original)
    twins = [copy.copy(original) for _ in range(4)]
    for number, twin in enumerate(twins):
        twin.msg, twin.args = f"twin {number}", None
    wrong: list[bytes] = []
    together = threading.Barrier(4)

    def encode_often(number: int) -> None:
        together.wait(10)
        for _ in range(300):
            line = encode(twins[number])
            if b'"message":"twin %d"' % number not in line:
                wrong.append(line)

    threads = [threading.Thread(target=encode_often, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert wrong == []


def test_a_queue_handler_of_the_standard_library_carries_our_records() -> None:
    waiting: queue.SimpleQueue[Any] = queue.SimpleQueue()
    record = a_record(shelf="poetry")
    before = encode(record)

    logging.handlers.QueueHandler(waiting).emit(record)

    carried = waiting.get_nowait()
    assert b'"message":"hello you"' in encode(carried)
    assert encode(record) == before


# Detached -----------------------------------------------------------------------------------------------------------


class Mutable:
    def __init__(self) -> None:
        self.text = "then"

    def __str__(self) -> str:
        return self.text


def test_a_detached_record_says_what_was_said_then() -> None:
    argument = Mutable()
    record = a_record("it was %s", argument)

    detached = records.detach(record)
    argument.text = "later"

    assert detached.getMessage() == "it was then"
    assert detached is not record
    assert record.args == (argument,)


def test_a_detached_record_keeps_no_frame_and_no_request_alive() -> None:
    class Big:
        """A local of the frame that failed."""

    def fail() -> Any:
        big = Big()
        gone.append(weakref.ref(big))
        try:
            raise ValueError("broken")
        except ValueError:
            return a_record(exc_info=sys.exc_info(), request=big)

    gone: list[weakref.ref[Big]] = []
    detached = records.detach(fail())
    gc.collect()

    assert gone[0]() is None
    assert detached.exc_info is None
    assert "ValueError: broken" in (detached.exc_text or "")
    assert detached.__dict__["exception_type"] == "ValueError"
    assert "request" not in detached.__dict__
    assert b'"exception_type":"ValueError"' in encode(detached)


def test_detaching_never_raises() -> None:
    class HostileError(Exception):
        @property
        def __cause__(self) -> Any:  # type: ignore[override]
            raise RuntimeError

    class Hostile:
        def __str__(self) -> str:
            raise RuntimeError

        __repr__ = __str__

    error = HostileError()
    detached = records.detach(a_record("%s", Hostile(), exc_info=(HostileError, error, None)))

    assert "RuntimeError" in detached.getMessage()
    assert "RuntimeError" in (detached.exc_text or "")


def test_a_detached_record_has_forgotten_the_line() -> None:
    record = a_record()
    line = encode(record)

    detached = records.detach(record)
    detached.__dict__["seq"] = 1

    assert encode(detached) != line
