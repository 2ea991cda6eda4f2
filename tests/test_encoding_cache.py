"""What `encode` keeps from line to line never shows: every line is what it would be without."""

from __future__ import annotations

import logging
import threading
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aura_logging import encoding
from aura_logging.call_sites import OWN_NAMES, CallSites


def a_record(msg: Any = "hello", *args: Any, extra: dict[str, Any] | None = None, **own: Any) -> logging.LogRecord:
    record = logging.LogRecord("shop", logging.INFO, "views.py", 7, msg, args, None, "place")
    record.__dict__.update(own)
    record.__dict__.update({"shelf": "poetry"} if extra is None else extra)
    return record


def encoded_the_general_way(record: logging.LogRecord, monkeypatch: pytest.MonkeyPatch) -> bytes:
    with monkeypatch.context() as patch:
        patch.setattr(encoding, "_filled_template", lambda record, extras: (None, None))
        return encoding.encode(record)


texts = st.text(max_size=20)
values = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.lists(texts) | st.binary(max_size=5)


@given(
    own=st.fixed_dictionaries({}, optional={
        "name": texts, "levelname": texts, "pathname": texts, "funcName": st.none() | texts, "threadName": texts,
        "lineno": st.integers(), "process": st.none() | st.integers(), "created": st.floats(),
    }),
    msg=texts,
    extra=st.dictionaries(texts | st.sampled_from(sorted(OWN_NAMES)), values, max_size=4),
)  # fmt: skip
def test_a_line_from_a_template_is_the_line_made_without(own: Any, msg: str, extra: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        record = a_record(msg, extra=extra, **own)
        general = encoded_the_general_way(a_record(msg, extra=extra, **{"created": record.created, **own}), patch)

    line = encoding.encode(record)

    assert line == general
    assert orjson.loads(line)


def test_a_percent_sign_in_a_path_is_no_place_to_fill() -> None:
    line = orjson.loads(encoding.encode(a_record(pathname="/srv/100%b/%06d.py", name="a%(b)s")))

    assert (line["file"], line["logger"]) == ("/srv/100%b/%06d.py", "a%(b)s")


@pytest.mark.parametrize(
    ("attribute", "value", "field"),
    [
        ("name", "other", "logger"),
        ("levelname", "LOUD", "level"),
        ("pathname", "other.py", "file"),
        ("lineno", 8, "line"),
        ("funcName", "other", "function"),
        ("process", 1, "pid"),
        ("threadName", "other", "thread_name"),
    ],
)
def test_whatever_tells_one_place_from_another_is_told(attribute: str, value: object, field: str) -> None:
    encoding.encode(a_record())

    assert orjson.loads(encoding.encode(a_record(**{attribute: value})))[field] == value


def test_a_place_is_learned_once() -> None:
    sites = CallSites()

    templates = {id(sites.template(a_record(number))) for number in range(5)}

    assert len(templates) == len(sites) == 1


def test_thread_names_that_never_come_again_do_not_fill_the_memory() -> None:
    sites = CallSites(most=10)

    for number in range(1_000):
        sites.template(a_record(threadName=f"Thread-{number}"))
        assert len(sites) <= 10


def test_many_threads_may_ask_at_once() -> None:
    sites, found = CallSites(most=2), []

    def ask(name: str) -> None:
        template = b"".join({sites.template(a_record(threadName=name)) for _ in range(500)})
        found.append(template.count(b'"thread_name":"%s"' % name.encode()))

    threads = [threading.Thread(target=ask, args=(f"asker-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [1, 1, 1, 1]


def test_the_second_on_a_line_is_the_records_own() -> None:
    seconds = [1_700_000_000.25, 1_700_000_001.25, 1_700_000_000.5]

    lines = [orjson.loads(encoding.encode(a_record(created=second)))["timestamp"] for second in seconds]

    assert lines == [
        "2023-11-14T22:13:20.250000Z",
        "2023-11-14T22:13:21.250000Z",
        "2023-11-14T22:13:20.500000Z",
    ]


def test_a_field_that_took_a_new_name_is_seen() -> None:
    record = a_record(extra={"shelf": None})
    encoding.encode(record)
    del record.__dict__["shelf"]
    record.place = None

    line = orjson.loads(encoding.encode(record))

    assert "shelf" not in line
    assert line["place"] is None


def test_a_value_that_is_equal_but_reads_differently_is_seen() -> None:
    record = a_record(extra={"paid": 1})
    encoding.encode(record)
    record.paid = True

    assert orjson.loads(encoding.encode(record))["paid"] is True
