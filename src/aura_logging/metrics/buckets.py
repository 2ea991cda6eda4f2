"""Choose histogram bounds: fine ones to compute with, and the few among them that are shown to Prometheus."""

from __future__ import annotations

from itertools import pairwise

__all__ = ["COUNTS", "DURATIONS_SECONDS", "SIZES_BYTES", "exponential", "shown"]


def exponential(first_exponent: int, last_exponent: int, per_octave: int = 4) -> tuple[float, ...]:
    """Return powers of two from 2**first to 2**last, `per_octave` of them to each doubling.

    Neighbours differ by the factor 2**(1/per_octave), so a quantile read as the geometric middle of its bucket
    is off by at most the square root of that factor: 9.1 % with four to the octave.
    """
    steps = range(first_exponent * per_octave, last_exponent * per_octave + 1)
    # Whole octaves exactly, so that 2 s is a bound and not its neighbour in the last digit.
    return tuple(
        float(2.0 ** (step // per_octave)) if step % per_octave == 0 else 2.0 ** (step / per_octave) for step in steps
    )


DURATIONS_SECONDS = exponential(-10, 6)
"""From 1 ms to 64 s, four to the octave. The slow-request threshold of 2 s is one of them."""

COUNTS = (
    *(float(n) for n in range(11)),
    *(12.0, 15.0, 20.0, 25.0, 30.0, 40.0, 50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 500.0, 1000.0),
)
"""For small whole numbers: exact to ten, then steps of at most a half. The query threshold of 20 is one of them."""

SIZES_BYTES = tuple(float(2**exponent) for exponent in range(10, 34, 2))
"""From 1 KiB to 8 GiB by fours, for what only has to be roughly right."""

_ALL_SHOWN = 30
_THINNED_TO = 20


def shown(bounds: tuple[float, ...]) -> tuple[float, ...]:
    """Return the bounds that exposition writes: all of up to thirty, of more an even choice of about twenty.

    Every bucket line is a series in Prometheus; cumulative counts at the remaining bounds stay exact. The first
    and the last bound remain. Of bounds made by `exponential` whole octaves remain.
    """
    if len(bounds) <= _ALL_SHOWN:
        return bounds
    every = -(-(len(bounds) - 1) // (_THINNED_TO - 1))
    thinned = bounds[::every]
    return thinned if thinned[-1] == bounds[-1] else (*thinned, bounds[-1])


def ascending(bounds: tuple[float, ...]) -> bool:
    """Whether the bounds are finite and each is above the one before."""
    finite = all(bound == bound and abs(bound) != float("inf") for bound in bounds)
    return bool(bounds) and finite and all(low < high for low, high in pairwise(bounds))
