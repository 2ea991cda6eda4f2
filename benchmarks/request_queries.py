"""Measure what counting queries adds to views that make some, beside peers, in one run: trust the ratios.

    python benchmarks/request_queries.py [ROUNDS [CANDIDATE …]]

One view asks SQLite for single rows, one loads a ForeignKey lazily for each row of a list (which is what django-zeal
looks for). Each is asked for 10 queries and for 50; the difference of the two, divided by 40, is what a query costs:
what a request costs beside its queries is in both. A view without any would not do for that, being so short that the
processor's caches keep all of it. What the candidates are is in `request_candidates.py`, how they are timed in
`request_rounds.py`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from request_rounds import Row, Site, answer, median_added, median_of, median_ratio, rounds_in_turn

FEW, MANY = 10, 50
REQUESTS = 2
ROUNDS = 100
VIEWS = {"asked for": "asking", "loaded lazily": "loading"}


def views() -> list[Any]:
    from django.contrib.auth.models import Group, Permission
    from django.contrib.contenttypes.models import ContentType
    from django.http import HttpResponse
    from django.urls import path

    keys = []
    for number in range(MANY):
        keys.append(Group.objects.create(name=f"group {number}").pk)
        kind = ContentType.objects.create(app_label="benchmark", model=f"model{number}")
        Permission.objects.create(name="May", codename="benchmark", content_type=kind)

    def asking(request: Any, queries: int) -> HttpResponse:
        for key in keys[:queries]:
            Group.objects.filter(pk=key).first()
        return HttpResponse(b"fine")

    def loading(request: Any, queries: int) -> HttpResponse:
        for permission in Permission.objects.filter(codename="benchmark").order_by("pk")[: queries - 1]:
            str(permission.content_type.model)
        return HttpResponse(b"fine")

    return [path("asking/<int:queries>/", asking), path("loading/<int:queries>/", loading)]


def serve(name: str) -> None:
    """In a candidate's process: µs a request to each of `VIEWS`, with few queries and with many."""
    site = Site(name, views)
    answer(
        lambda: [
            site.microseconds(f"/{view}/{queries}/", REQUESTS * MANY // queries)
            for view in VIEWS.values()
            for queries in (FEW, MANY)
        ]
    )


def few(view: int) -> Callable[[Row], float]:
    return lambda row: row[2 * view]


def many(view: int) -> Callable[[Row], float]:
    return lambda row: row[2 * view + 1]


def a_query(view: int) -> Callable[[Row], float]:
    return lambda row: (row[2 * view + 1] - row[2 * view]) / (MANY - FEW)


def main() -> None:
    taken = rounds_in_turn(__file__, ROUNDS)
    print(f"{'':26}" + "".join(f"{f'queries {how}':>46}" for how in VIEWS))
    print(f"{'':26}" + f"{f'{FEW} of them µs':>17}   added   ratio   one µs  added" * len(VIEWS))
    for name, pairs in taken.items():
        line = f"{name:26}"
        for view in range(len(VIEWS)):
            line += f"{median_of(pairs, few(view)):17.0f} {median_added(pairs, few(view)):7.0f}"
            line += f" {median_ratio(pairs, few(view)):6.2f}x"
            line += f" {median_of(pairs, a_query(view)):7.0f} {median_added(pairs, a_query(view)):6.1f}"
        print(line)


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve(sys.argv[-1])
    else:
        main()
