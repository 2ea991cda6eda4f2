"""A record becomes one line of valid JSON, once, whatever a hostile or unlucky caller hung on it."""

from __future__ import annotations

import copy
import dataclasses
import datetime
import decimal
import enum
import json
import logging
import logging.config
import math
import sys
import threading
import types
import unicodedata
import uuid
from collections import ChainMap, OrderedDict, UserDict, namedtuple
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_logging import encoding, records
from aura_logging.encoding import decode, encode, message_of, timestamp
from aura_logging.plain_data import MAX_DEPTH, MAX_LINE_BYTES, plain_text
from aura_logging.schema import FIELDS, SCHEMAS

BIDI_CONTROLS = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
OWN = ("timestamp", "level", "logger", "message", "file", "line", "function", "pid", "thread_name")


def a_record(msg: Any = "hello", *args: Any, name: str = "shop", levelno: int = logging.INFO, **extra: Any) -> Any:
    record = logging.LogRecord(name, levelno, "/srv/shop/views.py", 51, msg, (), None, "place")
    record.args = args  # not through the constructor, which looks at them
    record.__dict__.update(extra)
    return record


def is_treacherous(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Zl", "Zp") or character in BIDI_CONTROLS


def loaded(line: bytes) -> dict[str, Any]:
    """Check all that is promised of any line, and return its fields."""
    assert line.endswith(b"}\n")
    assert len(line) <= MAX_LINE_BYTES
    text = line[:-1].decode("utf-8", "strict")
    assert text.splitlines() == [text]
    assert [c for c in text if is_treacherous(c)] == []
    pairs: list[list[str]] = []
    json.loads(text, object_pairs_hook=lambda found: pairs.append([name for name, _ in found]))
    assert all(len(names) == len(set(names)) for names in pairs), "a name twice in one object"
    fields = json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    assert type(fields) is dict
    return fields


# What may hang on a record -------------------------------------------------------------------------------------------


class MaliciousError(Exception):
    """What the user's code raises at the worst of moments."""


class RaisesInStr:
    def __str__(self) -> str:
        raise MaliciousError

    __repr__ = __str__


class RaisesOnEverything:
    def __getattribute__(self, name: str) -> Any:
        raise MaliciousError(name)

    def __str__(self) -> str:
        raise MaliciousError

    __repr__ = __len__ = __iter__ = __bool__ = __eq__ = __hash__ = __str__  # type: ignore[assignment]


class LiesAboutItsClass:
    @property
    def __class__(self) -> Any:  # type: ignore[override]
        raise MaliciousError


class LyingMapping(Mapping[str, int]):
    """Says that it has one key; has endlessly many, and no values."""

    def __len__(self) -> int:
        return 1

    def __iter__(self) -> Iterator[str]:
        return (f"key-{number}" for number in iter(int, 1))

    def __getitem__(self, key: str) -> int:
        return 7


class RaisingMapping(UserDict[str, int]):
    def __iter__(self) -> Iterator[str]:
        raise MaliciousError

    def items(self) -> Any:
        raise MaliciousError


class RaisingLengthMapping(LyingMapping):
    def __len__(self) -> int:
        raise MaliciousError


class EndlessList(list[int]):
    def __iter__(self) -> Iterator[int]:
        return iter(int, 1)


class RaisingList(list[int]):
    def __iter__(self) -> Iterator[int]:
        raise MaliciousError

    __len__ = __iter__  # type: ignore[assignment]


class WildText(str):
    """A str whose every method is somebody else's."""

    def __str__(self) -> str:
        raise MaliciousError

    __len__ = __repr__ = isascii = encode = __getitem__ = __format__ = __str__  # type: ignore[assignment]


class WildInt(int):
    def __le__(self, other: object) -> bool:
        raise MaliciousError

    __ge__ = __lt__ = __gt__ = __str__ = __repr__ = __int__ = __index__ = __le__  # type: ignore[assignment]


class WildFloat(float):
    def __float__(self) -> float:
        raise MaliciousError

    __repr__ = __str__ = __float__  # type: ignore[assignment]


class Colour(enum.Enum):
    RED = "red"


class Shade(str, enum.Enum):  # noqa: UP042  # the older spelling, whose str() is "Shade.DARK"
    DARK = "dark"


@dataclasses.dataclass
class Order:
    number: int
    lines: list[Any] = dataclasses.field(default_factory=list)


Point = namedtuple("Point", "x y")


def a_cycle() -> Any:
    cycle: dict[str, Any] = {"name": "cycle"}
    cycle["again"] = [cycle]
    return cycle


def a_bush(branches: int = 10, depth: int = 11) -> Any:
    bush: Any = "leaf"
    for _ in range(depth):
        bush = [bush] * branches
    return bush


HOSTILE: dict[str, Callable[[], Any]] = {
    "raises in str": RaisesInStr,
    "raises on everything": RaisesOnEverything,
    "lies about its class": LiesAboutItsClass,
    "a mapping without end": LyingMapping,
    "a mapping that raises": lambda: RaisingMapping(a=1),
    "a mapping whose len raises": RaisingLengthMapping,
    "a list without end": EndlessList,
    "a list that raises": lambda: RaisingList([1, 2]),
    "a wild str": lambda: WildText("wild\nlevel"),
    "a wild int": lambda: WildInt(5),
    "a wild float": lambda: WildFloat(0.5),
    "a cycle": a_cycle,
    "an exception": lambda: MaliciousError("\n\x1b[2J"),
    "a generator": lambda: (n for n in range(3)),
    "a lambda": lambda: lambda: None,
    "a lock": threading.Lock,
    "a module": lambda: sys,
    "a class": lambda: RaisesInStr,
    "a named tuple": lambda: Point(1, RaisesInStr()),
    "a dataclass": lambda: Order(1, [RaisesInStr()]),
    "a huge dataclass": lambda: Order(1, ["x" * 1_000] * 1_000),
    "a huge int": lambda: 10**5_000,
    "a longer int than Python writes": lambda: -(10**50_000),
    "nan": lambda: math.nan,
    "inf": lambda: -math.inf,
    "a huge text": lambda: "é\u2028" * 100_000,
    "a text of surrogates": lambda: "\ud800" * 100_000,
    "a text of controls": lambda: "\x01" * 100_000,
    "bytes that are no UTF-8": lambda: b"\xff\x1b\n" * 50_000,
    "keys of one text": lambda: {1: "a", "1": "b", b"1": "c", None: "d", "None": "e"},
    "keys that raise": lambda: {RaisesInStr(): 1, Point(RaisesInStr(), 1): 2},
    "wide and deep": lambda: [[["x" * 300] * 30] * 30] * 30,
    "hundreds of thousands of values": lambda: [[list(range(100))] * 60] * 60,
    "deeper than orjson goes": lambda: a_bush(1, 500),
    "a set of everything": lambda: {1, "1", 1.5, None, frozenset({b"x"})},
}


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("schema", SCHEMAS)
def test_nothing_that_hangs_on_a_record_makes_encoding_fail_or_the_line_too_long(kind: str, schema: str) -> None:
    value = HOSTILE[kind]()
    for record in (
        a_record("hello", value=value),
        a_record("hello", value={"nested": [value, (value,), {value_key(value): value}]}),
        a_record(value),
        a_record("with %s", value),
        a_record("with %d and %d", value),
    ):
        fields = loaded(encode(record, schema))

        assert fields[SCHEMAS[schema].name("logger")] == "shop"


def value_key(value: Any) -> Any:
    try:
        hash(value)
    except Exception:
        return "unhashable"
    return value


@pytest.mark.parametrize(
    "attribute",
    ["name", "msg", "args", "levelname", "created", "exc_info", "exc_text", "pathname", "lineno", "process",
     "threadName", "stack_info"],
)  # fmt: skip
@pytest.mark.parametrize("kind", HOSTILE)
def test_an_attribute_of_loggings_may_be_anything(attribute: str, kind: str) -> None:
    record = a_record()
    record.__dict__[attribute] = HOSTILE[kind]()

    loaded(encode(record))
    loaded(encode(record))


@pytest.mark.parametrize("attribute", sorted(vars(a_record())))
@pytest.mark.parametrize("schema", SCHEMAS)
def test_an_attribute_of_loggings_may_be_missing(attribute: str, schema: str) -> None:
    record = a_record("hello %s", "you", correlation_id="abc")
    del record.__dict__[attribute]

    fields = loaded(encode(record, schema))

    assert fields[SCHEMAS[schema].name("correlation_id")] == "abc"


texts = st.text(st.characters(), max_size=40)  # surrogates, controls and separators among them
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(-(2**70), 2**70), st.floats(), texts, st.binary(max_size=20),
    st.datetimes(), st.dates(), st.times(), st.uuids(), st.decimals(), st.complex_numbers(),
    st.sampled_from([Colour.RED, Shade.DARK, Path("/a\nb"), types.SimpleNamespace(a=1), object]),
    st.sampled_from(["raises in str", "a mapping without end", "a list that raises", "a wild str", "a cycle", "a lock"])
    .map(lambda kind: HOSTILE[kind]()),
)  # fmt: skip
names = st.one_of(texts, st.sampled_from([field.name for field in FIELDS]), st.just("…"))
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.tuples(inner, inner),
        st.dictionaries(st.one_of(names, st.integers(), st.binary(max_size=5), st.none()), inner, max_size=4),
        st.dictionaries(names, inner, max_size=3).map(OrderedDict),
        st.dictionaries(names, inner, max_size=3).map(types.MappingProxyType),
        st.dictionaries(names, inner, max_size=3).map(ChainMap),
        st.builds(Point, inner, inner),
        st.builds(Order, st.integers(), st.lists(inner, max_size=2)),
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=150)
@given(
    msg=st.one_of(texts, values), args=st.lists(values, max_size=2), name=texts,
    extra=st.dictionaries(names.filter(lambda name: name not in records.STANDARD_ATTRIBUTES), values, max_size=5),
    schema=st.sampled_from(sorted(SCHEMAS)),
)  # fmt: skip
def test_any_record_is_one_valid_line_and_no_extra_poses_as_ours(
    msg: Any, args: list[Any], name: str, extra: dict[str, Any], schema: str
) -> None:
    record = a_record(msg, *args, name=name)
    record.__dict__.update(extra)
    honest = logging.LogRecord("honest", logging.INFO, record.pathname, record.lineno, "", (), None, record.funcName)
    honest.created = record.created
    expected = json.loads(encode(honest, schema))

    fields = loaded(encode(record, schema))

    spelled = SCHEMAS[schema]
    for ours in ("timestamp", "level", "file", "line", "function", "pid", "thread_name"):
        assert fields[spelled.name(ours)] == expected[spelled.name(ours)]
    assert fields[spelled.name("logger")] == name.encode("utf-8", "backslashreplace").decode()
    assert encode(record, schema) is encode(record, schema)


# What a line says ---------------------------------------------------------------------------------------------------


def test_a_line_says_when_where_and_what() -> None:
    record = a_record("order %d for %s", 7, "ann", country="DE", total=12.5, items=["a", {"b": None}])
    record.created = 1_795_325_573.25

    assert loaded(encode(record)) == {
        "timestamp": "2026-11-22T05:32:53.250000Z", "level": "INFO", "logger": "shop", "message": "order 7 for ann",
        "file": "/srv/shop/views.py", "line": 51, "function": "place", "pid": record.process,
        "thread_name": "MainThread", "country": "DE", "total": 12.5, "items": ["a", {"b": None}],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Point(1, 2), [1, 2]),
        ((1, "b"), [1, "b"]),
        ({3}, [3]),
        (types.MappingProxyType({"a": 1}), {"a": 1}),
        (b"raw \xff", "raw \\xff"),
        (bytearray(b"x"), "x"),
        (memoryview(b"abc"), "abc"),
        (Colour.RED, "red"),
        (Shade.DARK, "dark"),
        (WildText("wild"), "wild"),
        (WildInt(5), 5),
        (WildFloat(0.5), 0.5),
        (10**30, str(10**30)),
        (math.nan, None),
        (math.inf, None),
        (True, True),
        (decimal.Decimal("1.10"), "1.10"),
        (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (datetime.date(2026, 11, 23), "2026-11-23"),
        (Path("/srv"), "/srv"),
        (Order(7, [1]), {"number": 7, "lines": [1]}),
        ("half \ud800", "half \\ud800"),
        ({1: "x"}, {"1": "x"}),
        ({1: "x", "1": "y"}, {"1": "x", "1_1": "y"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_is_written_alike_the_fast_way_and_the_slow_way(value: Any, written: Any) -> None:
    fast = loaded(encode(a_record(value=value)))
    slow = loaded(encode(a_record(value=value, lone_surrogate="\ud800")))

    assert fast["value"] == slow["value"] == written


def test_bad_arguments_are_shown_and_so_is_what_is_wrong_with_them() -> None:
    message = loaded(encode(a_record("%d items", "many")))["message"]

    assert message.startswith("'%d items' % ('many',) [format error: TypeError: ")


def test_arguments_whose_str_raises_are_named_by_their_class() -> None:
    message = loaded(encode(a_record("from %s", RaisesInStr())))["message"]

    assert "RaisesInStr" in message or "tuple: repr raised MaliciousError" in message
    assert "MaliciousError" in message


@pytest.mark.parametrize("name", [*OWN, "exception", "exception_type", "stack", "message"])
def test_an_extra_with_the_name_of_ours_is_written_under_another(name: str) -> None:
    record = a_record("true words", **{name: "forged", f"{name}_": "second"})
    record.stack_info = "Stack (most recent call last):"
    record.exc_info = (ValueError, ValueError("true"), None)

    fields = loaded(encode(record))

    assert fields[name] != "forged"
    if name == "message":  # logging's own attribute: formatters set it
        return
    assert (fields[f"{name}_"], fields[f"{name}__"]) == ("forged", "second")


@pytest.mark.parametrize("schema", ["ecs", "otel"])
def test_an_extra_in_the_spelling_of_a_schema_does_not_take_the_place_of_ours(schema: str) -> None:
    name = SCHEMAS[schema].name("client_ip")
    record = a_record(**{name: "6.6.6.6", "client_ip": "192.0.2.1"})

    fields = loaded(encode(record, schema))

    assert (fields[name], fields[f"{name}_"]) == ("192.0.2.1", "6.6.6.6")


def test_an_extra_in_the_spelling_of_a_schema_is_left_alone_where_we_have_none() -> None:
    assert loaded(encode(a_record(**{"user.id": "7"}), "ecs"))["user.id"] == "7"


def test_ecs_counts_durations_in_nanoseconds() -> None:
    assert loaded(encode(a_record(request_duration=0.25), "ecs"))["event.duration"] == 250_000_000


@pytest.mark.parametrize("duration", [math.nan, math.inf, "fast", None, True, 10**400])
def test_what_is_no_duration_is_not_converted(duration: Any) -> None:
    loaded(encode(a_record(request_duration=duration), "ecs"))


def test_an_unknown_schema_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="'aura', 'ecs', 'otel'"):
        encode(a_record(), "elk")
    with pytest.raises(ValueError, match="'aura', 'ecs', 'otel'"):
        decode(encode(a_record()), "elk")


# What is cut --------------------------------------------------------------------------------------------------------


def test_depth_is_cut_where_it_is_said_to_be_cut() -> None:
    fields = loaded(encode(a_record(value=a_bush(1, 40))))

    depth = 0
    value = fields["value"]
    while isinstance(value, list):
        depth, value = depth + 1, value[0]
    assert depth == MAX_DEPTH - 1  # the line itself is the first level
    assert value == f"[cut: nested deeper than {MAX_DEPTH}]"


def test_brackets_in_a_text_are_no_depth() -> None:
    text = "[{" * 1_000

    assert loaded(encode(a_record(text, value=[text])))["value"] == [text]


def test_what_fits_is_not_cut_the_slow_way_either() -> None:
    fields = loaded(encode(a_record("x" * 40_000, numbers=list(range(2_000)), lone="\ud800")))

    assert fields["message"] == "x" * 40_000
    assert fields["numbers"] == list(range(2_000))


def test_a_cut_says_how_much_is_gone() -> None:
    fields = loaded(encode(a_record("x" * 100_000, numbers=list(range(50_000)))))

    assert fields["message"].endswith(" characters cut]")
    assert fields["numbers"][-1].endswith(" more cut")


def test_a_line_that_is_cut_keeps_our_fields_whatever_stands_before_them() -> None:
    wide = [[["\ud800" * 300] * 30] * 30] * 30
    junk = {f"junk_{number}": wide for number in range(500)}

    fields = loaded(encode(a_record("y" * 70_000, **junk, correlation_id="abc", user_id="7", client_ip="192.0.2.1")))

    assert (fields["correlation_id"], fields["user_id"], fields["client_ip"]) == ("abc", "7", "192.0.2.1")
    assert fields["…"].endswith(" more cut")


def test_shared_values_that_unfold_without_end_are_cut_in_bounded_time() -> None:
    """A graph of a few objects, but 10^11 values when it is written out; the surrogate keeps it from orjson."""
    fields = loaded(encode(a_record(lone={"\ud800": 1}, bush=a_bush())))

    assert "more cut" in json.dumps(fields["bush"])


def test_a_cycle_is_named() -> None:
    assert loaded(encode(a_record(value=a_cycle())))["value"] == {"name": "cycle", "again": ["[cycle]"]}


def test_a_value_that_stands_twice_is_no_cycle() -> None:
    shared = {"a": 1}

    assert loaded(encode(a_record(value=[shared, shared], lone="\ud800")))["value"] == [shared, shared]


# What is not asked --------------------------------------------------------------------------------------------------


class LazyUser:
    """In the shape of Django's SimpleLazyObject: asking it for anything, its class even, looks the user up."""

    def __init__(self) -> None:
        self.__dict__["_wrapped"] = object()
        self.__dict__["_setupfunc"] = lambda: pytest.fail("the lazy object was looked up")

    @property
    def __class__(self) -> Any:  # type: ignore[override]
        return self.__dict__["_setupfunc"]()

    def __str__(self) -> str:
        self.__dict__["_setupfunc"]()
        return ""


class QuerySet:
    def __init__(self) -> None:
        self._result_cache = None

    def __iter__(self) -> Iterator[Any]:
        pytest.fail("the query was run")

    def __str__(self) -> str:
        pytest.fail("the query was run")

    __len__ = __repr__ = __str__  # type: ignore[assignment]


@pytest.mark.parametrize("lazy", [LazyUser, QuerySet])
@pytest.mark.parametrize("beside", ["", "\ud800"], ids=["the fast way", "the slow way"])
def test_what_is_lazy_stays_so(lazy: type[Any], beside: str) -> None:
    fields = loaded(encode(a_record(value=lazy(), nested=[{"value": lazy()}], beside=beside)))

    assert fields["value"] == f"<{lazy.__name__}: not evaluated>"
    assert fields["nested"] == [{"value": f"<{lazy.__name__}: not evaluated>"}]
    assert plain_text(lazy()) == f"<{lazy.__name__}: not evaluated>"


def test_a_request_is_not_written_down() -> None:
    class Request:
        def __str__(self) -> str:
            pytest.fail("the request was read")

    assert "request" not in loaded(encode(a_record(request=Request())))
    assert "request" not in loaded(encode(a_record(request=LazyUser(), level=1)))
    assert loaded(encode(a_record(request="GET /")))["request"] == "GET /"


def test_a_generator_is_not_consumed() -> None:
    numbers = iter([1, 2, 3])

    encode(a_record(numbers=numbers, lone="\ud800"))

    assert list(numbers) == [1, 2, 3]


# Exceptions ---------------------------------------------------------------------------------------------------------


def failing(make: Callable[[], BaseException]) -> Any:
    record = a_record("failed", levelno=logging.ERROR)
    try:
        raise make()
    except BaseException:
        record.exc_info = sys.exc_info()
    return record


def test_causes_contexts_groups_and_notes_are_all_told() -> None:
    def make() -> BaseException:
        note = ValueError("inner")
        note.add_note("while reading\nline 7")
        group = ExceptionGroup("many", [note, ExceptionGroup("deeper", [OSError(5, "disk")])])
        group.__cause__ = KeyError("cause")
        return group

    fields = loaded(encode(failing(make)))

    assert fields["exception_type"] == "ExceptionGroup"
    for told in ("KeyError: 'cause'", "direct cause", "many (2 sub-exceptions)", "ValueError: inner", "while reading",
                 "line 7", "deeper (1 sub-exception)", "OSError: [Errno 5] disk"):  # fmt: skip
        assert told in fields["exception"]


def test_the_type_of_an_exception_names_its_module_unless_it_is_built_in() -> None:
    assert loaded(encode(failing(lambda: json.JSONDecodeError("x", "", 0))))["exception_type"] == (
        "json.decoder.JSONDecodeError"
    )
    assert loaded(encode(failing(lambda: ZeroDivisionError())))["exception_type"] == "ZeroDivisionError"


def test_an_endless_recursion_is_told_and_cut() -> None:
    def recurse(number: int) -> int:
        return recurse(number + 1)

    record = a_record("deep")
    try:
        recurse(0)
    except RecursionError:
        record.exc_info = sys.exc_info()

    fields = loaded(encode(record))

    assert "maximum recursion depth exceeded" in fields["exception"]


def test_of_a_long_traceback_the_middle_is_cut() -> None:
    def make() -> BaseException:
        return ValueError("x" * 60_000 + " the end")

    text = loaded(encode(failing(make)))["exception"]

    assert text.startswith("Traceback (most recent call last):")
    assert "characters cut]" in text
    assert text.endswith("the end")


class HostileError(Exception):
    def __str__(self) -> str:
        raise MaliciousError

    __repr__ = __str__


class HostileNotesError(Exception):
    @property
    def __notes__(self) -> list[str]:
        raise MaliciousError


class HostileCauseError(Exception):
    @property
    def __cause__(self) -> Any:  # type: ignore[override]
        raise MaliciousError


@pytest.mark.parametrize("kind", [HostileError, HostileNotesError, HostileCauseError])
def test_an_exception_whose_own_code_raises_is_told_by_its_class(kind: type[Exception]) -> None:
    fields = loaded(encode(failing(kind)))

    assert kind.__name__ in fields["exception_type"]
    assert kind.__name__ in fields["exception"]


def test_a_chain_of_thousands_does_not_break_the_line() -> None:
    def make() -> BaseException:
        last: BaseException = ValueError("first")
        for number in range(3_000):
            error = ValueError(number)
            error.__cause__ = last
            last = error
        return last

    assert "ValueError" in loaded(encode(failing(make)))["exception"]


@pytest.mark.parametrize("info", [(None, None, None), (), (1,), (1, 2, 3), True, ValueError("x"), "text"])
def test_what_is_no_exception_info_does_no_harm(info: Any) -> None:
    record = a_record()
    record.exc_info = info

    assert loaded(encode(record))["message"] == "hello"


def test_the_text_that_a_formatter_or_a_scrubber_left_wins() -> None:
    record = failing(lambda: ValueError("4111 1111 1111 1111"))
    record.exc_text = "ValueError: [REDACTED]"

    fields = loaded(encode(record))

    assert fields["exception"] == "ValueError: [REDACTED]"
    assert fields["exception_type"] == "ValueError"


# Time ---------------------------------------------------------------------------------------------------------------


@settings(max_examples=200)
@given(st.floats(1, 253_402_300_799))
def test_a_timestamp_is_the_time_to_the_microsecond(seconds: float) -> None:
    written = datetime.datetime.fromisoformat(timestamp(seconds))

    assert abs(written.timestamp() - seconds) < 0.000_002 + seconds * 1e-15
    assert len(timestamp(seconds)) == len("2026-11-23T05:32:16.123456Z")


@pytest.mark.parametrize("seconds", [math.nan, math.inf, -math.inf, -0.5, -1.5, 0.0, 1e300, 253_402_300_800, None, "x"])
def test_what_is_no_time_of_the_calendar_is_written_as_its_text(seconds: Any) -> None:
    record = a_record()
    record.created = seconds

    assert timestamp(seconds) == str(seconds)
    assert loaded(encode(record))["timestamp"] == str(seconds)
    loaded(encode(decode(encode(record))))


# The way back -------------------------------------------------------------------------------------------------------

plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-(2**63), 2**63), st.floats(allow_nan=False, allow_infinity=False),
              st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)  # fmt: skip
field_names = st.from_regex(r"[a-z]{1,8}", fullmatch=True).filter(lambda name: name not in records.STANDARD_ATTRIBUTES)


@settings(deadline=None)
@given(
    extra=st.dictionaries(field_names, plain, max_size=4), message=st.text(max_size=30).filter(lambda m: "%" not in m),
    level=st.sampled_from([10, 20, 30, 40, 50]), created=st.floats(1, 4_000_000_000),
    schema=st.sampled_from(sorted(SCHEMAS)), duration=st.floats(0, 1_000_000),
)  # fmt: skip
def test_a_line_becomes_a_record_that_makes_the_same_line(
    extra: dict[str, Any], message: str, level: int, created: float, schema: str, duration: float
) -> None:
    record = a_record(message, levelno=level, **extra, correlation_id="abc", user_id="7")
    record.created = created
    record.request_duration = duration
    line = encode(record, schema)

    again = decode(line, schema)

    assert (again.name, again.levelno, again.getMessage()) == (record.name, level, message)
    assert (again.pathname, again.lineno, again.funcName) == (record.pathname, record.lineno, record.funcName)
    assert json.loads(encode(again)) == json.loads(encode(record)) | approximately(schema, again)
    assert json.loads(encode(again, schema)) == json.loads(line)


def approximately(schema: str, again: Any) -> dict[str, Any]:
    # ECS writes whole nanoseconds.
    return {"request_duration": again.request_duration} if schema == "ecs" else {}


def test_the_traceback_comes_back_as_text() -> None:
    record = failing(lambda: ValueError("broken"))

    again = decode(encode(record))

    assert "ValueError: broken" in (again.exc_text or "")
    assert again.exc_info is None
    assert loaded(encode(again))["exception_type"] == "ValueError"


@pytest.mark.parametrize("line", [b"", b"[1]\n", b"7\n", b'{"a":\n', b"\xff\n"])
def test_a_line_that_is_no_object_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError):
        decode(line)


def test_a_foreign_line_becomes_a_record_all_the_same() -> None:
    record = decode(b'{"level":"TRACE","name":"x","msg":"y","args":[1],"msecs":3,"_aura":1}\n')

    assert (record.name, record.levelno, record.getMessage()) == ("root", logging.INFO, "")
    assert record.__dict__["name_"] == "x"
    loaded(encode(record))


# Once ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("msg", "other"), ("args", ("other",)), ("exc_text", "Traceback"), ("levelname", "NOTICE"), ("name", "other"),
     ("pathname", "views.py"), ("stack_info", "Stack"), ("exc_info", (ValueError, ValueError("x"), None)),
     ("shelf", "other"), ("shelf", None), ("added", 1), ("added", None)],
)  # fmt: skip
def test_a_record_is_encoded_once_and_anew_when_it_was_changed(attribute: str, value: Any) -> None:
    record = a_record("hello %s", "you", shelf="poetry")
    first = encode(record)
    assert encode(record) is first

    setattr(record, attribute, value)

    assert encode(record) is not first
    assert loaded(encode(record)) != loaded(first)


def test_a_field_that_took_another_ones_place_is_seen() -> None:
    record = a_record(shelf="poetry", room_=2)
    first = encode(record)

    del record.shelf
    record.room = None

    assert loaded(encode(record)) == {**{k: v for k, v in loaded(first).items() if k != "shelf"}, "room": None}


def test_an_extra_set_to_the_value_of_its_neighbour_is_seen() -> None:
    record = a_record(room=1, room_=2)
    encode(record)

    record.room = 2

    assert loaded(encode(record))["room"] == 2


def test_each_schema_has_its_own_line() -> None:
    record = a_record(user_id="7")

    assert loaded(encode(record, "ecs"))["user.id"] == loaded(encode(record))["user_id"] == "7"


def test_forgetting_the_line_makes_a_new_one() -> None:
    record = a_record(cart={"items": 1})
    encode(record)
    record.cart["items"] = 2

    records.forget_line(record)

    assert loaded(encode(record))["cart"] == {"items": 2}


def test_a_copy_that_was_changed_leaves_the_originals_line_alone() -> None:
    record = a_record("card 4111111111111111")
    original = encode(record)
    scrubbed = copy.copy(record)
    scrubbed.msg = "card [REDACTED]"

    assert loaded(encode(scrubbed))["message"] == "card [REDACTED]"
    assert encode(record) == original
    assert loaded(encode(scrubbed))["message"] == "card [REDACTED]"


def test_three_json_handlers_encode_a_record_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []
    remember_line = records.remember_line

    def counted(*args: Any) -> None:
        calls.append(args)
        remember_line(*args)

    json_file = {"class": "logging.FileHandler", "formatter": "json", "filters": ["context"], "delay": True}
    names = ("one", "two", "three")
    logging.config.dictConfig({
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": "aura_logging.formatters.JsonFormatter"}},
        "filters": {"context": {"()": "aura_logging.filters.RequestContextFilter"}},
        "handlers": {name: {**json_file, "filename": str(tmp_path / name)} for name in names},
        "loggers": {"once": {"level": "INFO", "handlers": list(names), "propagate": False}},
    })  # fmt: skip
    log = logging.getLogger("once")
    monkeypatch.setattr(encoding.records, "remember_line", counted)

    log.info("order %d placed", 7, extra={"shelf": "poetry"})

    monkeypatch.undo()
    for handler in log.handlers[:]:
        log.removeHandler(handler)
        handler.close()
    lines = {(tmp_path / name).read_bytes() for name in names}
    assert len(calls) == 1
    assert len(lines) == 1
    assert loaded(lines.pop())["message"] == "order 7 placed"


def test_the_message_is_formatted_when_it_has_arguments_and_only_then() -> None:
    assert message_of(a_record("100%")) == "100%"
    assert message_of(logging.LogRecord("", 20, "", 0, "%(a)s", ({"a": 1},), None)) == "1"
    assert message_of(a_record(ValueError("as message"))) == "as message"
