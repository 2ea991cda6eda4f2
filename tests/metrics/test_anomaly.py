"""What is unusual is noticed, what is usual is not, and what lasts becomes usual."""

from __future__ import annotations

import math
import random

import pytest

from aura_logging.metrics.anomaly import AnomalyOptions, judge


def flagged(values: list[float | None], options: AnomalyOptions | None = None) -> list[int]:
    return [step for step, each in enumerate(judge(values, options)) if each and each.is_anomaly]


def noise(count: int, mean: float = 10.0, seed: int = 1) -> list[float | None]:
    rng = random.Random(seed)
    return [rng.gauss(mean, 1.0) for _ in range(count)]


def test_a_steady_series_raises_no_alarm() -> None:
    assert flagged(noise(2_000)) == []


def test_a_spike_is_noticed_and_does_not_spoil_what_comes_after() -> None:
    values = noise(300)
    values[200] = 40.0
    assert flagged(values) == [200]


def test_the_first_values_are_only_learnt_from() -> None:
    values = noise(100)
    values[10] = 500.0
    judged = judge(values)
    assert flagged(values) == []
    assert [each.is_warming_up for each in judged if each] == [True] * 30 + [False] * 70


def test_a_lasting_change_becomes_usual() -> None:
    found = flagged([*noise(200), *noise(200, 20.0)])
    assert 200 in found
    assert all(200 <= step < 230 for step in found)


def test_only_the_direction_that_matters_counts() -> None:
    values = noise(200)
    values[150] = -40.0
    assert flagged(values) == []
    assert flagged(values, AnomalyOptions(direction="both")) == [150]


def test_the_hour_of_the_day_is_usual_and_the_same_value_at_another_hour_is_not() -> None:
    values: list[float | None] = [100 + 80 * math.sin(hour / 24 * 2 * math.pi) for hour in range(24 * 7)]
    options = AnomalyOptions(period=24, least_deviation=5.0)
    assert flagged(values, options) == []
    at_night = 24 * 6 + 18
    values[at_night] = 180.0
    assert flagged(values, options) == [at_night]


def test_ratios_are_judged_where_ratios_matter() -> None:
    rng = random.Random(1)
    values: list[float | None] = [0.2 * rng.lognormvariate(0, 0.1) for _ in range(200)]
    values[150] = 0.6
    found = judge(values, AnomalyOptions(logarithmic=True, least_deviation=0.09))[150]
    assert found is not None
    assert found.is_anomaly
    assert found.expected == pytest.approx(0.2, rel=0.1)


def test_a_night_without_requests_neither_alarms_nor_changes_what_is_usual() -> None:
    rng = random.Random(1)
    durations: list[float | None] = [0.2 * rng.lognormvariate(0, 0.1) for _ in range(100)]
    options = AnomalyOptions(logarithmic=True, least_deviation=0.09)
    assert flagged([None, *durations, *[None] * 200, *durations], options) == []


def test_constant_series_are_judged_by_the_least_deviation() -> None:
    values: list[float | None] = [0.0] * 100
    values[60] = 0.05
    assert flagged(values, AnomalyOptions(least_deviation=0.01)) == []
    values[60] = 0.07
    assert flagged(values, AnomalyOptions(least_deviation=0.01)) == [60]


@pytest.mark.parametrize("options", [{"period": -1}, {"threshold": 0}, {"level_weight": 2.0}, {"warm_up": 1}])
def test_options_that_cannot_be_are_refused(options: dict) -> None:
    with pytest.raises(ValueError, match="give"):
        AnomalyOptions(**options)
