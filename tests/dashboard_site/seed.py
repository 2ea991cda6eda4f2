"""Fill a directory with ninety days of a shop's numbers, an hour of its log lines, its workers, alerts and users.

    python tests/dashboard_site/seed.py DIRECTORY [--hostile]

Always the same, but for the time: it ends now. `--hostile` adds lines that hold HTML.
"""

import bisect
import json
import math
import os
import random
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
SLOW_ID = "7f3d9c2b8a1e4f60b5c4d3e2f1a09876"
HOSTILE_ID = "0badc0de0badc0de0badc0de0badc0de"
HOSTILE = '<script>document.title="owned"</script><img src=x onerror="document.title=\'owned\'">'

# Route, requests a minute at noon, median seconds, spread, share that fails, queries.
ROUTES = [
    ("/", 42.0, 0.018, 0.5, 0.0004, 3),
    ("books/", 36.0, 0.034, 0.5, 0.0005, 2),
    ("books/<int:pk>/", 58.0, 0.026, 0.6, 0.0008, 4),
    ("books/careless/", 9.0, 0.380, 0.7, 0.002, 96),
    ("search/", 21.0, 0.088, 0.8, 0.003, 5),
    ("orders/", 12.0, 0.061, 0.6, 0.001, 7),
    ("orders/place/", 5.0, 0.142, 0.7, 0.012, 11),
    ("orders/report/", 0.8, 0.900, 0.3, 0.004, 38),
    ("orders/export.csv", 0.3, 0.350, 0.3, 0.0, 6),
    ("login/", 4.0, 0.212, 0.3, 0.0006, 2),
]
HINTS = {
    "books/careless/": [
        'Book.author is loaded once per row at books/views.py:31: add .select_related("author") (49 queries become 1)',
        'Book.publisher is loaded once per row at books/views.py:32: add .select_related("publisher") '
        "(48 queries become 1)",
    ],
    "orders/report/": [
        'Order.lines is loaded once per row at orders/views.py:88: add .prefetch_related("lines") '
        "(37 queries become 2)",
    ],
    "orders/place/": [
        "the same query ran 3 times, first at orders/views.py:41, again at orders/postage.py:17: keep the first result "
        "(3 queries become 1): SELECT … FROM orders_customer WHERE user_id = ?",
    ],
}
THREATS = {"sqli": 0.8, "scanner": 1.4, "xss": 0.35, "path_traversal": 0.5, "login_failures": 0.2}
TRACEBACK = """Traceback (most recent call last):
  File "/srv/shop/orders/views.py", line 52, in place
    postage.book(order)
  File "/srv/shop/orders/postage.py", line 17, in book
    raise TimeoutError("bookkeeping did not answer")
TimeoutError: bookkeeping did not answer"""
CALM_SECONDS = 400
"""Nobody has attacked for so long: the alert on threats is quiet."""
COUNTRIES = ["NL", "NL", "NL", "US", "US", "BR", "VN", "DE"]


def main() -> None:
    directory = Path(sys.argv[1]).resolve()
    directory.mkdir(parents=True, exist_ok=True)
    sys.path.insert(0, str(HERE))
    os.environ["SITE_STATE_DIR"] = str(directory)
    os.environ["DJANGO_SETTINGS_MODULE"] = "watched.settings"
    import django

    django.setup()
    make_users()
    record_audits()
    open_sessions(directory)
    from aura_logging.metrics.stores import open_store

    now = time.time()
    store = open_store(f"sqlite:///{directory}/metrics.db")
    add_numbers(store, now)
    add_workers(store, now)
    add_alerts(store, now)
    store.close()
    write_lines(directory, now, is_hostile="--hostile" in sys.argv)


def make_users() -> None:
    from django.contrib.auth.models import Permission, User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    User.objects.create_superuser("grace", password="grace")
    User.objects.create_user("ada", password="ada")
    User.objects.create_user("sam", password="sam", is_staff=True)
    susan = User.objects.create_user("susan", password="susan", is_staff=True)
    susan.user_permissions.add(Permission.objects.get(codename="view_dashboard", content_type__app_label="aura"))


def record_audits() -> None:
    from aura_logging import audit

    audit.record("report.exported", "report:2026-11", event_class="access", reason="month's end")
    audit.record("order.changed", "order:37", changes={"status": ("open", "paid")}, event_class="change")


def open_sessions(directory: Path) -> None:
    """Log everybody in; `sessions.json` has the cookies' values by user."""
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore

    keys = {}
    for user in User.objects.all():
        session = SessionStore()
        session[SESSION_KEY] = str(user.pk)
        session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
        session[HASH_SESSION_KEY] = user.get_session_auth_hash()
        session.save()
        keys[user.username] = session.session_key
    (directory / "sessions.json").write_text(json.dumps(keys))


def moments(now: float):
    """Yield when numbers are added, and for how long each stands: days, hours, half ones, then ten seconds.

    A minute lies ahead, or the curves would fall while somebody looks at them.
    """
    for since, until, step in (
        (90 * 86_400, 8 * 86_400, 86_400), (8 * 86_400, 86_400, 7_200), (86_400, 3_720, 1_800), (3_720, -60, 10),
    ):  # fmt: skip
        for ago in range(since, until, -step):
            yield now - ago, step


def busyness(at: float) -> float:
    """Return how busy the shop is: less at night and at weekends, a little more every month."""
    day = at / 86_400
    of_the_day = 0.55 + 0.45 * math.sin(2 * math.pi * (day - 0.35))
    return of_the_day * (0.75 if int(day + 4) % 7 >= 5 else 1.0)


def add_numbers(store, now: float) -> None:
    from aura_logging.metrics import catalogue
    from aura_logging.metrics.model import Amount, Sample, Series

    dice = random.Random(1815)
    samples: list[Sample] = []

    def series(metric, *values):
        return Series(
            metric.name,
            metric.kind,
            tuple(sorted(zip(metric.labels, values, strict=True))),
            metric.bounds,
            metric.merge,
        )

    def count(metric, at, number, *values):
        if number:
            samples.append(Sample(series(metric, *values), int(at), Amount(number, number)))

    def observe(metric, at, number, typical, spread, *values):
        quantiles = [typical * math.exp(spread * z) for z in (-1.5, -0.9, -0.5, -0.2, 0.1, 0.4, 0.8, 1.3, 2.1)]
        buckets: dict[int, float] = {}
        total = 0.0
        first = dice.randrange(len(quantiles))
        for place in range(min(number, len(quantiles))):
            times = -(-(number - place) // len(quantiles))
            value = quantiles[(first + place) % len(quantiles)] * dice.uniform(0.9, 1.1)
            total += value * times
            index = bisect.bisect_left(metric.bounds, value)
            buckets[index] = buckets.get(index, 0.0) + times
        samples.append(Sample(series(metric, *values), int(at), Amount(number, total, buckets=buckets)))

    for at, seconds in moments(now):
        incident = 900 <= now - at < 1_800
        lines = {"INFO": 0, "WARNING": 0, "ERROR": 0, "DEBUG": 0}
        for route, per_minute, median, spread, failing, queries in ROUTES:
            # A day stands for a few hours, so that seeding is quick.
            minutes = min(seconds, 7_200) / 60
            number = int(per_minute * minutes * busyness(at) * dice.uniform(0.75, 1.25) + dice.random())
            if not number:
                continue
            hit = incident and route.startswith("orders/")
            failed = min(number, int(number * (0.22 if hit else failing) + dice.random()))
            method = "POST" if route in ("login/", "orders/place/") else "GET"
            members = min(number - failed, int((number - failed) * 0.6 + dice.random()))
            count(catalogue.REQUESTS, at, failed, route, method, "5xx", "authenticated")
            count(catalogue.REQUESTS, at, members, route, method, "2xx", "authenticated")
            count(catalogue.REQUESTS, at, number - failed - members, route, method, "2xx", "anonymous")
            count(catalogue.RESPONSES, at, number - failed, "200")
            count(catalogue.RESPONSES, at, failed, "500")
            count(catalogue.ERRORS, at, failed, "django.request", route, "TimeoutError" if hit else "ValueError")
            observe(catalogue.REQUEST_DURATION, at, number, median * (2.6 if hit else 1), spread, route, method)
            observe(catalogue.REQUEST_DB_QUERIES, at, number, queries, 0.15, route)
            lines["INFO"] += number * 2
            lines["WARNING"] += int(number * 0.03 + dice.random())
            lines["ERROR"] += failed
            lines["DEBUG"] += number // 3
        for level, number in lines.items():
            count(catalogue.LOG_RECORDS, at, number, level, "aura.request" if level == "INFO" else "shop.orders")
        for kind, per_hour in THREATS.items():
            number = int(per_hour * 20 * min(seconds, 3_600) / 3_600 + dice.random()) if now - at > CALM_SECONDS else 0
            count(catalogue.SECURITY_EVENTS, at, number, kind, "aura.security")
            count(catalogue.SECURITY_EVENTS_BY_COUNTRY, at, number, dice.choice(COUNTRIES), "aura.security")
        if 1_195 <= now - at < 1_215:
            count(catalogue.HANDLER_DROPPED, at, 9, "async_file", "buffer_full")
    store.add(samples)


def add_workers(store, now: float) -> None:
    for pid, queued in ((4001, 3), (4002, 12)):
        health = {"status": "healthy", "accepted": 48_211 + pid, "delivered": 48_190 + pid - queued, "queued": queued,
                  "dropped": {"buffer_full": 9}, "circuit_open": False}  # fmt: skip
        store.publish(
            f"web-1:{pid}",
            json.dumps({
                "format": 1, "host": "web-1", "pid": pid, "namespace": "pid:[1]", "program": "gunicorn",
                "started_at": now - 93_000, "told_at": now, "every_seconds": 600.0,
                "handlers": [
                    {"name": "async_file", "class": "aura_logging.handlers.async_buffered.AsyncBufferedHandler",
                     "behind": "", "health": health},
                    {"name": "failover", "class": "aura_logging.handlers.failover.FailoverHandler",
                     "behind": "async_file", "health": {"status": "healthy", "accepted": 48_190, "delivered": 48_190}},
                    {"name": "metrics", "class": "aura_logging.handlers.metrics.MetricsHandler", "behind": "",
                     "health": {"status": "healthy", "accepted": 96_400}},
                ],
                "filters": [
                    {"class": "SamplingFilter", "handler": "async_file",
                     "health": {"status": "healthy", "dropped": {"sampled_info": 18_204, "sampled_debug": 9_377}}},
                ],
            }),
            86_400.0,
        )  # fmt: skip


def add_alerts(store, now: float) -> None:
    from aura_logging.alerts.history import Alert, remember

    def told(rule, phase, severity, summary, value, threshold, ago):
        return Alert(rule, phase, severity, summary, value, threshold, now - ago)

    errors, queries = "more than 5 % of all requests failed", "requests made more than 20 database queries"
    remember(
        store,
        [
            told("threats", "firing", "critical", "a threat was seen", 4.0, 0.0, 9_400),
            told("threats", "resolved", "critical", "a threat was seen", 0.0, 0.0, 8_800),
            told("many_queries", "firing", "warning", queries, 9.0, 0.0, 1_790),
            told("error_rate", "firing", "critical", errors, 0.081, 0.05, 1_640),
            told("error_rate", "resolved", "critical", errors, 0.004, 0.05, 620),
        ],
    )
    state = {"phase": "firing", "since": now - 1_790, "fired_at": now - 1_790, "calm_since": 0.0}
    assert store.swap("alerts", None, json.dumps({"states": {"many_queries": state}, "untold": []}))


def write_lines(directory: Path, now: float, *, is_hostile: bool) -> None:
    dice = random.Random(1851)
    lines: list[dict] = []
    security: list[dict] = []

    def add(at, level, logger, message, **fields):
        stamp = datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        line = {"timestamp": stamp, "level": level, "logger": logger, "message": message}
        lines.append(line | fields | {"service_name": "shop", "environment": "production", "pid": 4001})
        return lines[-1]

    def request(at, correlation_id, route, path, duration, queries, status=200, **fields):
        level = "ERROR" if status >= 500 else "WARNING" if status >= 400 or duration > 0.5 else "INFO"
        more = {"slow": True} if duration > 0.5 else {}
        if route in HINTS:
            more |= {"hints": HINTS[route], "n_plus_one": len(HINTS[route])}
        return add(
            at, level, "aura.request", "request finished", correlation_id=correlation_id, method="GET", route=route,
            path=path, status_code=status, request_duration=round(duration, 6), db_queries=queries,
            db_time=round(duration * 0.62, 6), security_event=False, client_ip="192.0.2.17", **more, **fields,
        )  # fmt: skip

    for number in range(900):
        at = now - 3_540 + number * 3.9
        route, _, median, spread, _, queries = dice.choice(ROUTES)
        correlation_id = f"{dice.getrandbits(128):032x}"
        path = "/" + route.lstrip("/").replace("<int:pk>", str(dice.randrange(1, 60)))
        user = str(dice.randrange(3, 40))
        incident = 900 <= now - at < 1_800 and route.startswith("orders/")
        if dice.random() < 0.5:
            add(at - 0.01, "INFO", "shop.orders", f"shelf {dice.randrange(9)} looked through",
                correlation_id=correlation_id, route=route, user_id=user, found=dice.randrange(50))  # fmt: skip
        status = 500 if incident and dice.random() < 0.25 else 200
        if status == 500:
            add(at - 0.004, "ERROR", "django.request", f"Internal Server Error: {path}", correlation_id=correlation_id,
                route=route, user_id=user, exception_type="TimeoutError",
                exception_message="bookkeeping did not answer", exception=TRACEBACK)  # fmt: skip
        request(at, correlation_id, route, path, median * math.exp(spread * dice.gauss(0, 0.8)), queries, status,
                user_id=user, user_type="authenticated")  # fmt: skip
        if number % 14 == 0 and now - at > CALM_SECONDS:
            kind = dice.choice(list(THREATS))
            line = add(at + 0.1, "WARNING", "aura.security", f"threat seen: {kind}", correlation_id=correlation_id,
                       security_event=True, threat_type=kind, country_code=dice.choice(COUNTRIES),
                       client_ip=f"198.51.100.{dice.randrange(250)}", path=path)  # fmt: skip
            security.append(line)

    slow = {"correlation_id": SLOW_ID, "route": "orders/report/", "user_id": "7"}
    at = now - 140
    add(at - 1.92, "DEBUG", "shop.orders", "report asked for", year=2026, **slow)
    add(at - 1.31, "INFO", "shop.orders", "orders read", orders=37, **slow)
    add(at - 0.42, "WARNING", "shop.bookkeeping", "bookkeeping answered late", seconds=0.8, **slow)
    request(
        at, SLOW_ID, "orders/report/", "/orders/report/", 1.94, 41, user_id="7", user_type="staff",
        memory_delta=1_310_720,
        db_busiest=[
            {"sql": "SELECT … FROM orders_orderline WHERE order_id = ?", "site": "orders/views.py:88", "count": 37,
             "seconds": 0.91},
            {"sql": "SELECT … FROM orders_order WHERE placed_at >= ? ORDER BY placed_at", "site": "orders/views.py:84",
             "count": 1, "seconds": 0.22},
        ],
    )  # fmt: skip
    if is_hostile:
        fields = {"correlation_id": HOSTILE_ID, "route": HOSTILE, "query": HOSTILE}
        trace = f"Traceback (most recent call last):\nValueError: {HOSTILE}"
        add(now - 60, "ERROR", "shop.search", HOSTILE, exception=trace, **fields)
        request(now - 59.9, HOSTILE_ID, HOSTILE, f"/search/?q={HOSTILE}", 0.2, 3, hints=[HOSTILE])
    ordered = sorted(lines, key=lambda line: line["timestamp"])
    for name, chosen in (("app.jsonl", ordered), ("security.jsonl", security)):
        with (directory / name).open("w") as file:
            file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in chosen)


if __name__ == "__main__":
    main()
