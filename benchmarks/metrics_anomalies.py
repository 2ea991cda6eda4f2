"""How many anomalies are found, and how many alarms are false, on synthetic series with known anomalies.

    python benchmarks/metrics_anomalies.py

Each series has fourteen days of hourly, or six hours of minutely values with noise of its kind, and anomalies in
known places. An anomaly is found if a value in it is flagged; an alarm (a run of flagged values) is false if it
lies outside all anomalies and the two steps after them.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from aura_logging.alerts.anomalies import ERROR_RATE, LATENCY, LATENCY_HOURLY, SECURITY, VOLUME, VOLUME_HOURLY
from aura_logging.metrics.anomaly import judge

Series = tuple[list[float], list[range]]
SEEDS = range(40)


def _daily(hour: int) -> float:
    weekend = 0.6 if hour // 24 % 7 >= 5 else 1.0
    return weekend * (1.0 + 0.8 * math.sin((hour % 24 - 9) / 24 * 2 * math.pi))


def _poisson(rng: random.Random, mean: float) -> float:
    return float(max(0, round(rng.gauss(mean, math.sqrt(mean))))) if mean > 30 else float(_small_poisson(rng, mean))


def _small_poisson(rng: random.Random, mean: float) -> int:
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def _places(rng: random.Random, length: int, first: int, count: int, longest: int) -> list[range]:
    slots = rng.sample(range((length - first) // (longest + 6)), count)
    return [range(start, start + rng.randint(1, longest)) for start in (first + slot * (longest + 6) for slot in slots)]


def minutes(kind: str) -> Callable[[random.Random], Series]:
    def make(rng: random.Random) -> Series:
        places = _places(rng, 360, 60, 4, 10)
        inside = {step: place for place in places for step in place}
        values = []
        for step in range(360):
            wave = 1.0 + 0.2 * math.sin(step / 360 * 2 * math.pi)
            off = step in inside
            if kind == "latency":
                values.append(0.2 * wave * rng.lognormvariate(0, 0.12) * (rng.uniform(2.2, 6) if off else 1))
            elif kind == "volume":
                values.append(_poisson(rng, 600 * wave * (rng.choice([0.1, 0.3, 2.5]) if off else 1)))
            elif kind == "error rate":
                share = rng.uniform(0.08, 0.5) if off else 0.005
                values.append(_poisson(rng, 300 * share) / 300)
            else:
                values.append(_poisson(rng, rng.uniform(12, 60) if off else 0.4))
        return values, places

    return make


def hours(kind: str) -> Callable[[random.Random], Series]:
    def make(rng: random.Random) -> Series:
        places = _places(rng, 14 * 24, 4 * 24, 5, 5)
        inside = {step for place in places for step in place}
        values = []
        for hour in range(14 * 24):
            off = hour in inside
            if kind == "latency":
                usual = 0.1 + 0.15 * _daily(hour)
                values.append(usual * rng.lognormvariate(0, 0.1) * (rng.uniform(2.5, 6) if off else 1))
            else:
                usual = 20_000 * _daily(hour) * rng.lognormvariate(0, 0.08)
                values.append(_poisson(rng, usual * (rng.choice([0.1, 0.2, 4.0]) if off else 1)))
        return values, places

    return make


CASES = (
    ("latency p95, minutes", minutes("latency"), LATENCY),
    ("volume, minutes", minutes("volume"), VOLUME),
    ("error rate, minutes", minutes("error rate"), ERROR_RATE),
    ("security events, minutes", minutes("security"), SECURITY),
    ("latency p95, hours", hours("latency"), LATENCY_HOURLY),
    ("volume, hours", hours("volume"), VOLUME_HOURLY),
)


def assess(make: Callable[[random.Random], Series], options: object) -> tuple[int, int, int, int]:
    """Return anomalies there were, anomalies found, alarms raised, alarms that were false."""
    there = found = raised = false = 0
    for seed in SEEDS:
        values, places = make(random.Random(seed))
        flagged = [step for step, each in enumerate(judge(values, options)) if each and each.is_anomaly]
        near = {step for place in places for step in range(place.start, place.stop + 2)}
        there += len(places)
        found += sum(any(step in place for step in flagged) for place in places)
        runs = [step for step in flagged if step - 1 not in flagged]
        raised += len(runs)
        false += sum(step not in near for step in runs)
    return there, found, raised, false


def main() -> None:
    print(f"{'series':28}{'anomalies':>10}{'recall':>8}{'alarms':>8}{'precision':>11}")
    for name, make, options in CASES:
        there, found, raised, false = assess(make, options)
        print(f"{name:28}{there:>10}{found / there:>8.1%}{raised:>8}{1 - false / max(1, raised):>11.1%}")


if __name__ == "__main__":
    main()
