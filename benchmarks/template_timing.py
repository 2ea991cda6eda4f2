"""Measure what our template backend adds to rendering a template, in one run: trust the difference, not the decimals.

    python benchmarks/template_timing.py [ROUNDS]

The smallest template there is, rendered by Django's backend and by ours in turn, inside a request whose time is kept.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any

TIMES = 4_000
ROUNDS = 40
BACKENDS = {
    "django's": "django.template.backends.django.DjangoTemplates",
    "ours": "aura_logging.django.template_backends.django.DjangoTemplates",
}


def main() -> None:
    import django
    from django.conf import settings

    settings.configure(TEMPLATES=[{"BACKEND": path, "NAME": name} for name, path in BACKENDS.items()])
    django.setup()
    from django.template import engines

    from aura_logging.performance.queries import QueryLog, current

    current.set(QueryLog())
    templates: dict[str, Any] = {name: engines[name].from_string("fine") for name in BACKENDS}
    taken: dict[str, list[float]] = {name: [] for name in BACKENDS}
    for _ in range(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS):
        for name, template in templates.items():
            started = time.process_time()
            for _ in range(TIMES):
                template.render()
            taken[name].append((time.process_time() - started) / TIMES * 1e6)
    for name, rounds in taken.items():
        print(f"{name:10} {statistics.median(rounds):6.2f} µs a template, least {min(rounds):6.2f}")
    added = statistics.median(own - bare for own, bare in zip(taken["ours"], taken["django's"], strict=True))
    print(f"added      {added:6.2f} µs")


if __name__ == "__main__":
    main()
