"""Users' tests can assert that nothing leaked, and are told where it did without being told what."""

from __future__ import annotations

import logging

import pytest

from aura_logging.privacy import Scrubber
from aura_logging.privacy.assertions import assert_no_pii, find_pii


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("shop", logging.INFO, "shop.py", 1, message, args, None)
    made.__dict__.update(extra)
    return made


@pytest.mark.parametrize("value", ["fine", {"a": [1, 2]}, record("order %s", 5, path="/x/"), [record("fine")], None])
def test_what_is_clean_passes(value: object) -> None:
    assert_no_pii(value)


@pytest.mark.parametrize(
    "value",
    [
        "mail jane@example.com",
        {"deep": [{"er": "jane@example.com"}]},
        record("mail %s", "jane@example.com"),
        record("seen", detail="jane@example.com"),
        [record("fine"), record("%(unused)s", {"unused": 1, "mail": "jane@example.com"})],
    ],
)
def test_what_leaked_is_named_by_kind_and_place_and_not_repeated(value: object) -> None:
    with pytest.raises(AssertionError, match="email") as raised:
        assert_no_pii(value)

    assert "jane" not in str(raised.value)


def test_a_traceback_counts() -> None:
    leaking = record("failed")
    try:
        raise ValueError("card 4111111111111111")
    except ValueError as error:
        leaking.exc_info = (ValueError, error, error.__traceback__)

    with pytest.raises(AssertionError, match="credit_card"):
        assert_no_pii(leaking)


def test_detectors_can_be_allowed_and_the_scrubber_chosen() -> None:
    assert_no_pii("mail jane@example.com", allow=["email"])
    assert_no_pii("from 192.0.2.7")
    with pytest.raises(AssertionError, match="ip_address"):
        assert_no_pii("from 192.0.2.7", scrubber=Scrubber(enable=["ip_address"]))


def test_many_findings_are_summed_up() -> None:
    with pytest.raises(AssertionError) as raised:
        assert_no_pii(*[f"user{n}@example.com" for n in range(50)])

    assert "50 x email" in str(raised.value)
    assert "and 30 more" in str(raised.value)
    assert len(find_pii("a@example.com", "b@example.com")) == 2
