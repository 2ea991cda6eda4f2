"""Values of any shape: what changes is copied, what does not is the same object, and nothing raises."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import uuid
from collections import OrderedDict, UserDict, deque, namedtuple
from typing import Any

import pytest

from aura_logging.privacy import Scrubber

CARD = "4111111111111111"
MARK = "[REDACTED:credit_card]"


@pytest.fixture(scope="module")
def scrubber() -> Scrubber:
    return Scrubber()


@dataclasses.dataclass
class Payment:
    number: str
    amount: int


Point = namedtuple("Point", "x y")


class Colour(enum.Enum):
    RED = CARD


class Shown:
    def __str__(self) -> str:
        return f"<Shown {CARD}>"


class Hostile(dict):
    def items(self) -> Any:
        raise RuntimeError(CARD)


@pytest.mark.parametrize(
    ("value", "scrubbed"),
    [
        (CARD, MARK),
        (int(CARD), MARK),
        (-int(CARD), f"-{MARK}"),
        (decimal.Decimal(CARD), MARK),
        (CARD.encode(), MARK.encode()),
        (bytearray(CARD.encode()), MARK.encode()),
        ([1, [CARD]], [1, [MARK]]),
        ((CARD, 2), (MARK, 2)),
        ({CARD}, {MARK}),
        (frozenset({CARD}), frozenset({MARK})),
        (deque([CARD]), [MARK]),
        (Point(CARD, 2), (MARK, 2)),
        ({"a": {"b": {"c": CARD}}}, {"a": {"b": {"c": MARK}}}),
        ({CARD: 1}, {MARK: 1}),
        ({int(CARD): 1}, {MARK: 1}),
        (OrderedDict(a=CARD), {"a": MARK}),
        (UserDict(a=CARD), {"a": MARK}),
        (Payment(CARD, 5), {"number": MARK, "amount": 5}),
        (Colour.RED, MARK),
        (Shown(), f"<Shown {MARK}>"),
        (ValueError(CARD), MARK),
    ],
)
def test_a_value_is_found_wherever_it_lies(scrubber: Scrubber, value: Any, scrubbed: Any) -> None:
    result, _ = scrubber.scrub_value(value)

    assert CARD not in str(result)
    assert result == scrubbed


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        5,
        1.5,
        float("nan"),
        datetime.datetime.now(),
        uuid.uuid4(),
        object(),
        b"x",
        "",
        [],
        {},
        {"a": [1, {"b": ()}]},
    ],
)
def test_what_holds_nothing_is_the_same_object(scrubber: Scrubber, value: Any) -> None:
    result, findings = scrubber.scrub_value(value)

    assert result is value
    assert findings == []


def test_the_caller_s_own_objects_are_left_as_they_were(scrubber: Scrubber) -> None:
    inner = {"password": "hunter2", "n": [1, 2]}
    value = {"user": inner, "other": {"x": 1}}

    scrubbed, _ = scrubber.scrub_value(value)

    assert inner == {"password": "hunter2", "n": [1, 2]}
    assert scrubbed["user"] == {"password": "[REDACTED:secret]", "n": [1, 2]}
    assert scrubbed["other"] is value["other"]


def test_a_finding_leads_to_its_place(scrubber: Scrubber) -> None:
    _, findings = scrubber.scrub_value({"user": {"cards": ["x", f"no {CARD}"], "token": "abc"}})

    assert [(f.detector, f.path, f.start, f.end) for f in findings] == [
        ("credit_card", "user.cards[1]", 3, 19),
        ("secret", "user.token", 0, 3),
    ]


def test_a_path_does_not_name_what_a_key_held(scrubber: Scrubber) -> None:
    _, findings = scrubber.scrub_value({"jane@example.com": {"card": CARD}})

    assert all("jane" not in finding.path for finding in findings)


@pytest.mark.parametrize("value", ["hunter2", 12345, ["a", "b"], {"user": "jane", "pass": "x"}, b"hunter2", 0.5])
def test_under_a_secret_name_everything_goes_whatever_it_is(scrubber: Scrubber, value: Any) -> None:
    assert scrubber.scrub_value({"db": {"password": value}})[0] == {"db": {"password": "[REDACTED:secret]"}}


@pytest.mark.parametrize("value", [None, True, False, "", [], {}])
def test_under_a_secret_name_what_says_nothing_stays(scrubber: Scrubber, value: Any) -> None:
    assert scrubber.scrub_value({"password": value}) == ({"password": value}, [])


def test_asgi_headers_are_pairs_of_name_and_value(scrubber: Scrubber) -> None:
    headers = [(b"host", b"example.com"), (b"Authorization", b"Token abc"), (b"cookie", b"sessionid=abc")]

    assert scrubber.scrub_value({"headers": headers})[0] == {
        "headers": [
            (b"host", b"example.com"),
            (b"Authorization", b"[REDACTED:secret]"),
            (b"cookie", b"[REDACTED:secret]"),
        ]
    }


def test_a_cycle_ends(scrubber: Scrubber) -> None:
    value: dict[str, Any] = {"card": CARD}
    value["self"] = value

    scrubbed, _ = scrubber.scrub_value(value)

    assert CARD not in str(scrubbed)
    assert scrubbed["self"] == "[cycle]"


def test_nesting_without_end_is_cut_rather_than_trusted(scrubber: Scrubber) -> None:
    value: Any = CARD
    for _ in range(10_000):
        value = [value]

    scrubbed, _ = scrubber.scrub_value({"deep": value, "card": CARD})

    assert CARD not in str(scrubbed)


def test_an_object_that_raises_when_it_is_read_becomes_a_marker(scrubber: Scrubber) -> None:
    scrubbed, findings = scrubber.scrub_value({"hostile": Hostile(a=1)})

    assert scrubbed == {"hostile": "[REDACTED:unreadable:RuntimeError]"}
    assert [finding.detector for finding in findings] == ["unreadable"]


def test_a_long_object_is_read_to_its_end(scrubber: Scrubber) -> None:
    class Long:
        def __str__(self) -> str:
            return "x" * 10_000 + f" {CARD}"

    assert CARD not in str(scrubber.scrub_value([Long()])[0])


Login = namedtuple("Login", "user password")


@pytest.mark.parametrize(
    ("value", "scrubbed"),
    [
        (Login("jane", "hunter2"), ("jane", "[REDACTED:secret]")),
        ([("Cookie", "Hunter-2"), ("Accept", "*/*")], [("Cookie", "[REDACTED:secret]"), ("Accept", "*/*")]),
        ({(CARD, 1): 2}, {f"('{MARK}', 1)": 2}),
        ({Shown(): 2}, {f"<Shown {MARK}>": 2}),
    ],
)  # fmt: skip
def test_names_of_fields_headers_and_keys_of_any_type_are_looked_at(
    scrubber: Scrubber, value: Any, scrubbed: Any
) -> None:
    result, findings = scrubber.scrub_value(value)

    assert result == scrubbed
    assert len(findings) == 1


@pytest.mark.parametrize(
    "value", [("password", "email"), ["password", "Hunter-2"], ("password", "x", "y"), ("a", "B2")]
)
def test_two_names_are_no_header(scrubber: Scrubber, value: Any) -> None:
    assert scrubber.scrub_value([value]) == ([value], [])
