"""A fair share is kept, decided once, alike in every process; what matters always passes."""

from __future__ import annotations

import logging
import logging.config
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_logging import bound, context, records
from aura_logging.filters import RequestContextFilter, SamplingFilter
from aura_logging.filters.sampling import DEFAULT_RATES
from aura_logging.options import OptionError
from aura_logging.testing import ManualClock
from aura_logging.volume.options import SamplingOptions
from aura_logging.volume.policy import Policy
from aura_logging.volume.shares import identity_of, share_of_identity, share_of_message


@pytest.fixture(autouse=True)
def _nothing_bound() -> Iterator[None]:
    context.release()
    yield
    context.release()


def a_record(levelno: int = logging.INFO, name: str = "shop", msg: Any = "hello", **extra: Any) -> Any:
    record = logging.LogRecord(name, levelno, "", 0, msg, (), None)
    record.__dict__.update(extra)
    return record


def share_of(record: Any) -> float:
    identity = identity_of(record.__dict__)
    return (
        share_of_message(record.name, record.msg, record.created) if identity is None else share_of_identity(identity)
    )


def kept(sampling: SamplingFilter, count: int, levelno: int) -> float:
    return sum(sampling.filter(a_record(levelno, correlation_id=f"id-{n}")) for n in range(count)) / count


def test_the_defaults_are_a_tenth_of_debug_half_of_info_and_all_the_rest() -> None:
    assert DEFAULT_RATES == {"DEBUG": 0.1, "INFO": 0.5}
    assert kept(SamplingFilter(), 4_000, logging.DEBUG) == pytest.approx(0.1, abs=0.02)
    assert kept(SamplingFilter(), 4_000, logging.INFO) == pytest.approx(0.5, abs=0.03)
    assert kept(SamplingFilter(), 200, logging.WARNING) == 1


@pytest.mark.parametrize("rate", [0, 0.001, 0.25, 0.9, 1])
def test_the_share_that_is_asked_for_is_the_share_that_is_kept(rate: float) -> None:
    assert kept(SamplingFilter({"INFO": rate}), 5_000, logging.INFO) == pytest.approx(rate, abs=0.02)


def test_a_request_is_kept_or_dropped_whole() -> None:
    sampling = SamplingFilter()
    for number in range(200):
        with bound(correlation_id=f"request-{number}"):
            decisions = {sampling.filter(a_record(msg=f"line {line}")) for line in range(5)}
        assert len(decisions) == 1


def test_an_id_on_the_record_counts_as_one_that_is_bound() -> None:
    bare, filtered = a_record(), a_record()
    with bound(correlation_id="abc"):
        RequestContextFilter(host_metrics=False).filter(filtered)
        assert share_of(bare) == share_of(filtered)
    assert share_of(filtered) == share_of(a_record(correlation_id="abc", msg="another", name="other"))


def test_a_lower_rate_keeps_a_part_of_what_a_higher_one_keeps() -> None:
    tenth, half = SamplingFilter({"INFO": 0.1}), SamplingFilter({"INFO": 0.5})
    for number in range(500):
        if tenth.filter(a_record(correlation_id=f"id-{number}")):
            assert half.filter(a_record(correlation_id=f"id-{number}"))


DECIDE = """
import logging
from aura_logging.filters import SamplingFilter
sampling = SamplingFilter()
for n in range(300):
    record = logging.LogRecord("any", 20, "", 0, "any", (), None)
    record.correlation_id = f"id-{n}"
    print(int(sampling.filter(record)), end="")
"""


def test_two_processes_decide_alike() -> None:
    theirs = subprocess.run([sys.executable, "-c", DECIDE], capture_output=True, text=True, check=True, timeout=30)
    sampling = SamplingFilter()

    ours = "".join(str(int(sampling.filter(a_record(correlation_id=f"id-{n}")))) for n in range(300))

    assert ours == theirs.stdout
    assert {"0", "1"} == set(ours)


def test_records_without_an_id_are_decided_one_by_one() -> None:
    sampling = SamplingFilter()
    records = [a_record(msg=f"message {number}") for number in range(2_000)]
    for number, record in enumerate(records):
        record.created = 1_795_325_573 + number / 1_000

    assert sum(map(sampling.filter, records)) / 2_000 == pytest.approx(0.5, abs=0.05)


def test_the_decision_is_taken_once_whatever_the_number_of_handlers() -> None:
    seen: dict[str, list[logging.LogRecord]] = {"one": [], "two": [], "three": []}
    sampling = SamplingFilter({"INFO": 0.5})
    log = logging.Logger("shop")
    for collected in seen.values():
        handler = logging.Handler()
        handler.emit = collected.append  # type: ignore[method-assign]
        handler.addFilter(sampling)
        log.addHandler(handler)

    for number in range(200):
        log.info("hello", extra={"correlation_id": f"id-{number}"})

    assert seen["one"] == seen["two"] == seen["three"]
    dropped = sampling.health().as_dict()["dropped"]
    assert dropped == {"sampled_info": 200 - len(seen["one"])}


def test_a_decision_is_not_changed_by_an_id_that_comes_later() -> None:
    sampling = SamplingFilter({"INFO": 0.5})
    for number in range(50):
        record = a_record(msg=str(number))
        first = sampling.filter(record)
        record.correlation_id = f"later-{number}"
        assert sampling.filter(record) is first


def test_two_filters_of_other_rates_decide_for_themselves() -> None:
    record = a_record()

    assert SamplingFilter({"INFO": 0}).filter(record) is False
    assert SamplingFilter({"INFO": 1}).filter(record) is True


def test_a_kept_record_of_a_sampled_level_says_what_it_stands_for() -> None:
    sampling = SamplingFilter({"INFO": 0.25})
    kept_records = [r for r in (a_record(correlation_id=f"id-{n}") for n in range(100)) if sampling.filter(r)]
    whole = a_record(logging.WARNING)
    sampling.filter(whole)

    assert kept_records
    assert {record.sample_rate for record in kept_records} == {0.25}
    assert "sample_rate" not in whole.__dict__


@pytest.mark.parametrize("levelno", [logging.ERROR, logging.CRITICAL, 45, 1_000])
def test_errors_always_pass(levelno: int) -> None:
    assert kept(SamplingFilter({"DEBUG": 0, "INFO": 0, "WARNING": 0}), 50, levelno) == 1


@pytest.mark.parametrize(
    "name",
    ["aura.audit", "aura.security", "aura.alerts", "django.security", "django.security.DisallowedHost", "aura.audit.x"],
)
def test_what_is_logged_for_the_record_always_passes(name: str) -> None:
    assert SamplingFilter({"DEBUG": 0, "INFO": 0}).filter(a_record(name=name))


@pytest.mark.parametrize(
    "name", ["aura.request", "aura.auditorium", "aura", "django.securityish", "my.aura.audit", "root"]
)
def test_a_logger_whose_name_only_begins_alike_is_sampled(name: str) -> None:
    assert not SamplingFilter({"INFO": 0}).filter(a_record(name=name))


def test_drops_are_counted_by_level() -> None:
    sampling = SamplingFilter({"DEBUG": 0, "INFO": 0})
    for levelno, count in Counter({logging.DEBUG: 3, logging.INFO: 2, logging.ERROR: 4}).items():
        for _ in range(count):
            sampling.filter(a_record(levelno))

    told = sampling.health().as_dict()
    assert told["status"] == "healthy"
    assert told["dropped"] == {"sampled_debug": 3, "sampled_info": 2}
    assert told["rates"] == {"DEBUG": 0.0, "INFO": 0.0}


def test_levels_may_be_written_in_small_letters_and_levels_of_ones_own_count() -> None:
    logging.addLevelName(15, "CHATTER")
    sampling = SamplingFilter({"info": 0, "chatter": 0})

    assert not sampling.filter(a_record(logging.INFO))
    assert not sampling.filter(a_record(15))
    assert sampling.filter(a_record(16))


@pytest.mark.parametrize(
    ("rates", "said"),
    [
        ({"INFOO": 0.5}, ("'INFOO'", "Did you mean 'INFO'?")),
        ({"purple": 0.5}, ("'purple'", "Known: ")),
        ({20: 0.5}, ("20", "Known: ")),
        ({"INFO": 1.1}, ("rates['INFO']", "1.1", "from 0 to 1")),
        ({"INFO": -0.1}, ("rates['INFO']", "-0.1")),
        ({"INFO": "half"}, ("rates['INFO']", "'half'")),
        ({"INFO": None}, ("rates['INFO']", "None")),
        ({"INFO": True}, ("rates['INFO']", "True")),
        ({"INFO": math.nan}, ("rates['INFO']", "nan")),
        ({"ERROR": 0.5}, ("rates['ERROR']", "0.5", "always kept")),
        (0.5, ("0.5", "a dict")),
        ([("INFO", 0.5)], ("a dict",)),
    ],
)  # fmt: skip
def test_a_rate_that_cannot_be_is_an_error_that_names_it(rates: Any, said: tuple[str, ...]) -> None:
    with pytest.raises(OptionError) as caught:
        SamplingFilter(rates)

    for words in said:
        assert words in str(caught.value)


def test_a_bad_rate_in_a_configuration_stops_the_start() -> None:
    with pytest.raises(ValueError) as caught:
        logging.config.dictConfig({
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"sampling": {"()": "aura_logging.filters.SamplingFilter", "rates": {"INFO": 5}}},
        })  # fmt: skip

    assert "rates['INFO'] is 5" in str(caught.value.__cause__)


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError

    __repr__ = __str__


def test_no_message_and_no_id_breaks_a_log_call() -> None:
    sampling = SamplingFilter()

    assert sampling.filter(a_record(msg=Hostile())) in (True, False)
    assert sampling.filter(a_record(correlation_id=Hostile())) in (True, False)
    assert sampling.filter(a_record(correlation_id="\ud800")) in (True, False)
    assert 0 <= share_of(a_record(msg="\ud800")) < 1


def test_a_record_that_somebody_asked_for_passes_whole_and_uncounted() -> None:
    sampling = SamplingFilter({"INFO": 0})
    asked_for = a_record()
    records.exempt(asked_for)

    assert sampling.filter(asked_for)
    assert "sample_rate" not in asked_for.__dict__
    assert not sampling.filter(a_record())
    assert sampling.health().dropped == {"sampled_info": 1}


calls = st.lists(
    st.tuples(
        st.sampled_from([logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR]),
        st.sampled_from(["shop", "shop.cart", "aura.request", "aura.audit"]),
        st.sampled_from(["hello", "card %s declined", 7, None]),
        st.sampled_from([None, "request-1", "request-2", "request-3"]),
        st.sampled_from([None, "health", "cart"]),
        st.sampled_from([0.0, 0.0, 0.0, 0.01, 1.5]),
    ),
    max_size=200,
)


@settings(max_examples=100, deadline=None)
@given(calls)
def test_the_filters_short_way_decides_like_the_policy_itself(
    calls: list[tuple[int, str, Any, str | None, str | None, float]],
) -> None:
    options: dict[str, Any] = {
        "rates": {"DEBUG": 0.3, "INFO": 0.6},
        "rules": [{"logger": "shop.cart", "route": "health", "rate": 0}],
        "limit_per_second": 5,
        "burst": 10,
        "fold_after": 3,
        "fold_every": 4,
        "fold_window_seconds": 1.0,
        "circuit_records_per_second": 40,
    }
    clock = ManualClock(100.0)
    policy = Policy(SamplingOptions(**options), clock=clock)
    sampling = SamplingFilter(clock=clock, cpu_percent=lambda: None, **options)
    handler = logging.NullHandler()
    handler.addFilter(sampling)
    for level, logger, template, identity, route, wait in calls:
        clock.advance(wait)
        record = a_record(level, logger, template, correlation_id=identity, route=route)

        share = policy.decide(level, logger, template, record.__dict__)

        assert sampling.filter(record) == (share > 0)
        assert record.__dict__.get("sample_rate", 1.0) == (share or 1.0)
    assert sampling.health().dropped == policy.dropped()
    assert sampling.health().as_dict()["failures"] == 0
    handler.close()
