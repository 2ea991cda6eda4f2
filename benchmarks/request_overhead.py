"""Measure what our middleware and its wide record add to a request, beside peers, in one run: trust the ratios.

    python benchmarks/request_overhead.py [ROUNDS [CANDIDATE …]]

The view is a trivial one, without a query. What the candidates are is in `request_candidates.py`, how they are timed
in `request_rounds.py`. What is logged is written to files.
"""

from __future__ import annotations

import sys
from typing import Any

from request_rounds import Row, Site, answer, median_added, median_of, median_ratio, rounds_in_turn

REQUESTS = 100
ROUNDS = 100
MEASURED_BY = ("django-guid", "django-structlog", "django-structlog, one file")


def views() -> list[Any]:
    from django.http import HttpResponse
    from django.urls import path

    return [path("things/<int:number>/", lambda request, number: HttpResponse(b"fine"))]


def microseconds(row: Row) -> float:
    return row[0]


def serve(name: str) -> None:
    """In a candidate's process: µs a request, and bytes logged a request so far."""
    site = Site(name, views)
    answer(lambda: (site.microseconds("/things/7/", REQUESTS), site.bytes_logged()))


def main() -> None:
    taken = rounds_in_turn(__file__, ROUNDS)
    added = {name: median_added(pairs, microseconds) for name, pairs in taken.items()}
    print(f"{'':26} µs a request    added   ratio to bare   bytes logged a request")
    for name, pairs in taken.items():
        ratio = median_ratio(pairs, microseconds)
        logged = pairs[-1].own[1]
        print(f"{name:26} {median_of(pairs, microseconds):12.1f} {added[name]:8.1f} {ratio:14.2f}x {logged:18.0f}")
    for peer in [peer for peer in MEASURED_BY if peer in added]:
        multiples = [f"{name} {added[name] / added[peer]:.2f}" for name in added if name.startswith("ours")]
        if multiples:
            print(f"as a multiple of what {peer} adds: {'; '.join(multiples)}")


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve(sys.argv[-1])
    else:
        main()
